//! The script that a client calls when its lease changes: it gives the interface its address and leaves the lease in a file.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, anyhow};

use super::{Client, ClientLease};

/// udhcpc says what happened in its first argument, dhclient in `$reason`; the variables differ in name only.
const SCRIPT: &str = r#"#!/bin/sh
set -e
event=${1:-$reason}
interface=${interface:?}
case "$event" in
bound|renew|BOUND|RENEW|REBIND|REBOOT)
	ip address replace "${ip:-$new_ip_address}/${subnet:-$new_subnet_mask}" dev "$interface"
	env -0 >"$FREEHOLD_LEASE.new"
	mv "$FREEHOLD_LEASE.new" "$FREEHOLD_LEASE"
	;;
deconfig|EXPIRE|FAIL|RELEASE|STOP|PREINIT)
	ip address flush dev "$interface"
	rm -f "$FREEHOLD_LEASE"
	;;
esac
"#;

/// The names of the variables of one client program.
pub(super) struct Names {
    pub(super) address: &'static str,
    pub(super) mask: &'static str,
    pub(super) routers: &'static str,
    pub(super) dns_servers: &'static str,
    pub(super) domain_name: &'static str,
    pub(super) ntp_servers: &'static str,
    pub(super) lease_seconds: &'static str,
    pub(super) server: &'static str,
}

impl Client {
    /// Writes the script into the client's folder.
    pub(super) fn script(&self) -> Result<PathBuf> {
        let path = self.host.folder().join("lease-script");
        if !path.exists() {
            fs::write(&path, SCRIPT)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(path)
    }

    /// Where the script leaves the lease; the environment variable `FREEHOLD_LEASE`.
    pub(super) fn lease_path(&self) -> PathBuf {
        self.host.folder().join("lease")
    }

    /// The lease that the script saw last; `None` without one.
    pub(super) fn lease(&self, names: &Names) -> Result<Option<ClientLease>> {
        match fs::read_to_string(self.lease_path()) {
            Ok(text) => parse(&text, names).map(Some).with_context(|| format!("the client left {text:?}")),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn parse(text: &str, names: &Names) -> Result<ClientLease> {
    let said: BTreeMap<&str, &str> = text.split('\0').filter_map(|line| line.split_once('=')).collect();
    Ok(ClientLease {
        address: one(&said, names.address)?,
        mask: one(&said, names.mask)?,
        routers: list(&said, names.routers)?,
        dns_servers: list(&said, names.dns_servers)?,
        domain_name: said.get(names.domain_name).map(|&name| name.to_owned()),
        ntp_servers: list(&said, names.ntp_servers)?,
        lease_seconds: one(&said, names.lease_seconds)?,
        server: one(&said, names.server)?,
    })
}

fn one<T: FromStr<Err: Into<anyhow::Error>>>(said: &BTreeMap<&str, &str>, name: &str) -> Result<T> {
    let text = said.get(name).ok_or_else(|| anyhow!("there is no {name}"))?;
    text.parse().map_err(Into::into).with_context(|| format!("{name} is {text:?}"))
}

fn list<T: FromStr<Err: Into<anyhow::Error>>>(said: &BTreeMap<&str, &str>, name: &str) -> Result<Vec<T>> {
    let text = said.get(name).copied().unwrap_or_default();
    text.split_whitespace()
        .map(|item| item.parse().map_err(Into::into).with_context(|| format!("{name} is {text:?}")))
        .collect()
}
