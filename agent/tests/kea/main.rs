//! The Kea driver against real ones of three generations, each in a network namespace of its own. Needs root, `ip`, `kea-dhcp4` and what `cargo verify` fetches;
//! else it says SKIPPED.

#![allow(clippy::unwrap_used)] // the whole file is a test

mod generated;
mod generation;
mod host;
mod served;
mod v6;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use freehold_agent::driver::kea::apply::{Failpoint, Outcome, Recovery, Step, Way};
use freehold_agent::driver::kea::bridge::Bridge;
use freehold_agent::driver::kea::follow::{Follower, Watch, start};
use freehold_agent::driver::kea::leases::seen;
use freehold_agent::driver::kea::protocol::Protocol;
use freehold_core::Timestamp;
use freehold_core::bundle::{Bundle, ResourceKey, ResourceKind};
use freehold_proto::sync::ReservationResource;
use generation::{Generation, on_each_kea, on_each_kea_by_config_set};
use host::KeaHost;
use serde_json::{Value, json};
use served::{bundle, key, reservation, scope};

/// Subnets, keys and comments of an operator.
fn by_hand() -> Value {
    json!({
        "user-context": {"comment": "Küche, do not touch"},
        "valid-lifetime": 1234,
        "renew-timer": 400,
        "option-data": [{"name": "domain-name", "data": "hand.example"}],
        "client-classes": [{"name": "voip", "test": "option[60].text == 'voip'"}],
        "shared-networks": [{"name": "campus", "subnet4": [
            {"id": 901, "subnet": "10.201.0.0/16", "pools": [{"pool": "10.201.1.0/24"}]},
        ]}],
        "subnet4": [
            {"id": 900, "subnet": "10.200.0.0/16", "pools": [{"pool": "10.200.1.1 - 10.200.1.9"}], "user-context": {"wing": "B", "list": [1, 2.5]},
             "reservations": [{"hw-address": "02:00:00:00:09:01", "ip-address": "10.200.2.1", "user-context": {"who": "ann"}}]},
            {"id": 5000, "subnet": "10.202.0.0/16", "renew-timer": 77},
        ],
    })
}

/// Whether Kea was changed, and runs what it should.
fn changed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Applied { way: Way::Set(_) | Way::Live(_), .. })
}

/// A configuration with its lists of reservations in order, which Kea does not keep.
fn sorted(mut config: Value) -> Value {
    for subnet in config["Dhcp4"]["subnet4"].as_array_mut().unwrap() {
        if let Some(hosts) = subnet["reservations"].as_array_mut() {
            hosts.sort_by_key(|host| host["ip-address"].to_string());
        }
    }
    config
}

#[tokio::test]
async fn a_live_change_that_was_cut_short_is_undone_as_a_whole() {
    let Some(host) = KeaHost::start(Generation::Kea3_0Live, "half", json!({})).await else { return };
    let mut kea = host.kea();
    let pools = [("10.77.1.0", "10.77.1.255")];
    let old = bundle([scope("a", 1, "10.77.0.0/16", &pools, 600), reservation("a", "10.77.9.1", 1)]);
    assert!(changed(&kea.apply(&old).await.unwrap()));
    let new = bundle([scope("a", 1, "10.77.0.0/16", &pools, 700), reservation("a", "10.77.9.2", 1)]);
    kea.failpoint = Failpoint::new(|step| step != Step::Tested);
    kea.apply(&new).await.unwrap_err();
    // One of the commands that the agent did not live to send.
    host.command("reservation-del", &json!({"subnet-id": 1, "ip-address": "10.77.9.1", "operation-target": "memory"}));
    let mut kea = host.kea();
    assert_eq!(kea.recover().await.unwrap(), Recovery::Restored { digest: old.digest() });
    assert_eq!(kea.running().await.unwrap().read_back().bundle, old);
    assert!(changed(&kea.apply(&new).await.unwrap()));
}

#[tokio::test]
async fn what_others_change_by_commands_is_seen_before_it_is_changed() {
    let Some(host) = KeaHost::start(Generation::Kea3_0Live, "hand", by_hand()).await else { return };
    let mut kea = host.kea();
    let old = bundle([scope("a", 1, "10.77.0.0/16", &[], 600), reservation("a", "10.77.9.1", 1)]);
    assert!(changed(&kea.apply(&old).await.unwrap()));
    // Long enough after Kea's start that what is known is trusted.
    tokio::time::sleep(Duration::from_secs(4)).await;
    kea.look().await.unwrap();
    // The very thing that is about to be changed.
    let hand = |address: &str, client: u8| json!({"operation-target": "memory", "reservation": {"subnet-id": 1, "ip-address": address, "hw-address": format!("02:00:00:01:00:{client:02x}")}});
    host.command("reservation-add", &hand("10.77.9.2", 7));
    let more = |more: &[(&str, u32)]| {
        let more: Vec<_> = more.iter().map(|(address, client)| reservation("a", address, *client)).collect();
        bundle([scope("a", 1, "10.77.0.0/16", &[], 600), reservation("a", "10.77.9.1", 1)].into_iter().chain(more))
    };
    let outcome = kea.apply(&more(&[("10.77.9.2", 2)])).await.unwrap();
    assert!(matches!(outcome, Outcome::Busy { .. }), "{outcome:?}");
    assert!(changed(&kea.apply(&more(&[("10.77.9.2", 2)])).await.unwrap()), "by then it is known");
    // What is in the way elsewhere: the client has a reservation already, which nobody but Kea knows of.
    host.command("reservation-add", &hand("10.77.9.3", 9));
    let outcome = kea.apply(&more(&[("10.77.9.2", 2), ("10.77.9.4", 9)])).await.unwrap();
    assert!(matches!(outcome, Outcome::Busy { .. }), "{outcome:?}");
    assert!(!kea.intent_file.exists());
    assert!(changed(&kea.apply(&more(&[("10.77.9.2", 2), ("10.77.9.4", 9)])).await.unwrap()));
    // A subnet of theirs under one that is about to come.
    let theirs = json!({"subnet4": [{"id": 950, "subnet": "10.90.5.0/24", "pools": []}]});
    host.command("subnet4-add", &theirs);
    let over = bundle([scope("over", 5, "10.90.0.0/16", &[("10.90.5.1", "10.90.5.9")], 600)]);
    let outcome = kea.apply(&over).await.unwrap();
    assert!(matches!(outcome, Outcome::Busy { .. }), "{outcome:?}");
    let Outcome::Rejected { faults, .. } = kea.apply(&over).await.unwrap() else { panic!("it was taken") };
    assert!(faults[0].message.contains("10.90.5.0/24"), "{faults:?}");
}

