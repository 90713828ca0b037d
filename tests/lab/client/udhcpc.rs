//! busybox's client, once: ask, take the lease, leave.

use std::time::Duration;

use anyhow::Result;

use super::script::Names;
use super::{Client, ClientLease};
use crate::process::Program;

const NAMES: Names = Names {
    address: "ip",
    mask: "subnet",
    routers: "router",
    dns_servers: "dns",
    domain_name: "domain",
    ntp_servers: "ntpsrv",
    lease_seconds: "lease",
    server: "serverid",
};

impl Client {
    /// Asks for an address: three tries a second apart. `None` when nobody answers.
    pub fn udhcpc(&self) -> Result<Option<ClientLease>> {
        let program = Program::new("udhcpc")
            .args(["-f", "-q", "-n", "-t", "3", "-T", "1", "-O", "ntpsrv", "-i", self.link.interface(), "-s"])
            .arg(self.script()?)
            .env("FREEHOLD_LEASE", self.lease_path());
        let output = self.host.run("udhcpc", program, Duration::from_secs(15))?;
        // 1 is "no lease, failing"; the script then has removed the lease before.
        if output.status.code() != Some(1) {
            output.success()?;
        }
        self.lease(&NAMES)
    }
}
