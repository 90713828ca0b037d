//! A host of its own for one Kea: two network namespaces with a cable, and everything Kea needs in a temporary folder.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use freehold_agent::driver::kea::apply::{Failpoint, Kea};
use freehold_agent::driver::kea::control::{ConfigText, ControlSocket};
use freehold_agent::driver::kea::known::Memory;
use serde_json::{Value, json};

use crate::generation::Generation;

/// A name for a network namespace that no other test of this or another process has; with one more letter an interface's would still fit.
fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("fh{}n{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn command(socket: &Path, name: &str, arguments: &Value) {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(json!({"command": name, "arguments": arguments}).to_string().as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\"result\": 0"), "{answer}");
}

pub(crate) struct KeaHost {
    generation: Generation,
    server: PathBuf,
    folder: tempfile::TempDir,
    namespace: String,
    config_file: PathBuf,
    lease_file: PathBuf,
    process: Option<Child>,
}

impl KeaHost {
    /// A running Kea that logs more than warnings of some things.
    pub(crate) async fn start_logging(generation: Generation, name: &str, loggers: Value) -> Option<Self> {
        Self::start(generation, name, json!({"loggers": loggers})).await
    }

    /// A running Kea with `own` besides what it needs, or `None` where that cannot be had.
    pub(crate) async fn start(generation: Generation, name: &str, mut own: Value) -> Option<Self> {
        let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
        let has = |program: &Path| {
            Command::new("sh")
                .args(["-c", &format!("command -v {}", program.display())])
                .output()
                .is_ok_and(|out| out.status.success())
        };
        let server = generation.server();
        if !root || ![&server, Path::new("ip"), Path::new("udhcpc")].into_iter().all(has) {
            eprintln!("SKIPPED {name}: needs root, ip, udhcpc and {generation:?}, which `cargo verify` fetches");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        // What Kea 2.6 asks of a folder with a control socket in it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o750)).unwrap();
        let namespace = unique();
        let (config_file, lease_file) = (folder.path().join("kea-dhcp4.conf"), folder.path().join("leases.csv"));
        let mut dhcp4 = json!({
            "interfaces-config": {"interfaces": ["srv"], "dhcp-socket-type": "raw"},
            "control-socket": {"socket-type": "unix", "socket-name": folder.path().join("socket")},
            "lease-database": {"type": "memfile", "persist": true, "lfc-interval": 0},
            "hooks-libraries": generation.hooks().iter().map(|hook| json!({"library": hook})).collect::<Vec<_>>(),
            "loggers": [{"name": "kea-dhcp4", "severity": "WARN", "output_options": [{"output": folder.path().join("log")}]}],
        });
        let more = own.as_object_mut().unwrap().remove("loggers");
        for mut logger in more.iter().flat_map(|loggers| loggers.as_array().unwrap().clone()) {
            logger["output_options"] = json!([{"output": folder.path().join("log")}]);
            dhcp4["loggers"].as_array_mut().unwrap().push(logger);
        }
        dhcp4.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        dhcp4["lease-database"]["name"] = json!(lease_file);
        fs::write(&config_file, format!("// A comment.\n{{\"Dhcp4\": {dhcp4} /* another */ }}\n")).unwrap();
        let mut host = Self { generation, server, folder, namespace, config_file, lease_file, process: None };
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
            memory: Memory::default(),
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
        move |config| command(&socket, "config-set", config)
    }

    /// A command by hand, which must succeed.
    pub(crate) fn command(&self, name: &str, arguments: &Value) {
        command(&self.folder.path().join("socket"), name, arguments);
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

    /// Option 43 as a client is told it, in hexadecimal.
    pub(crate) async fn vendor_options(&self) -> String {
        let (script, told) = (self.folder.path().join("script"), self.folder.path().join("told"));
        let text = format!("#!/bin/sh\n[ \"$1\" = bound ] && printf %s \"$opt43\" > {}\nexit 0\n", told.display());
        fs::write(&script, text).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let namespace = self.client_namespace();
        let udhcpc = ["udhcpc", "-i", "cli", "-n", "-q", "-f", "-t", "3", "-T", "2", "-O", "43", "-s"];
        let status = tokio::process::Command::new("ip")
            .args(["netns", "exec", &namespace])
            .args(udhcpc)
            .arg(&script)
            .stderr(Stdio::null())
            .status()
            .await
            .unwrap();
        assert!(status.success(), "no lease");
        let options = fs::read_to_string(&told).unwrap();
        fs::remove_file(told).unwrap();
        options
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
            .args(["netns", "exec", &self.namespace])
            .arg(&self.server)
            .arg("-c")
            .arg(&self.config_file)
            .envs(self.generation.environment(self.folder.path()))
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
