//! Options that Kea runs without showing them. Pure.
//!
//! From 2.6 on `config-get` shows vendor options (option 43, RFC 2132 §8.4) that were written as bytes with empty data, and goes on sending them; so it does with softwires
//! of DHCPv6 (94 to 96, RFC 7598), and from 3.0 on with its NTP servers (56, RFC 5908) (measured on 2.6.3 and 3.0.3). Whoever sets again what it shows takes them from every phone and router behind that server. What was written stands in Kea's
//! file, so it is put back from there; where the file does not say it either, nothing may be set.

use serde_json::Value;

use super::protocol::Protocol;
use super::render::{VENDOR_OPTIONS, VENDOR_SPACE};

/// An option that Kea takes apart, and shows without what it was given as bytes.
struct Hiding {
    protocol: Protocol,
    code: u32,
    name: &'static str,
    /// Where its sub-options go, which are shown.
    space: &'static str,
}

const HIDING: [Hiding; 5] = [
    Hiding { protocol: Protocol::V4, code: VENDOR_OPTIONS, name: "vendor-encapsulated-options", space: VENDOR_SPACE },
    Hiding { protocol: Protocol::V6, code: 56, name: "ntp-server", space: "v6-ntp-server-suboptions" },
    Hiding { protocol: Protocol::V6, code: 94, name: "s46-cont-mape", space: "s46-cont-mape-options" },
    Hiding { protocol: Protocol::V6, code: 95, name: "s46-cont-mapt", space: "s46-cont-mapt-options" },
    Hiding { protocol: Protocol::V6, code: 96, name: "s46-cont-lw", space: "s46-cont-lw-options" },
];

impl Hiding {
    /// Whether what Kea shows, always with a space, is this option.
    fn is_shown(&self, option: &Value) -> bool {
        option["space"] == self.protocol.option_space() && option["code"] == self.code
    }

    fn is(&self, option: &Value) -> bool {
        let space = option["space"].as_str();
        let is_standard = space.is_none_or(|space| space == self.protocol.option_space());
        is_standard && (option["code"] == self.code || option["name"] == self.name)
    }
}

/// What somebody can do about options that nobody tells.
pub fn advice(protocol: Protocol) -> String {
    let of = HIDING.iter().filter(|hiding| hiding.protocol == protocol);
    let ways: Vec<_> = of.map(|hiding| format!("option {} in space {:?}", hiding.code, hiding.space)).collect();
    format!("write it there as sub-options ({}), or let the file say what runs", ways.join(", "))
}

/// By which member two objects of a list are the same thing, the first that both have.
const IDENTITIES: [&str; 9] =
    ["id", "subnet", "pool", "hw-address", "client-id", "duid", "circuit-id", "flex-id", "name"];

/// Puts what `written` says of hidden options into `running`, both as `config-get` has it. The places of those that it does not tell.
pub fn uncover(running: &mut Value, written: Option<&Value>) -> Vec<String> {
    let mut untold = Vec::new();
    walk(running, written, "", &mut untold);
    untold
}

fn walk(running: &mut Value, written: Option<&Value>, place: &str, untold: &mut Vec<String>) {
    match running {
        Value::Object(members) => {
            for (name, member) in members {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                let written = written.and_then(|written| written.get(name));
                match member.as_array_mut() {
                    Some(options) if name == "option-data" => options_of(options, written, &place, untold),
                    _ => walk(member, written, &place, untold),
                }
            }
        }
        Value::Array(items) => {
            let candidates = written.and_then(Value::as_array);
            for item in items {
                let same = candidates.and_then(|all| all.iter().find(|one| is_same(item, one)));
                let place = format!("{place}[{}]", identity(item));
                walk(item, same, &place, untold);
            }
        }
        _ => {}
    }
}

/// Uncovers the hidden options of one list.
fn options_of(options: &mut [Value], written: Option<&Value>, place: &str, untold: &mut Vec<String>) {
    for hiding in &HIDING {
        if options.iter().any(|option| option["space"] == hiding.space) {
            continue;
        }
        for option in options.iter_mut().filter(|option| hiding.is_shown(option) && is_empty(option)) {
            match written.and_then(Value::as_array).and_then(|all| all.iter().find(|one| hiding.is(one))) {
                Some(said) => {
                    for member in ["csv-format", "data"] {
                        if let (Some(value), Some(option)) = (said.get(member), option.as_object_mut()) {
                            option.insert(member.to_owned(), value.clone());
                        }
                    }
                }
                None => untold.push(place.to_owned()),
            }
        }
    }
}

fn is_empty(option: &Value) -> bool {
    option["data"].as_str().unwrap_or_default().is_empty()
}

