use super::*;
use serde_json::json;

/// A configuration of IPv4 in which nothing is found.
fn sound() -> Value {
    json!({"Dhcp4": {
        "interfaces-config": {"interfaces": ["eth0"]},
        "lease-database": {"type": "memfile", "persist": true, "lfc-interval": 3600},
        "control-socket": {"socket-type": "unix", "socket-name": "/run/kea/kea4-ctrl-socket"},
        "hooks-libraries": [{"library": "/lib/libdhcp_lease_cmds.so"}, {"library": "/lib/libdhcp_stat_cmds.so"}],
        "host-reservation-identifiers": ["hw-address", "client-id"],
        "decline-probation-period": 86400,
        "valid-lifetime": 3600,
        "reservations-global": false,
        "multi-threading": {"enable-multi-threading": true},
        "client-classes": [{"name": "phones", "test": "substring(option[60].hex,0,3) == 'Cis'"}],
        "option-data": [{"code": 6, "name": "domain-name-servers", "space": "dhcp4", "data": "192.0.2.53"}],
        "shared-networks": [{
            "name": "floor", "option-data": [{"name": "routers", "space": "dhcp4", "data": "10.8.0.1"}],
            "subnet4": [{"id": 8, "subnet": "10.8.0.0/24", "pools": [{"pool": "10.8.0.10-10.8.0.99"}]}],
        }],
        "subnet4": [{
            "id": 7, "subnet": "10.7.0.0/24",
            "pools": [{"pool": "10.7.0.10 - 10.7.0.99", "client-class": "phones"}],
            "option-data": [{"code": 3, "name": "routers", "space": "dhcp4", "data": "10.7.0.1"}],
            "reservations": [{"hw-address": "02:00:00:00:00:01", "ip-address": "10.7.0.5"}],
        }],
    }})
}

/// The same of IPv6.
fn sound6() -> Value {
    json!({"Dhcp6": {
        "interfaces-config": {"interfaces": ["eth0"]},
        "lease-database": {"type": "memfile"},
        "hooks-libraries": [{"library": "/lib/libdhcp_lease_cmds.so"}, {"library": "/lib/libdhcp_stat_cmds.so"}],
        "option-data": [{"code": 23, "name": "dns-servers", "space": "dhcp6", "data": "2001:db8:53::1"}],
        "subnet6": [{
            "id": 7, "subnet": "2001:db8::/64", "pools": [{"pool": "2001:db8::/80"}],
            "pd-pools": [{"prefix": "2001:db8:1::", "prefix-len": 48, "delegated-len": 56}],
            "reservations": [{"duid": "00:01:02:03", "ip-addresses": ["2001:db8::5"]}],
        }],
    }})
}

/// A subnet of Freehold's.
fn ours() -> Value {
    json!({"id": 1_000_000, "subnet": "10.9.0.0/24", "pools": [], "user-context": {"freehold": {"scope": "hall"}},
        "reservations": []})
}

/// The same with these values put at these places, and what is at the others taken out.
fn with(mut config: Value, changes: &[(&str, Value)]) -> Value {
    for (place, value) in changes {
        let (parent, name) = place.rsplit_once('/').expect("a place");
        let parent = config.pointer_mut(parent).unwrap_or_else(|| panic!("{parent} is there"));
        match (parent, name.parse::<usize>()) {
            (Value::Array(items), Ok(n)) if n < items.len() => items[n] = value.clone(),
            (Value::Array(items), _) => items.push(value.clone()),
            (Value::Object(members), _) if value.is_null() => drop(members.shift_remove(name)),
            (Value::Object(members), _) => drop(members.insert(name.to_owned(), value.clone())),
            _ => panic!("{place} has no place"),
        }
    }
    config
}

fn check_of(config: &Value, ours: &[Value], want: &[(Check, &str)]) {
    let found = review(config, ours);
    let told: Vec<_> = found.iter().map(|own| (own.check, own.message.as_str())).collect();
    assert_eq!(told, want);
}

/// Looks that these changes of the sound configuration are found so.
fn check(changes: &[(&str, Value)], want: &[(Check, &str)]) {
    check_of(&with(sound(), changes), &[], want);
}

