//! From arguments to the fields of a scope, through core's own types.

use crate::duration;
use crate::error::Failure;
use crate::names;
use clap::Args;
use freehold_core::Refusal;
use freehold_core::model::{LeaseTimes, PrefixPool};
use freehold_core::name::ServerName;
use freehold_core::net::{AddressRange, Family};
use freehold_core::option::{OptionCode, OptionName, OptionValue, Options};
use freehold_core::refusal::Reason;
use freehold_proto::{convert, v1};
use std::net::IpAddr;

/// What may be given when a scope is made and when it is changed.
#[derive(Debug, Args)]
pub(crate) struct Fields {
    /// Addresses that may be leased, such as 10.1.2.10-10.1.2.200
    #[arg(long, value_name = "RANGE", value_delimiter = ',')]
    pub range: Vec<AddressRange>,
    /// Routers (option 3)
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    router: Vec<String>,
    /// DNS servers (option 6; of DHCPv6 23)
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    dns: Vec<String>,
    /// The domain that clients are in (option 15)
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// Domains that clients search (option 119; of DHCPv6 24)
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    search: Vec<String>,
    /// NTP servers (option 42; of DHCPv6 31)
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    ntp: Vec<String>,
    /// Any option by code or name: lists split by commas, bytes in hexadecimal
    #[arg(long, value_name = "CODE=VALUE", value_parser = option)]
    option: Vec<(OptionName, String)>,
    /// Blocks out of which prefixes are delegated, such as 2001:db8:8000::/36=56 for prefixes of 56 bits
    #[arg(long, value_name = "BLOCK=LENGTH", value_delimiter = ',', value_parser = prefix_pool)]
    pub prefix_pool: Vec<PrefixPool>,
    /// The server's network interface on the scope's link; clients of DHCPv6 on the server's own link need it
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    /// Addresses of relays that are not in the network
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    relay: Vec<IpAddr>,
    /// What relays put into the interface-id option on the scope's link (DHCPv6)
    #[arg(long, value_name = "TEXT")]
    interface_id: Option<String>,
    /// How long a lease is good for, such as 1h
    #[arg(long, value_name = "DURATION", value_parser = duration::parse_seconds)]
    lease_time: Option<u32>,
    /// For how long clients begin new connections from an IPv6 address; five eighths of the lease if not given
    #[arg(long, value_name = "DURATION", value_parser = duration::parse_seconds)]
    preferred_time: Option<u32>,
    /// When clients first renew (T1); the server decides if not given
    #[arg(long, value_name = "DURATION", value_parser = duration::parse_seconds)]
    renew_time: Option<u32>,
    /// When clients ask any server (T2); the server decides if not given
    #[arg(long, value_name = "DURATION", value_parser = duration::parse_seconds)]
    rebind_time: Option<u32>,
    /// The server that serves it, such as berlin-1/kea4
    #[arg(long, value_parser = names::server)]
    pub server: Option<ServerName>,
    /// What it is for
    #[arg(long)]
    pub description: Option<String>,
}

/// A block and the length of the prefixes out of it.
fn prefix_pool(text: &str) -> Result<PrefixPool, Refusal> {
    let (block, length) = text.split_once('=').unwrap_or((text, ""));
    format!("{block} by /{length}").parse()
}

fn option(text: &str) -> Result<(OptionName, String), Refusal> {
    let (code, value) = text.split_once('=').ok_or_else(|| {
        Refusal::new(Reason::InvalidOption, format!("{text:?} is not of the form CODE=VALUE, such as 150=0a000001"))
    })?;
    Ok((OptionName::parse(code)?, value.to_owned()))
}

impl Fields {
    /// Whether any option was given.
    pub(crate) fn has_options(&self) -> bool {
        let lists = [&self.router, &self.dns, &self.search, &self.ntp];
        self.domain.is_some() || !self.option.is_empty() || lists.iter().any(|list| !list.is_empty())
    }