#[tokio::test]
async fn a_live_change_that_was_cut_short_needs_no_file() {
    let Some(host) = KeaHost::start(Generation::Kea3_0Live, "nofile", json!({})).await else { return };
    let mut kea = host.kea();
    let pools = [("10.77.1.0", "10.77.1.255")];
    let old = bundle([scope("a", 1, "10.77.0.0/16", &pools, 600), reservation("a", "10.77.9.1", 1)]);
    assert!(changed(&kea.apply(&old).await.unwrap()));
    let gone = bundle([scope("b", 2, "10.78.0.0/16", &[("10.78.1.0", "10.78.1.255")], 600)]);
    kea.failpoint = Failpoint::new(|step| step != Step::Tested);
    kea.apply(&gone).await.unwrap_err();
    host.command("subnet4-del", &json!({"id": 1}));
    // Somebody's tool laid its own file there.
    fs::write(host.config_file(), "{\"Dhcp4\": {}}").unwrap();
    let mut kea = host.kea();
    assert_eq!(kea.recover().await.unwrap(), Recovery::Restored { digest: old.digest() });
    assert_eq!(kea.running().await.unwrap().read_back().bundle, old);
}

/// Clients lease, 100 a second, while Kea is changed again and again; what perfdhcp says of both exchanges' drops, and how often.
async fn leases_during(host: &KeaHost, wanted: impl Fn(u32) -> Bundle) -> ([u32; 2], u32) {
    let mut kea = host.kea();
    assert!(changed(&kea.apply(&wanted(0)).await.unwrap()));
    let done = AtomicBool::new(false);
    let clients = async {
        let report = host.lease(500, 100).await;
        done.store(true, Ordering::Release);
        report
    };
    let changes = async {
        let mut round = 0;
        while !done.load(Ordering::Acquire) {
            round += 1;
            let outcome = kea.apply(&wanted(round)).await.unwrap();
            assert!(matches!(outcome, Outcome::Applied { way: Way::Live(_), .. }), "{outcome:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        round
    };
    let (report, changes) = tokio::join!(clients, changes);
    assert!(changes >= 50, "only {changes} changes");
    let drops: Vec<u32> = report.lines().filter_map(|line| line.strip_prefix("drops: ")?.parse().ok()).collect();
    (drops.try_into().unwrap_or_else(|_| panic!("no report: {report}")), changes)
}

const POOL: (&str, &str) = ("10.77.1.0", "10.77.99.255");

#[tokio::test]
async fn reservations_change_and_no_client_notices() {
    let Some(host) = KeaHost::start(Generation::Kea3_0Live, "lossless", json!({})).await else { return };
    let wanted = |round: u32| {
        let hosts = (0..round % 7).map(|at| reservation("a", &format!("10.77.200.{at}"), at + round));
        bundle([scope("a", 1, "10.77.0.0/16", &[POOL], 600)].into_iter().chain(hosts))
    };
    let (drops, changes) = leases_during(&host, wanted).await;
    assert_eq!(drops, [0, 0], "{changes} changes");
}

/// After a subnet4-update Kea hands out its pool from the beginning again, so an address that was offered a moment ago may be offered to another client too: who asks for it
/// second is told NAK, and asks anew.
#[tokio::test]
async fn pools_change_and_every_packet_is_answered() {
    let logger = json!([{"name": "kea-dhcp4.bad-packets", "severity": "DEBUG", "debuglevel": 99}]);
    let Some(host) = KeaHost::start_logging(Generation::Kea3_0Live, "pools", logger).await else { return };
    let wanted = |round: u32| {
        let last = if round.is_multiple_of(2) { "10.77.100.9" } else { "10.77.100.7" };
        bundle([scope("a", 1, "10.77.0.0/16", &[POOL, ("10.77.100.0", last)], 600 + round / 10)])
    };
    let ([discovers, requests], changes) = leases_during(&host, wanted).await;
    let refused = host.log().matches("DHCP4_PACKET_NAK").count();
    assert_eq!((discovers, requests as usize), (0, refused), "{changes} changes");
    assert_eq!(host.log().matches("requested-ip-address").count(), refused);
}

on_each_kea_by_config_set! {

async fn a_failed_config_set_is_undone_as_soon_as_kea_allows(generation: Generation) {
    let Some(host) = KeaHost::start(generation, "undo", by_hand()).await else { return };
    let mut kea = host.kea();
    let old = bundle([scope("a", 1, "10.77.0.0/16", &[("10.77.1.0", "10.77.1.255")], 600)]);
    kea.apply(&old).await.unwrap();
    let (listening, before) = (kea.listening().await.unwrap(), kea.running().await.unwrap());
    // Kea believes that its lease file is being cleaned up: this test's process id is alive.
    let pid_file = host.lease_file().with_extension("csv.pid");
    let (path, probe) = (pid_file.clone(), kea.clone());
    kea.failpoint = Failpoint::new(move |step| {
        if step == Step::Tested {
            fs::write(&path, format!("{}\n", std::process::id())).unwrap();
        }
        true
    });
    // It goes on for as long as it takes Kea to refuse the new configuration and then the old one.
    let free = async {
        let deadline = Instant::now() + Duration::from_secs(20);
        while host.log().matches("DHCP4_CONFIG_UNRECOVERABLE_ERROR").count() < 2 {
            assert!(Instant::now() < deadline, "{}", host.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(
            probe.listening().await.unwrap().is_deaf(),
            "a failed config-set closes the sockets no more: is this test still about something?"
        );
        fs::remove_file(&pid_file).unwrap();
    };
    let new = bundle([scope("a", 1, "10.77.0.0/16", &[("10.77.1.0", "10.77.1.9")], 600)]);
    let (outcome, ()) = tokio::join!(kea.apply(&new), free);
    let outcome = outcome.unwrap();
    let Outcome::RolledBack { faults, message } = outcome else { panic!("{outcome:?}") };
    assert_eq!(faults, []);
    assert!(message.contains("lease file cleanup"), "{message}");
    assert_eq!(kea.listening().await.unwrap(), listening);
    assert_eq!(kea.running().await.unwrap(), before);
    assert!(!kea.intent_file.exists());
    // While a clean-up runs nothing is begun at all; afterwards it goes through.
    kea.failpoint = Failpoint::default();
    assert!(matches!(kea.apply(&new).await.unwrap(), Outcome::Applied { .. }));
}

}

on_each_kea! {

async fn an_adopted_kea_keeps_what_is_not_ours_over_ten_applies_and_a_restart(generation: Generation) {
    let Some(mut host) = KeaHost::start(generation, "adopt", by_hand()).await else { return };
    let mut kea = host.kea();
    let before = kea.running().await.unwrap();
    let file_before = fs::read(host.config_file()).unwrap();
    assert_eq!(
        kea.apply(&Bundle::default()).await.unwrap(),
        Outcome::Applied { digest: Bundle::default().digest(), way: Way::Ran }
    );
    assert_eq!(fs::read(host.config_file()).unwrap(), file_before, "adopting left its mark");

    let mut last = Bundle::default();
    for round in 1..=10u32 {
        let reservations = (0..round).map(|n| reservation("a", &format!("10.77.9.{n}"), n));
        let mut wanted = vec![scope(
            "a",
            1,
            "10.77.0.0/16",
            &[("10.77.1.0", "10.77.1.255"), ("10.77.2.3", "10.77.2.7")],
            600 + round,
        )];
        if round % 2 == 0 {
            wanted.push(scope("b", 2, "10.78.0.0/16", &[("10.78.1.0", "10.78.1.0")], 3600));
        }
        last = bundle(wanted.into_iter().chain(reservations));
        let outcome = kea.apply(&last).await.unwrap();
        assert!(
            matches!(&outcome, Outcome::Applied { digest, way } if *digest == last.digest() && matches!(way, Way::Live(_)) == generation.is_live()),
            "{outcome:?}"
        );
        let now = kea.running().await.unwrap();
        assert_eq!(now.foreign().to_string(), before.foreign().to_string());
        assert_eq!(now.read_back().bundle, last);
        assert_eq!(now.read_back().strange, []);
    }
    // The same again changes nothing.
    assert_eq!(kea.apply(&last).await.unwrap(), Outcome::Applied { digest: last.digest(), way: Way::Ran });
    host.kill_and_restart().await;
    let now = kea.running().await.unwrap();
    assert_eq!((now.foreign(), now.read_back().bundle), (before.foreign(), last));
    let kept = |name: &str| name.contains(".before-freehold-");
    let copies: Vec<_> = host.files().into_iter().filter(|path| kept(&path.to_string_lossy())).collect();
    assert_eq!(copies.iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>(), [file_before]);
}

async fn every_option_there_is_comes_back_as_it_was_sent(generation: Generation) {
    let Some(host) = KeaHost::start(generation, "options", json!({})).await else { return };
    let mut kea = host.kea();
    let mut wide = served::scope_message("a", 1, "10.77.0.0/16", &[("10.77.1.0", "10.77.1.255")], 600);
    wide.options = served::every_option();
    (wide.renew_seconds, wide.rebind_seconds) = (100, 200);
    (wide.interface, wide.relays) = ("srv".to_owned(), vec!["10.9.0.1".to_owned(), "10.9.0.2".to_owned()]);
    let clients = served::every_client().into_iter().map(served::reserved);
    let wanted = bundle([served::scope_resource(wide)].into_iter().chain(clients));
    let outcome = kea.apply(&wanted).await.unwrap();
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    assert_eq!(kea.running().await.unwrap().read_back().strange, []);
}

/// Before its configuration says so.
async fn what_leaves_the_pools_is_leased_to_nobody_at_once(generation: Generation) {
    let Some(host) = KeaHost::start(generation, "bridge", json!({})).await else { return };
    let mut kea = host.kea();
    let with = |pools: &[(&str, &str)]| bundle([scope("a", 1, "10.77.0.0/16", pools, 600)]);
    let (one, none) = (with(&[("10.77.1.0", "10.77.1.0")]), with(&[]));
    assert!(matches!(kea.apply(&one).await.unwrap(), Outcome::Applied { .. }));
    let mut bridge = Bridge::default();
    bridge.keep(&kea.socket, &one, &none).await;
    assert_eq!(host.ask(2).await, 0, "a client got an address that was to be kept");
    let watch = Watch::begin(host.lease_file()).unwrap();
    let (snapshot, _) = start(host.lease_file(), watch.settled(host.lease_file()).await).unwrap().unwrap();
    assert_eq!(snapshot.leases.values().filter_map(|row| seen(row, Timestamp(0))).count(), 0, "it was taken for a lease");
    // The hold was given back before it was applied.
    bridge.keep(&kea.socket, &one, &one).await;
    assert_eq!(host.ask(1).await, 1);
    // What a client has stays his, whoever wants the address, and whoever does not want it any more.
    let leased = kea.socket.lease_page(None, 10).await.unwrap();
    for wanted in [&none, &one] {
        bridge.keep(&kea.socket, &one, wanted).await;
        assert_eq!(kea.socket.lease_page(None, 10).await.unwrap(), leased);
    }
    assert!(!leased[0].hw_address.is_empty() && leased[0].state == 0, "{leased:?}");
}

/// From 2.6 on Kea sends them and does not show them.
async fn vendor_options_of_others_are_sent_as_before(generation: Generation) {
    let phones = json!([{"code": 43, "csv-format": false, "data": "010203040401AA"}]);
    let own = json!({"subnet4": [
        {"id": 900, "subnet": "10.77.0.0/16", "pools": [{"pool": "10.77.1.0/24"}], "option-data": phones},
    ]});
    let Some(mut host) = KeaHost::start(generation, "vendor", own).await else { return };
    let mut kea = host.kea();
    assert_eq!(host.vendor_options().await, "010203040401aa");
    let ours = bundle([scope("a", 1, "10.78.0.0/16", &[], 600)]);
    assert!(changed(&kea.apply(&ours).await.unwrap()));
    assert_eq!(host.vendor_options().await, "010203040401aa");
    host.kill_and_restart().await;
    assert_eq!(host.vendor_options().await, "010203040401aa");
    // A file that somebody emptied tells nothing: then Kea is left as it is, if it does not tell either.
    fs::write(host.config_file(), "{\"Dhcp4\": {}}").unwrap();
    let outcome = kea.apply(&Bundle::default()).await.unwrap();
    if generation == Generation::Kea2_2 {
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    } else {
        let Outcome::Rejected { message, .. } = outcome else { panic!("{outcome:?}") };
        assert!(message.contains("Dhcp4.subnet4[10.77.0.0/16].option-data"), "{message}");
    }
    assert_eq!(host.vendor_options().await, "010203040401aa");
}

async fn what_kea_refuses_is_named_and_kea_goes_on_hearing(generation: Generation) {
    let Some(host) = KeaHost::start(generation, "refuse", by_hand()).await else { return };
    let mut kea = host.kea();
    let good = [
        scope("good", 1, "10.77.0.0/16", &[("10.77.1.0", "10.77.1.255")], 600),
        reservation("good", "10.77.9.1", 1),
        reservation("good", "10.77.9.2", 2),
        scope("also", 5, "10.81.0.0/16", &[], 600),
    ];
    let mut timers = served::scope_message("timers", 3, "10.79.0.0/16", &[], 600);
    (timers.renew_seconds, timers.rebind_seconds) = (500, 100);
    let bad = [
        scope("pool", 2, "10.78.0.0/16", &[("10.99.1.0", "10.99.1.255")], 600),
        reservation("pool", "10.78.9.1", 3),
        served::scope_resource(timers),
        reservation("good", "10.99.9.9", 4),
        reservation("also", "10.81.0.9", 5),
        // The same client twice in a scope.
        served::reserved(served::reservation_message("also", "10.81.0.8", 5)),
    ];
    let listening = kea.listening().await.unwrap();
    let wanted = bundle(good.into_iter().chain(bad));
    let outcome = kea.apply(&wanted).await.unwrap();
    let Outcome::Rejected { mut faults, .. } = outcome else { panic!("{outcome:?}") };
    if generation.is_live() {
        // No pool is opened once something is known to be at fault: what is wrong with pools comes out in the next try.
        let left = |key: &ResourceKey| !faults.iter().any(|fault| fault.key == *key);
        let rest = wanted.resources().iter().filter(|(key, _)| left(key));
        let rest = bundle(rest.map(|(key, resource)| (key.clone(), resource.clone())));
        let Outcome::Rejected { faults: more, .. } = kea.apply(&rest).await.unwrap() else { panic!("it was taken") };
        faults.extend(more);
    }
    let named: Vec<_> = faults.iter().map(|fault| (fault.key.to_string(), fault.message.as_str())).collect();
    let has = |key: &str, words: &str| {
        assert!(named.iter().any(|(k, m)| k == key && m.contains(words)), "{key} {words}: {named:#?}")
    };
    has("scope pool", "does not match the prefix of a subnet: 10.78.0.0/16");
    // From 2.6 on Kea takes such timers, and tells clients the second alone.
    let refuses_timers = generation == Generation::Kea2_2;
    if refuses_timers {
        has("scope timers", "renew-timer (500) is greater than the value of rebind-timer (100)");
    }
    let outside = if generation.is_live() { "is not matching the IPv4 subnet prefix" } else { "is not within the IPv4 subnet" };
    has("reservation good/10.99.9.9", &format!("specified reservation '10.99.9.9' {outside} '10.77.0.0/16'"));
    assert_eq!(named.iter().filter(|(key, _)| key.starts_with("reservation also/10.81.0.")).count(), 1, "{named:#?}");
    assert_eq!(named.len(), if refuses_timers { 4 } else { 3 }, "{named:#?}");
    assert!(listening.covers(&kea.listening().await.unwrap()) && !listening.is_deaf());
    assert_eq!(kea.running().await.unwrap().ours(), &[] as &[Value]);
    assert!(!kea.intent_file.exists());
}

async fn what_kea_refuses_of_several_changes_leaves_none_of_them(generation: Generation) {
    let Some(mut host) = KeaHost::start(generation, "several", by_hand()).await else { return };
    let mut kea = host.kea();
    let old = [
        scope("a", 1, "10.77.0.0/16", &[("10.77.1.0", "10.77.1.255")], 600),
        scope("gone", 2, "10.78.0.0/16", &[("10.78.1.0", "10.78.1.255")], 600),
        reservation("a", "10.77.9.1", 1),
        reservation("a", "10.77.9.2", 2),
        reservation("gone", "10.78.9.1", 1),
        reservation("gone", "10.78.9.2", 2),
    ];
    assert!(changed(&kea.apply(&bundle(old)).await.unwrap()));
    let (before, listening) = (kea.running().await.unwrap(), kea.listening().await.unwrap());
    let file = fs::read(host.config_file()).unwrap();
    let new = [
        scope("a", 1, "10.77.0.0/16", &[("10.77.2.0", "10.77.2.255")], 700),
        scope("b", 3, "10.79.0.0/16", &[("10.79.1.0", "10.79.1.255")], 700),
        reservation("a", "10.77.9.2", 1),
        reservation("b", "10.79.9.1", 1),
    ];
    let bad = [scope("bad", 4, "10.80.0.0/16", &[("10.99.1.0", "10.99.1.255")], 600), reservation("bad", "10.80.9.1", 1)];
    let Outcome::Rejected { faults, .. } = kea.apply(&bundle(new.clone().into_iter().chain(bad))).await.unwrap() else {
        panic!("not rejected")
    };
    assert_eq!(faults.iter().map(|fault| fault.key.to_string()).collect::<Vec<_>>(), ["scope bad"]);
    assert_eq!(sorted(kea.running().await.unwrap().whole()), sorted(before.whole()));
    assert_eq!(kea.listening().await.unwrap(), listening);
    assert_eq!(fs::read(host.config_file()).unwrap(), file);
    assert!(!kea.intent_file.exists());
    assert!(changed(&kea.apply(&bundle(new.clone())).await.unwrap()));
    host.kill_and_restart().await;
    assert_eq!(kea.running().await.unwrap().read_back().bundle, bundle(new));
}

/// Whatever comes after whatever.
async fn every_change_ends_in_what_was_wanted(generation: Generation) {
    let Some(mut host) = KeaHost::start(generation, "changes", by_hand()).await else { return };
    let mut kea = host.kea();
    let foreign = kea.running().await.unwrap().foreign().clone();
    // xorshift: the same on every run.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut below = |end: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % end
    };
    let mut last = Bundle::default();
    for round in 0..60 {
        let mut wanted = Vec::new();
        for scope_number in 0..4_u32 {
            if below(4) == 0 {
                continue;
            }
            // Now and then a scope has another id, or another network.
            let subnet_id = 1 + scope_number + 10 * u32::from(below(6) == 0);
            let network = 77 + scope_number + 10 * u32::from(below(6) == 0);
            let id = format!("s{scope_number}");
            let pool = (format!("10.{network}.1.{}", below(4)), format!("10.{network}.1.99"));
            let pools = [(pool.0.as_str(), pool.1.as_str())];
            let valid = 600 + u32::try_from(below(3)).unwrap();
            wanted.push(scope(&id, subnet_id, &format!("10.{network}.0.0/16"), &pools, valid));
            // Clients trade their addresses.
            let first = below(4);
            for at in 0..below(5) {
                let client = u32::try_from((first + at) % 5).unwrap();
                let mut message = served::reservation_message(&id, &format!("10.{network}.9.{at}"), client);
                if below(3) == 0 {
                    message.host_name = format!("other-{}", below(2));
                }
                wanted.push(served::reserved(message));
            }
        }
        let wanted = bundle(wanted);
        let outcome = kea.apply(&wanted).await.unwrap();
        let Outcome::Applied { way, .. } = outcome else { panic!("round {round}: {outcome:?}") };
        assert!(wanted == last || matches!(way, Way::Live(_)) == generation.is_live(), "round {round}: {way:?}");
        let running = kea.running().await.unwrap();
        assert_eq!((running.read_back().bundle, running.foreign()), (wanted.clone(), &foreign), "round {round}");
        if round % 20 == 19 {
            host.kill_and_restart().await;
            assert_eq!(kea.running().await.unwrap().read_back().bundle, wanted, "round {round}: the file");
        }
        last = wanted;
    }
}

/// A scope takes the subnet id of another.
async fn ids_pass_from_scope_to_scope(generation: Generation) {
    let Some(host) = KeaHost::start(generation, "trade", json!({})).await else { return };
    let mut kea = host.kea();
    let scopes = |first: u32, second: u32| {
        bundle([
            scope("a", first, "10.77.0.0/16", &[("10.77.1.0", "10.77.1.9")], 600),
            scope("b", second, "10.78.0.0/16", &[("10.78.1.0", "10.78.1.9")], 600),
            reservation("a", "10.77.9.1", 1),
            reservation("b", "10.78.9.1", 1),
        ])
    };
    let alone = bundle([scope("c", 1, "10.79.0.0/16", &[("10.79.1.0", "10.79.1.9")], 600)]);
    for wanted in [scopes(1, 2), scopes(2, 1), alone] {
        let outcome = kea.apply(&wanted).await.unwrap();
        assert!(changed(&outcome), "{outcome:?}");
        assert_eq!(kea.running().await.unwrap().read_back().bundle, wanted);
    }
}

/// By client identifier and DUID too, which Kea writes otherwise than it is told.
async fn a_reservation_becomes_another(generation: Generation) {
    let Some(host) = KeaHost::start(generation, "hosts", json!({})).await else { return };
    let mut kea = host.kea();
    let office = scope("a", 1, "10.77.0.0/16", &[("10.77.1.0", "10.77.9.9")], 600);
    let all = |change: &dyn Fn(usize, &mut ReservationResource)| {
        let mut hosts = served::every_client();
        hosts.iter_mut().enumerate().for_each(|(at, host)| change(at, host));
        bundle([office.clone()].into_iter().chain(hosts.into_iter().map(served::reserved)))
    };
    let clients: Vec<_> = served::every_client().into_iter().map(|host| host.client).collect();
    let wishes = [
        all(&|_, _| {}),
        all(&|at, host| host.host_name = format!("other-{at}")),
        // Each address for the next client.
        all(&|at, host| host.client = clients[(at + 1) % clients.len()].clone()),
        bundle([office.clone()]),
    ];
    for wanted in wishes {
        let outcome = kea.apply(&wanted).await.unwrap();
        assert!(changed(&outcome), "{outcome:?}");
        assert_eq!(kea.running().await.unwrap().read_back().bundle, wanted);
    }
}

/// As the disk does when it is full: it is tried again, and nothing is taken to be at fault.
async fn what_cannot_be_written_is_undone_and_done_again_later(generation: Generation) {
    let Some(host) = KeaHost::start(generation, "full", by_hand()).await else { return };
    let mut kea = host.kea();
    let old = bundle([scope("a", 1, "10.77.0.0/16", &[("10.77.1.0", "10.77.1.9")], 600)]);
    assert!(changed(&kea.apply(&old).await.unwrap()));
    let (before, file) = (kea.running().await.unwrap(), kea.config_file.clone());
    let new = bundle([scope("a", 1, "10.77.0.0/16", &[("10.77.1.0", "10.77.1.7")], 700), reservation("a", "10.77.9.1", 1)]);
    let hidden = file.with_extension("aside");
    let (there, aside) = (file.clone(), hidden.clone());
    kea.failpoint = Failpoint::new(move |step| {
        if step == Step::Set {
            // A folder stands where the file is to be.
            fs::rename(&there, &aside).unwrap();
            fs::create_dir(&there).unwrap();
        }
        true
    });
    let outcome = kea.apply(&new).await.unwrap();
    assert!(matches!(&outcome, Outcome::RolledBack { faults, .. } if faults.is_empty()), "{outcome:?}");
    assert_eq!(sorted(kea.running().await.unwrap().whole()), sorted(before.whole()));
    fs::remove_dir(&file).unwrap();
    fs::rename(&hidden, &file).unwrap();
    kea.failpoint = Failpoint::default();
    assert!(changed(&kea.apply(&new).await.unwrap()));
}

async fn what_is_in_the_way_of_the_operators_own_never_reaches_kea(generation: Generation) {
    let Some(host) = KeaHost::start(generation, "conflict", by_hand()).await else { return };
    let wanted = bundle([
        scope("id", 900, "10.77.0.0/16", &[], 600),
        scope("net", 1, "10.201.128.0/17", &[], 600),
        reservation("gone", "10.77.9.1", 1),
    ]);
    let Outcome::Rejected { faults, .. } = host.kea().apply(&wanted).await.unwrap() else { panic!("not rejected") };
    let named: Vec<_> =
        faults.iter().map(|fault| (fault.key.to_string(), fault.code.as_str_name(), fault.field.as_str())).collect();
    assert_eq!(
        named,
        [
            ("scope id".to_owned(), "CODE_CONFLICT_LOCAL", "subnet_id"),
            ("scope net".to_owned(), "CODE_CONFLICT_LOCAL", "network"),
            ("reservation gone/10.77.9.1".to_owned(), "CODE_DEPENDENCY", "scope"),
        ]
    );
}

async fn an_agent_killed_at_any_step_finds_its_way(generation: Generation) {
    let Some(mut host) = KeaHost::start(generation, "crash", by_hand()).await else { return };
    let foreign = host.kea().running().await.unwrap().foreign().clone();
    let mut seconds = 600;
    let mut old = Bundle::default();
    for restart_kea in [false, true] {
        for stop in Step::ALL {
            seconds += 1;
            let new = bundle([scope("a", 1, "10.77.0.0/16", &[("10.77.1.0", "10.77.1.255")], seconds)]);
            let mut kea = host.kea();
            kea.failpoint = Failpoint::new(move |step| step != stop);
            kea.apply(&new).await.unwrap_err();
            if restart_kea {
                host.kill_and_restart().await;
            }
            // The next agent.
            let mut kea = host.kea();
            let recovery = kea.recover().await.unwrap();
            let expected = match (stop, restart_kea) {
                (Step::Closed, _) => Recovery::Clean,
                (Step::Intended | Step::Tested, _) | (Step::Set | Step::ReadBack, true) => {
                    Recovery::Undone { digest: old.digest() }
                }
                (Step::Set | Step::ReadBack, false) | (Step::Persisted, _) => {
                    Recovery::Finished { digest: new.digest() }
                }
            };
            assert_eq!(recovery, expected, "{stop:?} {restart_kea}");
            assert!(!kea.listening().await.unwrap().is_deaf());
            assert!(matches!(kea.apply(&new).await.unwrap(), Outcome::Applied { .. }));
            host.kill_and_restart().await;
            let running = host.kea().running().await.unwrap();
            assert_eq!((running.read_back().bundle, running.foreign()), (new.clone(), &foreign));
            old = new;
        }
    }
}

async fn a_crash_after_a_refused_config_set_does_not_leave_kea_mute(generation: Generation) {
    let Some(host) = KeaHost::start(generation, "mute", json!({})).await else { return };
    let mut kea = host.kea();
    let new = bundle([scope("a", 1, "10.77.0.0/16", &[], 600)]);
    kea.failpoint = Failpoint::new(|step| step != Step::Tested);
    kea.apply(&new).await.unwrap_err();
    // What the agent would have done next, with the outcome that it did not live to see.
    let pid_file = host.lease_file().with_extension("csv.pid");
    fs::write(&pid_file, format!("{}\n", std::process::id())).unwrap();
    host.set_config(&kea.running().await.unwrap().whole()).await;
    fs::remove_file(&pid_file).unwrap();
    assert!(kea.listening().await.unwrap().is_deaf());
    let mut kea = host.kea();
    assert_eq!(kea.recover().await.unwrap(), Recovery::Undone { digest: Bundle::default().digest() });
    assert!(!kea.listening().await.unwrap().is_deaf());
}

async fn an_edit_by_hand_inside_our_subnet_shows_and_neither_configuration_means_the_old_one(generation: Generation) {
    let Some(host) = KeaHost::start(generation, "drift", by_hand()).await else { return };
    let mut kea = host.kea();
    let ours =
        bundle([scope("a", 1, "10.77.0.0/16", &[("10.77.1.0", "10.77.1.255")], 600), reservation("a", "10.77.9.1", 1)]);
    kea.apply(&ours).await.unwrap();
    let hand = host.kea();
    let edit = async |path: &str, value: Value| {
        let mut whole = hand.running().await.unwrap().whole();
        let (parent, member) = path.rsplit_once('/').unwrap();
        whole.pointer_mut(&format!("/Dhcp4/subnet4/{parent}")).unwrap()[member] = value;
        host.set_config(&whole).await;
    };
    let scope_key = key(ResourceKind::Scope, "a");
    let reservation_key = key(ResourceKind::Reservation, "a/10.77.9.1");
    for (path, value, key, words) in [
        ("2/client-class", json!("voip"), &scope_key, "client-class"),
        ("2/reservations/0/hostname", json!("other"), &reservation_key, ""),
        ("2/pools/0/pool", json!("10.77.1.0/25"), &scope_key, ""),
        ("2/t1-percent", json!(0.4), &scope_key, "t1-percent"),
    ] {
        edit(path, value).await;
        let found = kea.running().await.unwrap().read_back();
        let other: Vec<ResourceKey> = found.bundle.diff(&ours).upserts.into_keys().collect();
        assert_eq!(other, std::slice::from_ref(key), "{path}");
        assert_eq!(
            found.strange.iter().any(|strange| strange.what.contains(words)),
            !words.is_empty(),
            "{path}: {found:?}"
        );
        assert!(changed(&kea.apply(&ours).await.unwrap()), "{path}");
    }
    // A crash in the middle of an apply, and a hand that changed both Freehold's part and its own.
    let mut stopped = host.kea();
    stopped.failpoint = Failpoint::new(|step| step != Step::Tested);
    stopped.apply(&Bundle::default()).await.unwrap_err();
    edit("2/t1-percent", json!(0.4)).await;
    edit("0/t1-percent", json!(0.3)).await;
    assert_eq!(kea.recover().await.unwrap(), Recovery::Restored { digest: ours.digest() });
    let running = kea.running().await.unwrap();
    assert_eq!(running.foreign()["Dhcp4"]["subnet4"][0]["t1-percent"], 0.3);
    assert_eq!(running.read_back().bundle, ours);
}

async fn what_somebody_changes_during_an_apply_is_not_overwritten(generation: Generation) {
    let Some(mut host) = KeaHost::start(generation, "meanwhile", by_hand()).await else { return };
    let mut kea = host.kea();
    let mut edited = kea.running().await.unwrap().whole();
    edited["Dhcp4"]["subnet4"][0]["t1-percent"] = json!(0.3);
    let (hand, once) = (host.hand(), AtomicBool::new(true));
    kea.failpoint = Failpoint::new(move |step| {
        if step == Step::Intended && once.swap(false, Ordering::AcqRel) {
            hand(&edited);
        }
        true
    });
    let wanted = bundle([scope("a", 1, "10.77.0.0/16", &[], 600)]);
    if !generation.is_live() {
        assert!(matches!(kea.apply(&wanted).await.unwrap(), Outcome::Busy { .. }));
    }
    assert!(matches!(kea.apply(&wanted).await.unwrap(), Outcome::Applied { .. }));
    assert_eq!(kea.running().await.unwrap().foreign()["Dhcp4"]["subnet4"][0]["t1-percent"], 0.3);
    host.kill_and_restart().await;
    assert_eq!(kea.running().await.unwrap().foreign()["Dhcp4"]["subnet4"][0]["t1-percent"], 0.3, "the file lost it");
}

async fn a_client_asking_all_the_time_hears_kea_while_it_refuses(generation: Generation) {
    let Some(host) = KeaHost::start(generation, "asking", json!({})).await else { return };
    let mut kea = host.kea();
    let good = scope("a", 1, "10.77.0.0/16", &[("10.77.1.0", "10.77.1.255")], 600);
    kea.apply(&bundle([good.clone()])).await.unwrap();
    let done = AtomicBool::new(false);
    let asking = async {
        let answered = host.ask(4).await;
        done.store(true, Ordering::Release);
        answered
    };
    let refused = async {
        let bad = bundle([good, scope("bad", 2, "10.78.0.0/16", &[("10.99.1.0", "10.99.1.255")], 600)]);
        while !done.load(Ordering::Acquire) {
            assert!(matches!(kea.apply(&bad).await.unwrap(), Outcome::Rejected { .. }));
        }
    };
    let (answered, ()) = tokio::join!(asking, refused);
    assert_eq!(answered, 4);
}

async fn every_lease_is_followed_once_over_clean_ups_and_restarts_of_the_follower(generation: Generation) {
    // As often as a busy machine can follow: of a file that is replaced twice between two looks the follower says that it missed one.
    let own = json!({"lease-database": {"type": "memfile", "persist": true, "lfc-interval": 2}});
    let Some(host) = KeaHost::start(generation, "follow", own).await else { return };
    let mut kea = host.kea();
    kea.apply(&bundle([scope("a", 1, "10.77.0.0/16", &[("10.77.1.0", "10.77.200.255")], 600)])).await.unwrap();
    let watch = Watch::begin(host.lease_file()).unwrap();
    let (snapshot, mut follower) = start(host.lease_file(), watch.settled(host.lease_file()).await).unwrap().unwrap();
    assert_eq!((snapshot.leases.len(), snapshot.bad.len()), (0, 0));
    let done = AtomicBool::new(false);
    let clients = async {
        let report = host.lease(2100, 300).await;
        done.store(true, Ordering::Release);
        report
    };
    let following = async {
        let mut followed = Vec::new();
        let (mut looks, mut resumed) = (0, 0);
        loop {
            let last = done.load(Ordering::Acquire);
            loop {
                let look = follower.look(watch.creations(), 4096).unwrap().unwrap();
                assert_eq!(look.bad, []);
                followed.extend(look.rows);
                looks += 1;
                if look.more {
                    continue;
                }
                if looks < 50 {
                    break;
                }
                // Another follower goes on, once the file that this one has read to its end is the settled one.
                let settled = watch.settled(host.lease_file()).await;
                let look = follower.look(watch.creations(), 4096).unwrap().unwrap();
                followed.extend(look.rows);
                if !look.more {
                    let position = follower.position();
                    follower = Follower::resume(host.lease_file(), &position, settled).unwrap().unwrap();
                    (looks, resumed) = (0, resumed + 1);
                    break;
                }
            }
            if last {
                return (followed, resumed);
            }
            watch.changed().await;
        }
    };
    let (report, (followed, resumed)) = tokio::join!(clients, following);
    assert!(resumed > 0, "no follower took over");
    assert!(watch.creations() >= 2, "no clean-up happened");
    let addresses: BTreeSet<_> = followed.iter().map(|row| row.key.address).collect();
    assert_eq!(addresses.len(), followed.len(), "a lease came twice");
    let mut listed = BTreeSet::new();
    loop {
        let page = kea.socket.lease_page(listed.last().copied(), 250).await.unwrap();
        if page.is_empty() {
            break;
        }
        listed.extend(page.into_iter().map(|lease| lease.address));
    }
    assert_eq!(addresses, listed, "{report}");
    assert!(listed.len() > 1000, "{report}");
    let counters = kea.socket.subnet_counters().await.unwrap();
    assert_eq!(
        counters.iter().map(|counter| (counter.subnet_id, counter.assigned)).collect::<Vec<_>>(),
        [(1, listed.len() as u64)]
    );
    let (snapshot, _) = start(host.lease_file(), watch.settled(host.lease_file()).await).unwrap().unwrap();
    assert_eq!(snapshot.leases.into_keys().map(|key| key.address).collect::<BTreeSet<_>>(), listed);
}

async fn discovery_finds_the_server_of_a_file(generation: Generation) {
    let Some(host) = KeaHost::start(generation, "discover", json!({})).await else { return };
    let found = freehold_agent::driver::kea::discover::discover(Protocol::V4, Some(host.config_file())).await.unwrap();
    assert_eq!(found.pid, host.pid());
    assert!(found.version.split('.').count() == 3, "{}", found.version);
    assert_eq!(found.leases, freehold_agent::driver::kea::discover::LeaseStore::Memfile(host.lease_file().to_owned()));
    assert_eq!(found.places.control_socket.parent(), Path::new(host.config_file()).parent());
}

}
