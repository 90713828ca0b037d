//! A host of its own for one Kea: two network namespaces with a cable, and everything Kea needs in a temporary folder.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use freehold_agent::driver::kea::apply::{Failpoint, Kea};
use freehold_agent::driver::kea::control::{ConfigText, ControlSocket};
use serde_json::{Value, json};

/// The names that this process gave, so that tests of several processes do not meet.
fn unique(name: &str) -> String {
    format!("fh{}{}", std::process::id(), &name[..name.len().min(4)])
}

pub(crate) struct KeaHost {
    folder: tempfile::TempDir,
    namespace: String,
    config_file: PathBuf,
    lease_file: PathBuf,
    process: Option<Child>,
}

impl KeaHost {
    /// A running Kea with `own` besides what it needs, or `None` where that cannot be had.
    pub(crate) async fn start(name: &str, own: Value) -> Option<Self> {
        let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
        let has = |program: &str| {
            Command::new("sh")
                .args(["-c", &format!("command -v {program}")])
                .output()
                .is_ok_and(|out| out.status.success())
        };
        if !root || !has("kea-dhcp4") || !has("ip") || !has("udhcpc") {
            eprintln!("SKIPPED {name}: needs root, ip, kea-dhcp4 (package kea-dhcp4-server) and udhcpc");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let namespace = unique(name);
        let (config_file, lease_file) = (folder.path().join("kea-dhcp4.conf"), folder.path().join("leases.csv"));
        let mut dhcp4 = json!({
            "interfaces-config": {"interfaces": ["srv"], "dhcp-socket-type": "raw"},
            "control-socket": {"socket-type": "unix", "socket-name": folder.path().join("socket")},
            "lease-database": {"type": "memfile", "persist": true, "lfc-interval": 0},
            "hooks-libraries": [
                {"library": "/usr/lib/x86_64-linux-gnu/kea/hooks/libdhcp_lease_cmds.so"},
                {"library": "/usr/lib/x86_64-linux-gnu/kea/hooks/libdhcp_stat_cmds.so"},
            ],
            "loggers": [{"name": "kea-dhcp4", "severity": "WARN", "output_options": [{"output": folder.path().join("log")}]}],
        });
        dhcp4.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        dhcp4["lease-database"]["name"] = json!(lease_file);
        fs::write(&config_file, format!("// A comment.\n{{\"Dhcp4\": {dhcp4} /* another */ }}\n")).unwrap();
        let mut host = Self { folder, namespace, config_file, lease_file, process: None };
        host.build_network();
        host.start_kea().await;
        Some(host)
    }

    /// The driver as an agent on this host would have it.
    pub(crate) fn kea(&self) -> Kea {
        Kea {
            socket: self.socket(),
            config_file: self.config_file.clone(),
            lease_file: Some(self.lease_file.clone()),
            intent_file: self.folder.path().join("intent.json"),
            failpoint: Failpoint::default(),
        }
    }

    pub(crate) fn config_file(&self) -> &Path {
        &self.config_file
    }

    pub(crate) fn lease_file(&self) -> &Path {
        &self.lease_file
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Everything in the host's folder.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// What Kea logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What a hand with socat would do.
    pub(crate) async fn set_config(&self, config: &Value) {
        self.socket().set_config(&ConfigText::of(config)).await.unwrap();
    }

    /// The same without async, to be called at a failpoint.
    pub(crate) fn hand(&self) -> impl Fn(&Value) + use<> {
        let socket = self.folder.path().join("socket");
        move |config| {
            let mut stream = UnixStream::connect(&socket).unwrap();
            stream.write_all(json!({"command": "config-set", "arguments": config}).to_string().as_bytes()).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            assert!(answer.contains("\"result\": 0"), "{answer}");
        }
    }

    pub(crate) async fn kill_and_restart(&mut self) {
        self.stop_kea();
        self.start_kea().await;
    }

    /// A client asks for a lease so many times; how often was it answered?
    pub(crate) async fn ask(&self, times: usize) -> usize {
        let mut answered = 0;
        for _ in 0..times {
            let namespace = self.client_namespace();
            let arguments = [
                "netns",
                "exec",
                &namespace,
                "udhcpc",
                "-i",
                "cli",
                "-n",
                "-q",
                "-f",
                "-t",
                "1",
                "-T",
                "2",
                "-s",
                "/bin/true",
            ];
            let status =
                tokio::process::Command::new("ip").args(arguments).stderr(Stdio::null()).status().await.unwrap();
            answered += usize::from(status.success());
        }
        answered
    }

    /// perfdhcp's clients get `count` leases, `rate` a second; its own report at the end.
    pub(crate) async fn lease(&self, count: u32, rate: u32) -> String {
        let (namespace, count, rate) = (self.client_namespace(), count.to_string(), rate.to_string());
        let arguments = [
            "netns", "exec", &namespace, "perfdhcp", "-4", "-l", "cli", "-R", "100000", "-n", &count, "-r", &rate,
            "-W", "3000000",
        ];
        let output = tokio::process::Command::new("ip").args(arguments).output().await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn socket(&self) -> ControlSocket {
        ControlSocket::at(self.folder.path().join("socket"))
    }

    fn client_namespace(&self) -> String {
        format!("{}c", self.namespace)
    }

    fn build_network(&self) {
        let (server, client) = (&self.namespace, &self.client_namespace());
        ip(&["netns", "add", server]);
        ip(&["netns", "add", client]);
        ip(&["-n", server, "link", "add", "srv", "type", "veth", "peer", "name", "cli", "netns", client]);
        ip(&["-n", server, "addr", "add", "10.77.0.1/16", "dev", "srv"]);
        ip(&["-n", server, "link", "set", "srv", "up"]);
        ip(&["-n", client, "addr", "add", "10.77.255.254/16", "dev", "cli"]);
        ip(&["-n", client, "link", "set", "cli", "up"]);
    }

    async fn start_kea(&mut self) {
        let log = fs::File::create(self.folder.path().join("out")).unwrap();
        let child = Command::new("ip")
            .args(["netns", "exec", &self.namespace, "kea-dhcp4", "-c"])
            .arg(&self.config_file)
            .env("KEA_PIDFILE_DIR", self.folder.path())
            .env("KEA_LOCKFILE_DIR", self.folder.path())
            .stderr(log.try_clone().unwrap())
            .stdout(log)
            .spawn()
            .unwrap();
        self.process = Some(child);
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.socket().status().await.is_err() {
            assert!(Instant::now() < deadline, "Kea did not start: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn stop_kea(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for KeaHost {
    fn drop(&mut self) {
        self.stop_kea();
        ip(&["netns", "del", &self.namespace]);
        ip(&["netns", "del", &self.client_namespace()]);
    }
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip").args(arguments).status().unwrap();
    assert!(status.success(), "ip {arguments:?}");
}
