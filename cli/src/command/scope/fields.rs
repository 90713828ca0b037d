//! From arguments to the fields of a scope, through core's own types.

use crate::duration;
use crate::error::Failure;
use crate::names;
use clap::Args;
use freehold_core::Refusal;
use freehold_core::model::LeaseTimes;
use freehold_core::name::ServerName;
use freehold_core::net::AddressRange;
use freehold_core::option::{OptionCode, OptionValue, Options};
use freehold_core::refusal::Reason;
use freehold_proto::{convert, v1};

/// The code of the list of domains that clients search (RFC 3397).
const DOMAIN_SEARCH: u32 = 119;

/// What may be given when a scope is made and when it is changed.
#[derive(Debug, Args)]
pub(crate) struct Fields {
    /// Addresses that may be leased, such as 10.1.2.10-10.1.2.200
    #[arg(long, value_name = "RANGE", value_delimiter = ',')]
    pub range: Vec<AddressRange>,
    /// Routers (option 3)
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    router: Vec<String>,
    /// DNS servers (option 6)
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    dns: Vec<String>,
    /// The domain that clients are in (option 15)
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// Domains that clients search (option 119)
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    search: Vec<String>,
    /// NTP servers (option 42)
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    ntp: Vec<String>,
    /// Any option by code or name: lists split by commas, bytes in hexadecimal
    #[arg(long, value_name = "CODE=VALUE", value_parser = option)]
    option: Vec<(OptionCode, String)>,
    /// How long a lease is good for, such as 1h
    #[arg(long, value_name = "DURATION", value_parser = duration::parse_seconds)]
    lease_time: Option<u32>,
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

/// An option's code, by number or by name.
pub(crate) fn code(text: &str) -> Result<OptionCode, Refusal> {
    OptionCode::from_name(text)
}

fn option(text: &str) -> Result<(OptionCode, String), Refusal> {
    let (code, value) = text.split_once('=').ok_or_else(|| {
        Refusal::new(Reason::InvalidOption, format!("{text:?} is not of the form CODE=VALUE, such as 150=0a000001"))
    })?;
    Ok((OptionCode::from_name(code)?, value.to_owned()))
}

impl Fields {
    /// The options that were given, by code; each once, each of the right shape.
    pub(crate) fn options(&self) -> Result<Vec<v1::DhcpOption>, Failure> {
        let search = OptionCode::new(DOMAIN_SEARCH)?;
        let lists = [
            (OptionCode::ROUTERS, &self.router),
            (OptionCode::DNS_SERVERS, &self.dns),
            (search, &self.search),
            (OptionCode::NTP_SERVERS, &self.ntp),
        ];
        let mut given: Vec<(OptionCode, String)> = lists
            .into_iter()
            .filter(|(_, items)| !items.is_empty())
            .map(|(code, items)| (code, items.join(",")))
            .collect();
        given.extend(self.domain.iter().map(|name| (OptionCode::DOMAIN_NAME, name.clone())));
        given.extend(self.option.iter().cloned());
        let mut options = Options::default();
        for (code, text) in given {
            options.add(code, OptionValue::from_text(code, &text)?)?;
        }
        Ok(convert::option::messages(&options))
    }

    /// The lease times, where any was given; what was not given stays as it was, or is left to the server.
    pub(crate) fn lease_times(&self, before: Option<&v1::LeaseTimes>) -> Result<Option<v1::LeaseTimes>, Failure> {
        if self.lease_time.is_none() && self.renew_time.is_none() && self.rebind_time.is_none() {
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
        LeaseTimes::new(times.valid_seconds, some(times.renew_seconds), some(times.rebind_seconds))?;
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