fn check6(changes: &[(&str, Value)], want: &[(Check, &str)]) {
    check_of(&with(sound6(), changes), &[], want);
}

#[test]
fn nothing_is_found_where_nothing_is() {
    check(&[], &[]);
    check6(&[], &[]);
    check_of(&sound(), &[ours()], &[]);
    check_of(&json!({"Control-agent": {}}), &[], &[]);
}

#[test]
fn classes_that_nobody_is_in() {
    check(
        &[
            ("/Dhcp4/subnet4/0/client-class", json!("phoness")),
            ("/Dhcp4/subnet4/0/pools/0/client-class", json!("KNOWN")),
            ("/Dhcp4/shared-networks/0/client-classes", json!(["phones", "guests", "VENDOR_CLASS_x"])),
        ],
        &[(
            Check::UndefinedClass,
            "classes that are not defined guard what is served: guests of floor, phoness of 10.7.0.0/24",
        )],
    );
    // A class that a reservation puts its client into is one.
    let by_reservation = json!({"hw-address": "02:00:00:00:00:01", "client-classes": ["guests"]});
    check(
        &[("/Dhcp4/subnet4/0/client-class", json!("guests")), ("/Dhcp4/subnet4/0/reservations/0", by_reservation)],
        &[],
    );
    let radius = json!({"library": "/lib/libdhcp_radius.so"});
    check(&[("/Dhcp4/subnet4/0/client-class", json!("guests")), ("/Dhcp4/hooks-libraries/-", radius)], &[]);

    let lazy = ("/Dhcp4/client-classes/0/only-if-required", json!(true));
    check(
        std::slice::from_ref(&lazy),
        &[(Check::ClassNeverEvaluated, "classes that are evaluated on demand only, and nowhere demanded: phones")],
    );
    check(&[lazy, ("/Dhcp4/subnet4/0/require-client-classes", json!(["phones"]))], &[]);
}

/// A pair of which `changes` are made.
fn pair(changes: &[(&str, Value)]) -> Value {
    let relationship = json!({
        "this-server-name": "one", "mode": "hot-standby", "max-response-delay": 15000, "max-unacked-clients": 0,
        "multi-threading": {"enable-multi-threading": true},
        "peers": [
            {"name": "one", "url": "https://192.0.2.1:8000/", "role": "primary"},
            {"name": "two", "url": "https://192.0.2.2:8000/", "role": "standby"},
        ],
    });
    let hook = json!({"library": "/lib/libdhcp_ha.so", "parameters": {"high-availability": [relationship]}});
    with(with(sound(), &[("/Dhcp4/hooks-libraries/-", hook)]), changes)
}

const ONE: &str = "/Dhcp4/hooks-libraries/2/parameters/high-availability/0";

#[test]
fn pairs() {
    const PAIR: (Check, &str) = (Check::HaPair, "its partners are two");
    let at = |name: &str| format!("{ONE}/{name}");
    let look = |changes: &[(&str, Value)], found: &[(Check, &str)]| {
        let mut want: Vec<_> = found.iter().chain([&PAIR]).copied().collect();
        want.sort();
        check_of(&pair(changes), &[], &want);
    };
    look(&[], &[]);
    let says = "max-response-delay is 60000 ms";
    look(&[(&at("max-response-delay"), Value::Null)], &[(Check::HaResponseDelay, says)]);
    let says = "max-unacked-clients is 10, and pools and reservations are for 181 clients at most";
    look(&[(&at("max-unacked-clients"), Value::Null)], &[(Check::HaUnackedClients, says)]);
    look(&[(&at("max-unacked-clients"), json!(9))], &[]);
    let clear = (at("peers/1/url"), json!("http://192.0.2.2:8000/"));
    let clear = (clear.0.as_str(), clear.1);
    let says = "the pair speaks HTTP without TLS to two, and takes every command";
    look(std::slice::from_ref(&clear), &[(Check::HaInClear, says)]);
    let says = "the pair speaks HTTP without TLS to two, and takes commands of the pair only";
    look(&[clear, (&at("restrict-commands"), json!(true))], &[(Check::HaInClear, says)]);
    look(&[(&at("peers/1/url"), json!("http://[::1]:8000/"))], &[]);
    let says = "multi-threading is on for the pair and off for the server";
    look(&[("/Dhcp4/multi-threading/enable-multi-threading", json!(false))], &[(Check::HaSingleThreaded, says)]);
    // A backup that takes over nothing need not hurry.
    look(
        &[
            (&at("mode"), json!("passive-backup")),
            (&at("max-response-delay"), Value::Null),
            (&at("max-unacked-clients"), Value::Null),
        ],
        &[],
    );
    let says = "10.9.0.0/24 (id 1000000) come from Freehold, and two must have them, too";
    check_of(&pair(&[]), &[ours()], &[PAIR, (Check::HaScopesOnOnePeer, says)]);
}

