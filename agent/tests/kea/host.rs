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
use freehold_agent::driver::kea::protocol::Protocol;
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
    protocol: Protocol,
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
    pub(crate) async fn start(generation: Generation, name: &str, own: Value) -> Option<Self> {
        Self::start_of(Protocol::V4, generation, name, own).await
    }

    /// The same of either protocol.
    pub(crate) async fn start_of(
        protocol: Protocol,
        generation: Generation,
        name: &str,
        mut own: Value,
    ) -> Option<Self> {
        let root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
        let has = |program: &Path| {
            Command::new("sh")
                .args(["-c", &format!("command -v {}", program.display())])
                .output()
                .is_ok_and(|out| out.status.success())
        };
        let server = generation.server(protocol);
        let client = match protocol {
            Protocol::V4 => "udhcpc",
            Protocol::V6 => "dhclient",
        };
        if !root || ![&server, Path::new("ip"), Path::new(client)].into_iter().all(has) {
            eprintln!(
                "SKIPPED {name}: needs root, ip, {client} and {} of {generation:?}, which `cargo verify` fetches",
                protocol.kind()
            );
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        // What Kea 2.6 asks of a folder with a control socket in it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o750)).unwrap();
        let namespace = unique();
        let (config_file, lease_file) =
            (folder.path().join(format!("{}.conf", protocol.kind())), folder.path().join("leases.csv"));
        let mut root = json!({
            "interfaces-config": {"interfaces": ["srv"]},
            "control-socket": {"socket-type": "unix", "socket-name": folder.path().join("socket")},
            "lease-database": {"type": "memfile", "persist": true, "lfc-interval": 0},
            "hooks-libraries": generation.hooks().iter().map(|hook| json!({"library": hook})).collect::<Vec<_>>(),
            "loggers": [{"name": protocol.kind(), "severity": "WARN", "output_options": [{"output": folder.path().join("log")}]}],
        });
        if (protocol, generation) == (Protocol::V6, Generation::Kea2_2) {
            // Where it keeps its own DUID; later ones are told by the environment.
            root["data-directory"] = json!(folder.path());
        }
        let more = own.as_object_mut().unwrap().remove("loggers");
        for mut logger in more.iter().flat_map(|loggers| loggers.as_array().unwrap().clone()) {
            logger["output_options"] = json!([{"output": folder.path().join("log")}]);
            root["loggers"].as_array_mut().unwrap().push(logger);
        }
        root.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        root["lease-database"]["name"] = json!(lease_file);
        fs::write(&config_file, format!("// A comment.\n{{\"{}\": {root} /* another */ }}\n", protocol.root()))
            .unwrap();
        let mut host = Self { protocol, generation, server, folder, namespace, config_file, lease_file, process: None };
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

    /// What it said before it could log.
    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("out")).unwrap_or_default()
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

    /// perfdhcp's clients get `count` leases, of DHCPv6 as many prefixes too, `rate` a second; its own report at the end.
    pub(crate) async fn lease(&self, count: u32, rate: u32) -> String {
        let (namespace, count, rate) = (self.client_namespace(), count.to_string(), rate.to_string());
        let of_protocol: &[&str] = match self.protocol {
            Protocol::V4 => &["-4"],
            Protocol::V6 => &["-6", "-e", "address-and-prefix"],
        };
        let output = tokio::process::Command::new("ip")
            .args(["netns", "exec", &namespace, "perfdhcp"])
            .args(of_protocol)
            .args(["-l", "cli", "-R", "100000", "-n", &count, "-r", &rate, "-W", "3000000"])
            .output()
            .await
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// A client of DHCPv6 with this DUID asks for an address and a prefix; what it was given, if it was within four seconds.
    pub(crate) async fn ask_v6(&self, duid: &[u8]) -> Option<Given> {
        let (leases, pid) = (self.folder.path().join("client.leases"), self.folder.path().join("client.pid"));
        let octal: String = duid.iter().map(|byte| format!("\\{byte:03o}")).collect();
        fs::write(&leases, format!("default-duid \"{octal}\";\n")).unwrap();
        let namespace = self.client_namespace();
        let mut client = tokio::process::Command::new("ip")
            .args(["netns", "exec", &namespace, "dhclient", "-6", "-N", "-P", "-1", "-d", "-sf", "/bin/true"])
            .arg("-lf")
            .arg(&leases)
            .arg("-pf")
            .arg(&pid)
            .arg("cli")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(4);
        let given = loop {
            let given = Given::of(&fs::read_to_string(&leases).unwrap());
            if given.is_some() || Instant::now() > deadline {
                break given;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        client.kill().await.unwrap();
        given
    }

    fn socket(&self) -> ControlSocket {
        ControlSocket::at(self.protocol, self.folder.path().join("socket"))
    }

    fn client_namespace(&self) -> String {
        format!("{}c", self.namespace)
    }

    fn build_network(&self) {
        let (server, client) = (&self.namespace, &self.client_namespace());
        ip(&["netns", "add", server]);
        ip(&["netns", "add", client]);
        for namespace in [server, client] {
            // Kea binds no address that is still being tried for being another's (RFC 4862 §5.4), and says so once.
            let namespace = ["netns", "exec", namespace, "sh", "-c"];
            ip(&[&namespace[..], &["echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad"]].concat());
        }
        ip(&["-n", server, "link", "add", "srv", "type", "veth", "peer", "name", "cli", "netns", client]);
        ip(&["-n", server, "addr", "add", "10.77.0.1/16", "dev", "srv"]);
        ip(&["-n", server, "addr", "add", "2001:db8:77::1/64", "dev", "srv", "nodad"]);
        ip(&["-n", server, "link", "set", "srv", "up"]);
        ip(&["-n", client, "addr", "add", "10.77.255.254/16", "dev", "cli"]);
        ip(&["-n", client, "link", "set", "cli", "up"]);
        let deadline = Instant::now() + Duration::from_secs(10);
        for (namespace, interface) in [(server, "srv"), (client, "cli")] {
            let look = || {
                let arguments =
                    ["-n", namespace, "-6", "addr", "show", "dev", interface, "scope", "link", "-tentative"];
                Command::new("ip").args(arguments).output().unwrap().stdout
            };
            while look().is_empty() {
                assert!(Instant::now() < deadline, "{interface} has no address of its own link");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
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
            assert!(Instant::now() < deadline, "Kea did not start: {}{}", self.log(), self.said());
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

/// What a client of DHCPv6 was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) address: Option<String>,
    pub(crate) prefix: Option<String>,
}

impl Given {
    /// Out of dhclient's file, once it says that it is bound.
    fn of(leases: &str) -> Option<Self> {
        leases.contains("server-id").then(|| {
            let word = |name: &str| {
                let line = leases.lines().find_map(|line| line.trim().strip_prefix(name));
                line.and_then(|rest| Some(rest.split_whitespace().next()?.to_owned()))
            };
            Self { address: word("iaaddr "), prefix: word("iaprefix ") }
        })
    }
}
