//! How a scope is shown.

use crate::duration;
use crate::names;
use crate::output::{Shown, sync_lines, time, word, worst};
use freehold_proto::v1;
use freehold_proto::v1::dhcp_option::Value;

impl Shown for v1::Scope {
    const MESSAGE: &'static str = "freehold.v1.Scope";
    const COLUMNS: &'static [&'static str] = &["NAME", "NETWORK", "RANGES", "EXCLUSIONS", "SERVER", "STATUS", "SYNC"];

    fn row(&self) -> Vec<String> {
        let ranges: Vec<_> = self.ranges.iter().map(range).collect();
        vec![
            names::short(&self.name).to_owned(),
            names::short_prefix(&self.network),
            ranges.join(" "),
            self.exclusions.len().to_string(),
            names::short(&self.server).to_owned(),
            word(self.status().as_str_name(), "STATUS_"),
            worst(&self.sync),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let lines = |items: Vec<String>| items.join("\n");
        vec![
            ("name", self.name.clone()),
            ("network", names::short_prefix(&self.network)),
            ("subnet id", self.subnet_id.to_string()),
            ("ranges", lines(self.ranges.iter().map(range).collect())),
            ("exclusions", lines(self.exclusions.iter().map(exclusion).collect())),
            ("prefix pools", lines(self.prefix_pools.iter().map(prefix_pool).collect())),
            ("link", self.link.as_ref().map(link).unwrap_or_default()),
            ("options", lines(self.options.iter().map(option).collect())),
            ("lease times", self.lease_times.as_ref().map(lease_times).unwrap_or_default()),
            ("status", word(self.status().as_str_name(), "STATUS_")),
            ("server", names::short(&self.server).to_owned()),
            ("description", self.description.clone()),
            ("sync", sync_lines(&self.sync)),
            ("created", time(self.create_time.as_ref())),
            ("changed", time(self.update_time.as_ref())),
            ("etag", self.etag.clone()),
        ]
    }
}

fn range(range: &v1::AddressRange) -> String {
    if range.start == range.end { range.start.clone() } else { format!("{}-{}", range.start, range.end) }
}

fn prefix_pool(pool: &v1::PrefixPool) -> String {
    format!("{} by /{}", pool.prefix, pool.delegated_length)
}

fn link(link: &v1::Link) -> String {
    let said = [
        ("interface", link.interface.clone()),
        ("relays", link.relay_addresses.join(" ")),
        ("interface-id", link.interface_id.clone()),
    ];
    let said = said.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name} {value}"));
    said.collect::<Vec<_>>().join("\n")
}

fn exclusion(exclusion: &v1::Exclusion) -> String {
    let addresses = exclusion.range.as_ref().map(range).unwrap_or_default();
    format!("{addresses}  {}", exclusion.comment).trim_end().to_owned()
}

fn option(option: &v1::DhcpOption) -> String {
    let value = match &option.value {
        Some(Value::Addresses(list)) => list.items.join(","),
        Some(Value::Names(list)) => list.items.join(","),
        Some(Value::Text(text)) => text.clone(),
        Some(Value::Unsigned(number)) => number.to_string(),
        Some(Value::Signed(number)) => number.to_string(),
        Some(Value::Flag(flag)) => flag.to_string(),
        Some(Value::Bytes(bytes)) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        None => String::new(),
    };
    let name =
        if option.name.is_empty() { option.code.to_string() } else { format!("{} {}", option.code, option.name) };
    format!("{name}={value}")
}

fn lease_times(times: &v1::LeaseTimes) -> String {
    let mut text = duration::show(times.valid_seconds.into());
    for (name, seconds) in [("renew", times.renew_seconds), ("rebind", times.rebind_seconds)] {
        if seconds != 0 {
            text += &format!(", {name} after {}", duration::show(seconds.into()));
        }
    }
    if times.preferred_seconds != 0 {
        text += &format!(", preferred for {}", duration::show(times.preferred_seconds.into()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::table;
    use freehold_proto::v1::sync_status::State;

    fn scope() -> v1::Scope {
        let range = |start: &str, end: &str| v1::AddressRange { start: start.into(), end: end.into() };
        v1::Scope {
            name: "scopes/berlin-voice".into(),
            network: "spaces/default/prefixes/10.1.2.0-24".into(),
            subnet_id: 3,
            ranges: vec![range("10.1.2.10", "10.1.2.200")],
            exclusions: vec![
                v1::Exclusion { range: Some(range("10.1.2.50", "10.1.2.60")), comment: "printers".into() },
                v1::Exclusion { range: Some(range("10.1.2.99", "10.1.2.99")), comment: String::new() },
            ],
            options: vec![
                v1::DhcpOption {
                    code: 3,
                    name: "routers".into(),
                    value: Some(Value::Addresses(v1::AddressList { items: vec!["10.1.2.1".into()] })),
                },
                v1::DhcpOption { code: 150, name: String::new(), value: Some(Value::Bytes(vec![10, 0, 0, 1])) },
            ],
            lease_times: Some(v1::LeaseTimes { valid_seconds: 3600, renew_seconds: 900, ..Default::default() }),
            status: v1::scope::Status::Active.into(),
            server: "servers/berlin-1/kea4".into(),
            sync: vec![v1::SyncStatus {
                server: "servers/berlin-1/kea4".into(),
                state: State::Applied.into(),
                desired_revision: 42,
                applied_revision: 42,
                took_ms: 38,
                ..Default::default()
            }],
            etag: "42".into(),
            ..Default::default()
        }
    }

    #[test]
    fn a_list_of_scopes_for_a_program() {
        assert_eq!(
            table::list(v1::Scope::COLUMNS, [scope().row()].into_iter(), false),
            "NAME          NETWORK      RANGES                EXCLUSIONS  SERVER         STATUS  SYNC\n\
             berlin-voice  10.1.2.0/24  10.1.2.10-10.1.2.200  2           berlin-1/kea4  active  applied\n"
        );
    }

    #[test]
    fn one_scope_in_full() {
        assert_eq!(
            table::details(&scope().details(), false),
            "name         scopes/berlin-voice\n\
             network      10.1.2.0/24\n\
             subnet id    3\n\
             ranges       10.1.2.10-10.1.2.200\n\
             exclusions   10.1.2.50-10.1.2.60  printers\n             10.1.2.99\n\
             options      3 routers=10.1.2.1\n             150=0a000001\n\
             lease times  1h, renew after 15m\n\
             status       active\n\
             server       berlin-1/kea4\n\
             sync         berlin-1/kea4 applied in 38 ms (wanted revision 42, runs 42)\n\
             etag         42\n"
        );
    }
}