/// Whether two objects of a list are the same thing.
fn is_same(one: &Value, other: &Value) -> bool {
    let by = IDENTITIES.iter().find(|name| one.get(name).is_some() && other.get(name).is_some());
    by.is_some_and(|name| plain(&one[*name]) == plain(&other[*name]))
}

/// What an object of a list is called.
fn identity(item: &Value) -> String {
    let name = IDENTITIES.iter().rev().find(|name| item.get(name).is_some());
    name.map(|name| plain(&item[*name])).unwrap_or_default()
}

/// A value as text, without the blanks that Kea writes into a range and people do not.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.replace(' ', "").to_lowercase(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What Kea 2.6 shows.
    fn shown() -> Value {
        let hidden = json!({"always-send": false, "code": 43, "csv-format": false, "data": "", "name": "vendor-encapsulated-options", "space": "dhcp4"});
        json!({"Dhcp4": {
            "option-data": [hidden],
            "client-classes": [{"name": "phones", "option-data": [hidden]}],
            "subnet4": [
                {"id": 7, "subnet": "10.7.0.0/16", "option-data": [{"code": 3, "data": "10.7.0.1"}, hidden],
                 "pools": [{"pool": "10.7.1.1-10.7.1.9", "option-data": [hidden]}]},
                {"id": 8, "subnet": "10.8.0.0/16", "option-data": [hidden, {"code": 1, "space": "vendor-encapsulated-options-space", "data": "AA"}]},
            ],
        }})
    }

    fn written() -> Value {
        let option = |data: &str| json!({"code": 43, "csv-format": false, "data": data});
        json!({"Dhcp4": {
            "option-data": [{"name": "vendor-encapsulated-options", "csv-format": false, "data": "0101AA"}],
            "client-classes": [{"name": "voip"}, {"name": "phones", "option-data": [option("0102BBBB")]}],
            "subnet4": [
                {"id": 8, "subnet": "10.8.0.0/16", "option-data": [option("FF")]},
                {"subnet": "10.7.0.0/16", "option-data": [option("0101CC")],
                 "pools": [{"pool": "10.7.1.1 - 10.7.1.9", "option-data": [option("0101DD")]}]},
            ],
        }})
    }

    #[test]
    fn what_the_file_says_is_put_back_at_its_place() {
        let mut running = shown();
        assert_eq!(uncover(&mut running, Some(&written())), Vec::<String>::new());
        let data = |pointer: &str| running.pointer(&format!("/Dhcp4/{pointer}/data")).unwrap().as_str().unwrap();
        assert_eq!(data("option-data/0"), "0101AA");
        assert_eq!(data("client-classes/0/option-data/0"), "0102BBBB");
        assert_eq!(data("subnet4/0/option-data/1"), "0101CC");
        assert_eq!(data("subnet4/0/pools/0/option-data/0"), "0101DD");
        // With sub-options beside it nothing is hidden.
        assert_eq!(data("subnet4/1/option-data/0"), "");
    }

    #[test]
    fn of_dhcpv6_time_servers_and_softwires_are_put_back() {
        let option = |code: u32, data: &str| json!({"code": code, "csv-format": false, "data": data, "space": "dhcp6"});
        let mut running = json!({"Dhcp6": {
            "option-data": [option(56, ""), option(43, ""), option(96, "")],
            "subnet6": [{"id": 7, "option-data": [
                option(94, ""), {"code": 90, "space": "s46-cont-mape-options", "data": "2001:db8::1"}, option(95, ""),
            ]}],
        }});
        let written =
            json!({"Dhcp6": {"option-data": [{"name": "ntp-server", "csv-format": false, "data": "000100"}]}});
        let untold = uncover(&mut running, Some(&written));
        assert_eq!(running["Dhcp6"]["option-data"], json!([option(56, "000100"), option(43, ""), option(96, "")]));
        assert_eq!(untold, ["Dhcp6.option-data", "Dhcp6.subnet6[7].option-data"]);
    }

    #[test]
    fn what_nobody_says_is_named() {
        let places = [
            "Dhcp4.client-classes[phones].option-data",
            "Dhcp4.option-data",
            "Dhcp4.subnet4[10.7.0.0/16].option-data",
            "Dhcp4.subnet4[10.7.0.0/16].pools[10.7.1.1-10.7.1.9].option-data",
        ];
        let found = |written: Option<&Value>| {
            let mut untold = uncover(&mut shown(), written);
            untold.sort();
            untold
        };
        assert_eq!(found(None), places);
        let mut of_another = written();
        of_another["Dhcp4"]["subnet4"][1]["subnet"] = json!("10.9.0.0/16");
        assert_eq!(found(Some(&of_another)), places[2..]);
        // What is empty in the file too is empty.
        let mut empty = written();
        empty["Dhcp4"]["option-data"][0].as_object_mut().unwrap().shift_remove("data");
        assert_eq!(found(Some(&empty)), Vec::<String>::new());
    }
}