    /// The options that were given to a scope of this family, by code; each once, each of the right shape.
    pub(crate) fn options(&self, family: Family) -> Result<Vec<v1::DhcpOption>, Failure> {
        let (dns, search, ntp) = match family {
            Family::V4 => (OptionCode::DNS_SERVERS, OptionCode::DOMAIN_SEARCH, OptionCode::NTP_SERVERS),
            Family::V6 => (OptionCode::DNS_SERVERS_V6, OptionCode::DOMAIN_SEARCH_V6, OptionCode::SNTP_SERVERS_V6),
        };
        let domain: Vec<_> = self.domain.iter().cloned().collect();
        for (flag, why, given) in
            [("--router", "routers advertise themselves", &self.router), ("--domain", "give --search", &domain)]
        {
            if family == Family::V6 && !given.is_empty() {
                return Err(Failure::Usage(format!("DHCPv6 has no option for {flag}: {why}")));
            }
        }
        let lists = [
            (OptionCode::ROUTERS, &self.router),
            (dns, &self.dns),
            (search, &self.search),
            (ntp, &self.ntp),
            (OptionCode::DOMAIN_NAME, &domain),
        ];
        let mut given: Vec<(OptionCode, String)> = lists
            .into_iter()
            .filter(|(_, items)| !items.is_empty())
            .map(|(code, items)| (code, items.join(",")))
            .collect();
        for (name, text) in &self.option {
            given.push((name.code(family)?, text.clone()));
        }
        let mut options = Options::default();
        for (code, text) in given {
            options.add(code, OptionValue::from_text(code, &text)?)?;
        }
        Ok(convert::option::messages(&options))
    }

    /// The blocks out of which prefixes are delegated, as they are sent.
    pub(crate) fn prefix_pools(&self) -> Vec<v1::PrefixPool> {
        let pool = |pool: &PrefixPool| v1::PrefixPool {
            prefix: pool.prefix.to_string(),
            delegated_length: pool.delegated_length.into(),
        };
        self.prefix_pool.iter().map(pool).collect()
    }

    /// The link, where anything was said of it; what was not said stays as it was.
    pub(crate) fn link(&self, before: Option<&v1::Link>) -> Option<v1::Link> {
        if self.interface.is_none() && self.relay.is_empty() && self.interface_id.is_none() {
            return None;
        }
        let before = before.cloned().unwrap_or_default();
        Some(v1::Link {
            interface: self.interface.clone().unwrap_or(before.interface),
            relay_addresses: match self.relay.as_slice() {
                [] => before.relay_addresses,
                relays => relays.iter().map(ToString::to_string).collect(),
            },
            interface_id: self.interface_id.clone().unwrap_or(before.interface_id),
        })
    }

    /// The lease times, where any was given; what was not given stays as it was, or is left to the server.
    pub(crate) fn lease_times(&self, before: Option<&v1::LeaseTimes>) -> Result<Option<v1::LeaseTimes>, Failure> {
        let given = [self.lease_time, self.renew_time, self.rebind_time, self.preferred_time];
        if given.iter().all(Option::is_none) {
            return Ok(None);
        }
        let mut times = before.copied().unwrap_or_default();
        times.valid_seconds = self.lease_time.unwrap_or(match times.valid_seconds {
            0 => LeaseTimes::default().valid_seconds(),
            present => present,
        });
        times.renew_seconds = self.renew_time.unwrap_or(times.renew_seconds);
        times.rebind_seconds = self.rebind_time.unwrap_or(times.rebind_seconds);
        let some = |seconds: u32| (seconds != 0).then_some(seconds);
        times.preferred_seconds = self.preferred_time.unwrap_or(times.preferred_seconds);
        LeaseTimes::new(times.valid_seconds, some(times.renew_seconds), some(times.rebind_seconds))?
            .preferred(some(times.preferred_seconds))?;
        Ok(Some(times))
    }
}

/// A range as it is sent.
pub(crate) fn range(range: &AddressRange) -> v1::AddressRange {
    v1::AddressRange { start: range.start().to_string(), end: range.end().to_string() }
}

/// Ranges as they are sent.
pub(crate) fn ranges(given: &[AddressRange]) -> Vec<v1::AddressRange> {
    given.iter().map(range).collect()
}

/// Exclusions as they are sent, all for one reason.
pub(crate) fn exclusions(given: &[AddressRange], comment: &str) -> Vec<v1::Exclusion> {
    given.iter().map(|one| v1::Exclusion { range: Some(range(one)), comment: comment.to_owned() }).collect()
}
