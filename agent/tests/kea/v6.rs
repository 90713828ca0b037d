//! What is DHCPv6's own: the driver is the same, the leases, prefixes and links are not.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use freehold_agent::driver::kea::apply::{Failpoint, Outcome, Recovery, Step, Way};
use freehold_agent::driver::kea::bridge::Bridge;
use freehold_agent::driver::kea::discover::{LeaseStore, discover};
use freehold_agent::driver::kea::follow::{Watch, start};
use freehold_agent::driver::kea::leases::{KnownLeases, seen};
use freehold_agent::driver::kea::memfile::LeaseKey;
use freehold_agent::driver::kea::protocol::Protocol;
use freehold_core::Timestamp;
use freehold_core::bundle::Bundle;
use freehold_core::lease::LeaseEventKind;
use freehold_proto::sync::{DelegatedPool, ScopeResource};
use serde_json::{Value, json};

use crate::generation::{Generation, on_each_kea};
use crate::host::{Given, KeaHost};
use crate::served::{bundle, duid, every_option_v6, reservation_v6, scope_resource, scope_v6};
use crate::{changed, leases_during};

async fn started(generation: Generation, name: &str, own: Value) -> Option<KeaHost> {
    KeaHost::start_of(Protocol::V6, generation, name, own).await
}

/// The scope of the host's own link, which delegates prefixes too.
fn ward(pools: &[(&str, &str)]) -> ScopeResource {
    ScopeResource {
        prefix_pools: vec![DelegatedPool { prefix: "2001:db8:8000::/36".to_owned(), delegated_length: 56 }],
        ..scope_v6("ward", 7, "2001:db8:77::/64", pools)
    }
}

const POOL: (&str, &str) = ("2001:db8:77::1:0", "2001:db8:77::1:ffff");

fn given(address: &str, prefix: &str) -> Option<Given> {
    Some(Given { address: Some(address.to_owned()), prefix: Some(prefix.to_owned()) })
}

#[tokio::test]
async fn reservations_and_pools_change_live_and_every_packet_is_answered() {
    let Some(host) = started(Generation::Kea3_0Live, "lossless6", json!({})).await else { return };
    let wanted = |round: u32| {
        let hosts = (0..round % 7).map(|at| reservation_v6("ward", &format!("2001:db8:77::9:{at}"), at + round, &[]));
        let last = if round.is_multiple_of(2) { "2001:db8:77::2:9" } else { "2001:db8:77::2:7" };
        let scope = ward(&[POOL, ("2001:db8:77::2:1", last)]);
        bundle([scope_resource(scope)].into_iter().chain(hosts))
    };
    let (drops, changes) = leases_during(&host, wanted).await;
    assert_eq!(drops, [0, 0], "{changes} changes");
}