#[test]
fn leases_and_hooks() {
    let file = |name: &str, value: Value| (format!("/Dhcp4/lease-database/{name}"), value);
    let look = |(place, value): (String, Value), want: &[(Check, &str)]| check(&[(&place, value)], want);
    look(file("persist", json!(false)), &[(Check::LeasesNotKept, "lease-database.persist is false")]);
    look(file("lfc-interval", json!(0)), &[(Check::LeaseFileGrows, "lease-database.lfc-interval is 0")]);
    check(&[("/Dhcp4/lease-database", json!({"type": "mysql", "lfc-interval": 0}))], &[]);
    check(
        &[("/Dhcp4/hooks-libraries", json!([]))],
        &[
            (Check::NoLeaseCommands, "libdhcp_lease_cmds.so is not loaded"),
            (Check::NoStatistics, "libdhcp_stat_cmds.so is not loaded"),
        ],
    );
}

#[test]
fn doors_and_ears() {
    let socket = |more: Value| {
        let mut socket = json!({"socket-type": "http", "socket-address": "192.0.2.7", "socket-port": 8000});
        socket.as_object_mut().expect("one").extend(more.as_object().expect("one").clone());
        [("/Dhcp4/control-sockets", json!([{"socket-type": "unix"}, socket]))]
    };
    let says = "the control socket takes commands of anyone at 192.0.2.7 port 8000";
    check(&socket(json!({})), &[(Check::ControlSocketOpen, says)]);
    let says_not = [
        json!({"socket-address": "127.0.0.1"}),
        json!({"authentication": {"type": "basic"}}),
        json!({"socket-type": "https", "trust-anchor": "/etc/kea/ca.pem"}),
    ];
    says_not.into_iter().for_each(|more| check(&socket(more), &[]));
    check(&socket(json!({"trust-anchor": "/ca.pem", "cert-required": false})), &[(Check::ControlSocketOpen, says)]);

    let says = "interfaces-config.interfaces is empty";
    check(&[("/Dhcp4/interfaces-config/interfaces", json!([]))], &[(Check::ListensNowhere, says)]);
    check6(&[("/Dhcp6/interfaces-config", Value::Null)], &[(Check::ListensNowhere, says)]);
    let says = "decline-probation-period is 3599 s";
    check(&[("/Dhcp4/decline-probation-period", json!(3599))], &[(Check::DeclineTooShort, says)]);
    check(&[("/Dhcp4/decline-probation-period", json!(3600))], &[]);
}

