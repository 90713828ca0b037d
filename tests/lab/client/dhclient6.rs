//! ISC's client for DHCPv6: asks for an address and a prefix to delegate, stays and renews.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::Ipv6Addr;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use super::Client;
use crate::process::{Process, Program};
use crate::wait::until;

/// dhclient calls it for the address and for the prefix, in one call or in two.
const SCRIPT: &str = r#"#!/bin/sh
set -e
case "$reason" in
BOUND6|RENEW6|REBIND6)
	if [ -n "$new_ip6_address" ]; then
		ip -6 address replace "$new_ip6_address/128" dev "$interface"
		echo "$new_ip6_address" >"$FREEHOLD_LEASE.address"
		echo "$new_dhcp6_name_servers" >"$FREEHOLD_LEASE.dns"
	fi
	if [ -n "$new_ip6_prefix" ]; then
		echo "$new_ip6_prefix" >"$FREEHOLD_LEASE.prefix"
	fi
	;;
EXPIRE6|RELEASE6|STOP6|DEPREF6)
	rm -f "$FREEHOLD_LEASE.address" "$FREEHOLD_LEASE.dns" "$FREEHOLD_LEASE.prefix"
	;;
esac
"#;

/// What a client of DHCPv6 was given, in its own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientLease6 {
    /// Its address.
    pub address: Ipv6Addr,
    /// The prefix that is delegated to it, `2001:db8:8000::/56`.
    pub prefix: String,
    /// Option 23.
    pub dns_servers: Vec<Ipv6Addr>,
}

/// A running dhclient -6.
#[derive(Debug)]
pub struct Dhclient6 {
    client: Client,
    /// Held, not used: dropping it kills the client, which then releases nothing.
    _process: Process,
}

impl Client {
    /// Its DUID: that of its hardware address (DUID-LL, RFC 8415 §11.4), as dhclient is told to make it.
    pub fn duid(&self) -> String {
        let hardware: Vec<_> = self.link.hardware_address().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("00:03:00:01:{}", hardware.join(":"))
    }

    /// Starts dhclient for DHCPv6; it goes on asking until it has an address and a prefix, and then keeps them.
    pub fn dhclient6(&self) -> Result<Dhclient6> {
        let folder = self.host.folder();
        let (script, config) = (folder.join("lease6-script"), folder.join("dhclient6.conf"));
        fs::write(&script, SCRIPT)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        fs::write(&config, "also request dhcp6.name-servers;\n")?;
        let program = Program::new(Program::copied("dhclient", folder)?)
            .args(["-6", "-d", "-v", "-N", "-P", "-D", "LL", "-cf"])
            .arg(config)
            .arg("-sf")
            .arg(script)
            .arg("-lf")
            .arg(folder.join("dhclient6.leases"))
            .arg("-pf")
            .arg(folder.join("dhclient6.pid"))
            .arg("-e")
            .arg(format!("FREEHOLD_LEASE={}", self.lease_path().display()))
            .arg(self.link.interface());
        Ok(Dhclient6 { client: self.clone(), _process: self.host.start("dhclient6", program)? })
    }
}

impl Dhclient6 {
    /// Waits for an address and a prefix.
    pub fn wait_for_lease(&self, limit: Duration) -> Result<ClientLease6> {
        until("dhclient has an address and a prefix", limit, || self.lease()?.ok_or_else(|| anyhow!("it has not")))
    }

    /// What it has now; `None` until it has both.
    pub fn lease(&self) -> Result<Option<ClientLease6>> {
        let mut said = BTreeMap::new();
        for what in ["address", "prefix", "dns"] {
            let path = self.client.lease_path().with_extension(what);
            match fs::read_to_string(&path) {
                Ok(text) => said.insert(what, text.trim().to_owned()),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
            };
        }
        ensure!(!said["address"].is_empty() && !said["prefix"].is_empty(), "the client left {said:?}");
        let dns_servers = said["dns"].split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        Ok(Some(ClientLease6 { address: said["address"].parse()?, prefix: said["prefix"].clone(), dns_servers }))
    }
}