on_each_kea! {

async fn a_client_gets_an_address_and_a_prefix_and_both_are_reported(generation: Generation) {
    let Some(host) = started(generation, "lease6", json!({})).await else { return };
    let mut kea = host.kea();
    let wanted = bundle([scope_resource(ward(&[POOL]))]);
    let outcome = kea.apply(&wanted).await.unwrap();
    assert!(changed(&outcome), "{outcome:?}");
    let watch = Watch::begin(host.lease_file()).unwrap();
    let (snapshot, mut follower) = start(host.lease_file(), watch.settled(host.lease_file()).await).unwrap().unwrap();
    let mut known = KnownLeases::of(&snapshot.leases);
    assert_eq!(host.ask_v6(&duid(1)).await, given("2001:db8:77::1:0", "2001:db8:8000::/56"));
    let rows = follower.look(watch.creations(), 1 << 20).unwrap().unwrap().rows;
    let events: Vec<_> = rows.iter().filter_map(|row| known.learn(row, Timestamp(5))).collect();
    let said: Vec<_> = events
        .iter()
        .map(|event| {
            let lease = &event.lease;
            (event.kind, lease.address, lease.prefix_len, lease.subnet_id, lease.duid.clone(), lease.valid_seconds)
        })
        .collect();
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    assert_eq!(said, [
        (LeaseEventKind::Granted, address("2001:db8:77::1:0"), 128, 7, duid(1), 600),
        (LeaseEventKind::Granted, address("2001:db8:8000::"), 56, 7, duid(1), 600),
    ]);
    assert!(events.iter().all(|event| event.lease.iaid == events[0].lease.iaid && event.lease.client_id.is_empty()));
}

async fn a_reservation_by_duid_holds_on_the_wire(generation: Generation) {
    let Some(host) = started(generation, "reserve6", json!({})).await else { return };
    let mut kea = host.kea();
    let own = |client: u32, prefix: &str| reservation_v6("ward", &format!("2001:db8:77::{client}"), client, &[prefix]);
    let scope = scope_resource(ward(&[POOL]));
    let wanted = bundle([scope.clone(), own(9, "2001:db8:8000:ff00::/56"), own(8, "2001:db8:8000:fe00::/56")]);
    assert!(changed(&kea.apply(&wanted).await.unwrap()));
    assert_eq!(host.ask_v6(&duid(9)).await, given("2001:db8:77::9", "2001:db8:8000:ff00::/56"));
    // It is nobody else's.
    assert_eq!(host.ask_v6(&duid(1)).await, given("2001:db8:77::1:0", "2001:db8:8000::/56"));
    // Prefixes change hands, which no single command of Kea's does safely.
    let traded = bundle([scope.clone(), own(9, "2001:db8:8000:fe00::/56"), own(8, "2001:db8:8000:ff00::/56")]);
    let outcome = kea.apply(&traded).await.unwrap();
    assert!(matches!(outcome, Outcome::Applied { way: Way::Set(_), .. }), "{outcome:?}");
    assert_eq!(kea.running().await.unwrap().read_back().bundle, traded);
    // So does a prefix that passes to another client.
    let passed = reservation_v6("ward", "2001:db8:77::9", 6, &["2001:db8:8000:fe00::/56"]);
    let traded = bundle([scope.clone(), passed, own(8, "2001:db8:8000:ff00::/56")]);
    let outcome = kea.apply(&traded).await.unwrap();
    assert!(matches!(outcome, Outcome::Applied { way: Way::Set(_), .. }), "{outcome:?}");
    // What has no prefix changes while Kea serves, where it can.
    let more = bundle(traded.resources().clone().into_iter().chain([reservation_v6("ward", "2001:db8:77::7", 7, &[])]));
    let outcome = kea.apply(&more).await.unwrap();
    let is_live = matches!(outcome, Outcome::Applied { way: Way::Live(_), .. });
    assert!(changed(&outcome) && is_live == generation.is_live(), "{outcome:?}");
    assert_eq!(host.ask_v6(&duid(7)).await.unwrap().address.unwrap(), "2001:db8:77::7");
}

async fn every_option_and_link_there_is_comes_back_as_it_was_sent(generation: Generation) {
    let Some(mut host) = started(generation, "options6", json!({})).await else { return };
    let mut kea = host.kea();
    let own_link = ScopeResource {
        options: every_option_v6(&[]),
        renew_seconds: 100,
        rebind_seconds: 200,
        relays: vec!["2001:db8:1::1".to_owned(), "2001:db8:1::2".to_owned(), "fe80::1".to_owned()],
        ..ward(&[POOL, ("2001:db8:77::2:1", "2001:db8:77::2:1"), ("2001:db8:77::3:0", "2001:db8:77::3:6")])
    };
    let relayed = ScopeResource {
        interface: String::new(),
        interface_id: "a b,\"c\"\\ é/0x1".to_owned(),
        renew_seconds: 50,
        prefix_pools: vec![],
        ..scope_v6("relayed", 8, "2001:db8:78::/64", &[])
    };
    let wanted = bundle([
        scope_resource(own_link),
        scope_resource(relayed),
        reservation_v6("ward", "2001:db8:77::9", 9, &["2001:db8:8000:fe00::/56", "2001:db8:8000:ff00::/56"]),
        reservation_v6("ward", "2001:db8:77::8", 8, &[]),
        crate::served::reservation("ward", "2001:db8:77::7", 7),
    ]);
    let outcome = kea.apply(&wanted).await.unwrap();
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome:?}");
    assert_eq!(kea.running().await.unwrap().read_back().strange, []);
    host.kill_and_restart().await;
    assert_eq!(kea.running().await.unwrap().read_back().bundle, wanted, "the file");
}

