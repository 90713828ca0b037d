//! ISC's client, which stays and renews.

use std::time::Duration;

use anyhow::{Result, anyhow};

use super::script::Names;
use super::{Client, ClientLease};
use crate::process::{Process, Program};
use crate::wait::until;

const NAMES: Names = Names {
    address: "new_ip_address",
    mask: "new_subnet_mask",
    routers: "new_routers",
    dns_servers: "new_domain_name_servers",
    domain_name: "new_domain_name",
    ntp_servers: "new_ntp_servers",
    lease_seconds: "new_dhcp_lease_time",
    server: "new_dhcp_server_identifier",
};

/// A running dhclient.
#[derive(Debug)]
pub struct Dhclient {
    client: Client,
    /// Held, not used: dropping it kills the client, which then releases nothing.
    _process: Process,
}

impl Client {
    /// Starts dhclient; it goes on asking until it has a lease, and then keeps it.
    pub fn dhclient(&self) -> Result<Dhclient> {
        let folder = self.host.folder();
        let config = folder.join("dhclient.conf");
        std::fs::write(
            &config,
            "request subnet-mask, routers, domain-name-servers, domain-name, ntp-servers;\n\
             timeout 60;\nretry 2;\ninitial-interval 1;\nbackoff-cutoff 2;\n",
        )?;
        let program = self.dhclient_program()?.args(["-d", "-v", "-cf"]).arg(config).arg(self.link.interface());
        Ok(Dhclient { client: self.clone(), _process: self.host.start("dhclient", program)? })
    }

    /// The program with its files and its script.
    fn dhclient_program(&self) -> Result<Program> {
        let folder = self.host.folder();
        Ok(Program::new(Program::copied("dhclient", folder)?)
            .arg("-sf")
            .arg(self.script()?)
            .arg("-lf")
            .arg(folder.join("dhclient.leases"))
            .arg("-pf")
            .arg(folder.join("dhclient.pid"))
            // dhclient hands its script only the variables that it is told to.
            .arg("-e")
            .arg(format!("FREEHOLD_LEASE={}", self.lease_path().display())))
    }
}

impl Dhclient {
    /// Waits for a lease.
    pub fn wait_for_lease(&self, limit: Duration) -> Result<ClientLease> {
        until("dhclient has a lease", limit, || self.lease()?.ok_or_else(|| anyhow!("it has none")))
    }

    /// Gives the lease back, and ends.
    pub fn release(self) -> Result<()> {
        let program = self.client.dhclient_program()?.arg("-r").arg(self.client.link.interface());
        self.client.host.run("dhclient-release", program, Duration::from_secs(15))?.success().map(drop)
    }

    /// The lease it has now.
    pub fn lease(&self) -> Result<Option<ClientLease>> {
        self.client.lease(&NAMES)
    }
}