#[test]
fn reservations_that_do_nothing() {
    let host =
        |key: &str, address: &str| [("/Dhcp4/subnet4/0/reservations/-", json!({key: "01:02", "ip-address": address}))];
    let says = "reserved outside of the subnet: 10.8.0.5 in 10.7.0.0/24 (id 7)";
    check(&host("hw-address", "10.8.0.5"), &[(Check::ReservationElsewhere, says)]);
    let says = "reserved outside of the subnet: 2001:db9::5 in 2001:db8::/64 (id 7)";
    check6(
        &[("/Dhcp6/subnet6/0/reservations/0/ip-addresses", json!(["2001:db8::5", "2001:db9::5"]))],
        &[(Check::ReservationElsewhere, says)],
    );

    let says = "reservations by identifiers that are not looked for: flex-id (1)";
    check(&host("flex-id", "10.7.0.6"), &[(Check::IdentifierNotLookedFor, says)]);
    check(&host("client-id", "10.7.0.6"), &[]);
    let named = ("/Dhcp4/host-reservation-identifiers", Value::Null);
    let says = "reservations by identifiers that are not looked for: flex-id (1)";
    check(&[named.clone(), host("flex-id", "10.7.0.6")[0].clone()], &[(Check::IdentifierNotLookedFor, says)]);
    check(&[named, host("circuit-id", "10.7.0.6")[0].clone()], &[]);

    let says = "reservations that are never found: 10.7.0.0/24 (id 7) (reservations-in-subnet is false)";
    check(&[("/Dhcp4/reservations-in-subnet", json!(false))], &[(Check::ReservationsIgnored, says)]);
    check(
        &[("/Dhcp4/reservations-in-subnet", json!(false)), ("/Dhcp4/subnet4/0/reservations-in-subnet", json!(true))],
        &[],
    );
    let out_of_pool = ("/Dhcp4/subnet4/0/reservations-out-of-pool", json!(true));
    check(std::slice::from_ref(&out_of_pool), &[]);
    let says = "reservations that are never found: 10.7.0.0/24 (id 7) (10.7.0.20 is in a pool, and reservations-out-of-pool is true)";
    check(&[out_of_pool, host("hw-address", "10.7.0.20")[0].clone()], &[(Check::ReservationsIgnored, says)]);
    let for_all = ("/Dhcp4/reservations", json!([{"hw-address": "02:00:00:00:00:02", "hostname": "x"}]));
    let says = "reservations that are never found: the 1 for all (reservations-global is false)";
    check(std::slice::from_ref(&for_all), &[(Check::ReservationsIgnored, says)]);
    check(&[for_all, ("/Dhcp4/subnet4/0/reservations-global", json!(true))], &[]);
}

#[test]
fn subnets() {
    let subnet = |more: Value| {
        let mut subnet = json!({
            "id": 9, "subnet": "10.6.0.0/16", "pools": [{"pool": "10.6.0.10-10.6.0.99"}],
            "option-data": [{"name": "routers", "data": "10.6.0.1"}],
        });
        subnet.as_object_mut().expect("one").extend(more.as_object().expect("one").clone());
        [("/Dhcp4/subnet4/-", subnet)]
    };
    check(&subnet(json!({})), &[]);
    let says = "subnets that share addresses: 10.7.0.0/24 (id 7) in 10.0.0.0/8 (id 9), 10.8.0.0/24 (id 8) in 10.0.0.0/8 (id 9)";
    check(&subnet(json!({"subnet": "10.0.0.0/8"})), &[(Check::SubnetsOverlap, says)]);
    let says = "subnets without pools and reservations: 10.6.0.0/16 (id 9)";
    check(&subnet(json!({"pools": []})), &[(Check::SubnetEmpty, says)]);
    check_of(
        &with(sound(), &[subnet(json!({"pools": []}))[0].clone(), ("/Dhcp4/hosts-database", json!({"type": "mysql"}))]),
        &[],
        &[],
    );

    let wide = json!([{"pool": "10.6.0.0/17"}]);
    let says = "10.6.0.0/16 (id 9): 32768 clients renew after 300 s, 109 a second";
    check(&subnet(json!({"pools": wide, "valid-lifetime": 600})), &[(Check::OwnRenewStorm, says)]);
    check(&subnet(json!({"pools": wide, "valid-lifetime": 600, "renew-timer": 400})), &[]);
    let says = "10.6.0.0/16 (id 9): 512 clients renew after 149 s, 3 a second";
    let middling = json!([{"pool": "10.6.0.0/23"}]);
    check(&subnet(json!({"pools": middling, "valid-lifetime": 299})), &[(Check::OwnRenewStorm, says)]);

    let says = "subnets with pools and without the option routers: 10.6.0.0/16 (id 9)";
    check(&subnet(json!({"option-data": []})), &[(Check::OwnSubnetWithoutRouter, says)]);
    let in_pool = json!([{"pool": "10.6.0.10-10.6.0.99", "option-data": [{"code": 3, "data": "10.6.0.1"}]}]);
    check(&subnet(json!({"option-data": [], "pools": in_pool})), &[]);
    let of_vendor = json!([{"code": 3, "space": "vendor-4491", "data": "x"}]);
    check(&subnet(json!({"option-data": of_vendor})), &[(Check::OwnSubnetWithoutRouter, says)]);
    let by_class = ("/Dhcp4/client-classes/0/option-data", json!([{"name": "routers", "data": "10.6.0.1"}]));
    check(&[subnet(json!({"option-data": []}))[0].clone(), by_class], &[]);

    let says = "subnets with pools and without the option domain-name-servers: 10.7.0.0/24 (id 7), 10.8.0.0/24 (id 8)";
    check(&[("/Dhcp4/option-data", json!([]))], &[(Check::OwnSubnetWithoutDns, says)]);
    let says = "subnets with pools and without the option dns-servers: 2001:db8::/64 (id 7)";
    check6(&[("/Dhcp6/option-data", json!([]))], &[(Check::OwnSubnetWithoutDns, says)]);
}