/// Time servers and softwires, which Kea takes apart and sends, and does not show.
async fn what_kea_does_not_show_of_others_is_sent_as_before_and_of_ours_is_named(generation: Generation) {
    let hidden = json!([{"code": 94, "csv-format": false, "data": "005A001020010DB8000000000000000000000053"},
                        {"code": 56, "csv-format": false, "data": "0001001020010DB8000000000000000000000053"}]);
    let own = json!({"option-data": hidden, "subnet6": [
        {"id": 900, "subnet": "2001:db8:77::/64", "interface": "srv", "pools": [{"pool": "2001:db8:77::1:0/112"}], "option-data": hidden},
    ]});
    let Some(host) = started(generation, "hidden6", own).await else { return };
    let mut kea = host.kea();
    let said = |config: &Value| ["/Dhcp6/option-data", "/Dhcp6/subnet6/0/option-data"].map(|at| {
        let options = config.pointer(at).unwrap().as_array().unwrap().iter();
        options.map(|option| option["data"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>()
    });
    let before = said(kea.running().await.unwrap().foreign());
    assert!(before.iter().all(|options| options.iter().all(|data| data.ends_with("53"))), "{before:?}");
    let good = scope_resource(scope_v6("good", 1, "2001:db8:78::/64", &[]));
    assert!(changed(&kea.apply(&bundle([good.clone()])).await.unwrap()));
    assert_eq!(said(kea.running().await.unwrap().foreign()), before);
    // Of Freehold's what cannot be read back is refused by name, and nothing else with it.
    let bad = ScopeResource { options: every_option_v6(&[94]), ..scope_v6("bad", 2, "2001:db8:79::/64", &[]) };
    let outcome = kea.apply(&bundle([good.clone(), scope_resource(bad)])).await.unwrap();
    let (Outcome::Rejected { faults, .. } | Outcome::RolledBack { faults, .. }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(faults.iter().map(|fault| fault.key.to_string()).collect::<Vec<_>>(), ["scope bad"]);
    assert_eq!(kea.running().await.unwrap().read_back().bundle, bundle([good]));
    assert!(!kea.listening().await.unwrap().is_deaf());
}

async fn what_leaves_the_pools_is_leased_to_nobody_at_once(generation: Generation) {
    let Some(host) = started(generation, "bridge6", json!({})).await else { return };
    let mut kea = host.kea();
    let with = |pools: &[(&str, &str)]| bundle([scope_resource(scope_v6("ward", 7, "2001:db8:77::/64", pools))]);
    let (one, none) = (with(&[("2001:db8:77::1:0", "2001:db8:77::1:0")]), with(&[]));
    assert!(changed(&kea.apply(&one).await.unwrap()));
    let mut bridge = Bridge::default();
    bridge.keep(&kea.socket, &one, &none).await;
    let nothing = |given: Option<Given>| given.is_none_or(|given| given.address.is_none());
    assert!(nothing(host.ask_v6(&duid(1)).await), "a client got an address that was to be kept");
    let watch = Watch::begin(host.lease_file()).unwrap();
    let (snapshot, _) = start(host.lease_file(), watch.settled(host.lease_file()).await).unwrap().unwrap();
    assert_eq!(snapshot.leases.len(), 1, "there is no placeholder");
    assert_eq!(snapshot.leases.values().filter_map(|row| seen(row, Timestamp(0))).count(), 0, "it was taken for a lease");
    // The hold was given back before it was applied.
    bridge.keep(&kea.socket, &one, &one).await;
    assert_eq!(host.ask_v6(&duid(1)).await.unwrap().address.unwrap(), "2001:db8:77::1:0");
    // What a client has stays his, whoever wants the address, and whoever does not want it any more.
    let leased = kea.socket.lease_page(None, 10).await.unwrap();
    for wanted in [&none, &one] {
        bridge.keep(&kea.socket, &one, wanted).await;
        assert_eq!(kea.socket.lease_page(None, 10).await.unwrap(), leased);
    }
    assert!(!leased[0].duid.is_empty() && leased[0].state == 0, "{leased:?}");
}

async fn what_kea_refuses_is_named_and_kea_goes_on_hearing(generation: Generation) {
    let theirs = json!({"subnet6": [{"id": 900, "subnet": "2001:db8:90::/64", "user-context": {"wing": "B"}}]});
    let Some(host) = started(generation, "refuse6", theirs).await else { return };
    let mut kea = host.kea();
    let good = [scope_resource(ward(&[POOL])), reservation_v6("ward", "2001:db8:77::8", 8, &[])];
    let old = bundle(good.clone());
    assert!(changed(&kea.apply(&old).await.unwrap()));
    let (before, listening) = (kea.running().await.unwrap(), kea.listening().await.unwrap());
    assert!(!listening.is_deaf());
    let nowhere = ScopeResource { interface: "nowhere".to_owned(), ..scope_v6("nowhere", 2, "2001:db8:78::/64", &[]) };
    for (bad, key, words) in [
        (scope_resource(scope_v6("pool", 3, "2001:db8:79::/64", &[POOL])), "scope pool", "does not match the prefix of a subnet"),
        (scope_resource(nowhere), "scope nowhere", "nowhere"),
        (reservation_v6("ward", "2001:db8:99::9", 9, &[]), "reservation ward/2001:db8:99::9", "2001:db8:99::9"),
        // The same client twice in a scope.
        (reservation_v6("ward", "2001:db8:77::a", 8, &[]), "reservation ward/2001:db8:77::", "00:03:00:01:02:00:00:01:00:08"),
    ] {
        let outcome = kea.apply(&bundle(good.clone().into_iter().chain([bad]))).await.unwrap();
        let Outcome::Rejected { faults, .. } = outcome else { panic!("{key}: {outcome:?}") };
        assert_eq!(faults.len(), 1, "{faults:#?}");
        assert!(faults[0].key.to_string().starts_with(key) && faults[0].message.contains(words), "{faults:#?}");
        assert_eq!(kea.running().await.unwrap(), before, "{key}");
        assert_eq!(kea.listening().await.unwrap(), listening, "{key}");
        assert!(!kea.intent_file.exists());
    }
    // What is Kea's own never comes so far.
    for (id, network) in [(900, "2001:db8:91::/64"), (4, "2001:db8::/32")] {
        let outcome = kea.apply(&bundle([scope_resource(scope_v6("theirs", id, network, &[]))])).await.unwrap();
        let Outcome::Rejected { faults, .. } = outcome else { panic!("{outcome:?}") };
        assert!(faults[0].message.contains("2001:db8:90::/64"), "{faults:?}");
    }
    assert!(host.ask_v6(&duid(1)).await.is_some());
}

async fn an_agent_killed_at_any_step_finds_its_way(generation: Generation) {
    let own = json!({"subnet6": [{"id": 900, "subnet": "2001:db8:90::/64", "user-context": {"wing": "B"}}]});
    let Some(mut host) = started(generation, "crash6", own).await else { return };
    let foreign = host.kea().running().await.unwrap().foreign().clone();
    let (mut seconds, mut old) = (600, Bundle::default());
    for stop in Step::ALL {
        seconds += 1;
        let scope = ScopeResource { valid_seconds: seconds, ..ward(&[POOL]) };
        let new = bundle([scope_resource(scope), reservation_v6("ward", "2001:db8:77::9", seconds, &["2001:db8:8000:ff00::/56"])]);
        let mut kea = host.kea();
        kea.failpoint = Failpoint::new(move |step| step != stop);
        kea.apply(&new).await.unwrap_err();
        let mut kea = host.kea();
        let recovery = kea.recover().await.unwrap();
        let expected = match stop {
            Step::Closed => Recovery::Clean,
            Step::Intended | Step::Tested => Recovery::Undone { digest: old.digest() },
            Step::Set | Step::ReadBack | Step::Persisted => Recovery::Finished { digest: new.digest() },
        };
        assert_eq!(recovery, expected, "{stop:?}");
        assert!(!kea.listening().await.unwrap().is_deaf());
        assert!(matches!(kea.apply(&new).await.unwrap(), Outcome::Applied { .. }));
        host.kill_and_restart().await;
        let running = host.kea().running().await.unwrap();
        assert_eq!((running.read_back().bundle, running.foreign()), (new.clone(), &foreign));
        old = new;
    }
}

async fn every_lease_is_followed_once_over_clean_ups(generation: Generation) {
    let own = json!({"lease-database": {"type": "memfile", "persist": true, "lfc-interval": 2}});
    let Some(host) = started(generation, "follow6", own).await else { return };
    let mut kea = host.kea();
    kea.apply(&bundle([scope_resource(ward(&[POOL]))])).await.unwrap();
    let watch = Watch::begin(host.lease_file()).unwrap();
    let (snapshot, mut follower) = start(host.lease_file(), watch.settled(host.lease_file()).await).unwrap().unwrap();
    assert_eq!((snapshot.leases.len(), snapshot.bad.len()), (0, 0));
    let done = AtomicBool::new(false);
    let clients = async {
        let report = host.lease(1200, 200).await;
        done.store(true, Ordering::Release);
        report
    };
    let following = async {
        let mut followed = Vec::new();
        loop {
            let last = done.load(Ordering::Acquire);
            loop {
                let look = follower.look(watch.creations(), 4096).unwrap().unwrap();
                assert_eq!(look.bad, []);
                followed.extend(look.rows);
                if !look.more {
                    break;
                }
            }
            if last {
                return followed;
            }
            watch.changed().await;
        }
    };
    let (report, followed) = tokio::join!(clients, following);
    assert!(watch.creations() >= 2, "no clean-up happened");
    let leases: BTreeSet<_> = followed.iter().map(|row| row.key).collect();
    assert_eq!(leases.len(), followed.len(), "a lease came twice");
    let (mut listed, mut after) = (BTreeSet::new(), None);
    loop {
        let page = kea.socket.lease_page(after, 250).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.address);
        listed.extend(page.iter().map(|lease| LeaseKey { address: lease.address, prefix_len: lease.prefix_len.unwrap_or(128) }));
    }
    assert_eq!(leases, listed, "{report}");
    assert!(listed.len() > 1000, "{report}");
    let counters = kea.socket.subnet_counters().await.unwrap();
    let prefixes = listed.iter().filter(|key| key.prefix_len == 56).count();
    assert_eq!((counters[0].assigned + counters[0].delegated, counters[0].delegated), (listed.len() as u64, prefixes as u64));
    let (snapshot, _) = start(host.lease_file(), watch.settled(host.lease_file()).await).unwrap().unwrap();
    assert_eq!(snapshot.leases.into_keys().collect::<BTreeSet<_>>(), listed);
}

async fn discovery_finds_the_server_of_a_file(generation: Generation) {
    let Some(host) = started(generation, "discover6", json!({})).await else { return };
    let found = discover(Protocol::V6, Some(host.config_file())).await.unwrap();
    assert_eq!(found.pid, host.pid());
    assert_eq!(found.leases, LeaseStore::Memfile(host.lease_file().to_owned()));
    let other = discover(Protocol::V4, Some(host.config_file())).await.unwrap_err();
    assert!(other.to_string().ends_with("has no Dhcp4: it is not a configuration of kea-dhcp4"), "{other}");
}

}