#[test]
fn dns_servers_are_found_wherever_they_are_named() {
    let option = |data: &str| json!([{"code": 6, "data": data}, {"code": 3, "data": "10.0.0.1"}]);
    let config = with(
        sound(),
        &[
            ("/Dhcp4/client-classes/0/option-data", option("192.0.2.3")),
            ("/Dhcp4/subnet4/0/option-data", option("192.0.2.1, 192.0.2.53,nonsense,2001:db8::1")),
            ("/Dhcp4/subnet4/0/pools/0/option-data", json!([{"code": 6, "csv-format": false, "data": "C0000207"}])),
            ("/Dhcp4/shared-networks/0/option-data", json!([{"code": 6, "space": "vendor-1", "data": "192.0.2.9"}])),
        ],
    );
    let mut own = ours();
    own["option-data"] = option("192.0.2.2");
    let told: Vec<_> = dns_servers(&config, &[own]).iter().map(ToString::to_string).collect();
    assert_eq!(told, ["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.53"]);
    assert_eq!(dns_servers(&sound6(), &[]), ["2001:db8:53::1".parse::<std::net::IpAddr>().expect("one")]);

    assert_eq!(silent(&[]), None);
    let two = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse().expect("an address"));
    let says = "no answer within a second from 192.0.2.1, 192.0.2.2";
    assert_eq!(silent(&two), Some(finding(Check::DnsServerSilent, says)));
}

#[test]
fn words_fit_and_are_harmless() {
    let long = finding(Check::HaPair, &format!("{}\n\u{202e}x", "é".repeat(300)));
    assert_eq!(long.message.as_str().chars().count(), TEXT_CHARS_MAX);
    assert_eq!(finding(Check::HaPair, "a\nb\u{202e}c").message.as_str(), "a b?c");
    let many: Vec<_> = (0..6).collect();
    assert_eq!(named(&many).as_deref(), Some("0, 1, 2, 3 and 2 more"));
}

/// Whatever Kea's JSON has at a place where something else is expected is passed over.
#[test]
fn odd_configurations_do_no_harm() {
    for odd in [json!(null), json!(7), json!("x"), json!([]), json!([[1]]), json!({"a": {}}), json!([null, "x", {}])] {
        let members = [
            "interfaces-config",
            "lease-database",
            "control-sockets",
            "hooks-libraries",
            "host-reservation-identifiers",
            "client-classes",
            "option-data",
            "shared-networks",
            "subnet4",
            "reservations",
            "multi-threading",
        ];
        for member in members {
            let mut config = sound();
            config["Dhcp4"][member] = odd.clone();
            review(&config, &[]);
        }
        review(&json!({"Dhcp4": odd}), std::slice::from_ref(&odd));
    }
}

/// A check of configurations that is added has to be looked for.
#[test]
fn every_check_of_configurations_is_made() {
    let made: Vec<_> = CHECKS.iter().map(|(check, _)| *check).chain([Check::DnsServerSilent]).collect();
    let of_configurations = |check: &&Check| check.subject() == freehold_core::review::Subject::Configuration;
    let missing: Vec<_> = Check::ALL.iter().filter(of_configurations).filter(|check| !made.contains(check)).collect();
    assert_eq!(missing, [&Check::HaPair; 0]);
}
