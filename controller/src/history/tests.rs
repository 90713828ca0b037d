use super::*;
use crate::ledger::{Identity, Ledger, MemoryLedger};
use freehold_core::change::{Actor, Outcome};
use freehold_core::lease::LeaseEventKind::{Expired, Granted, Released, Renewed, Seen};
use freehold_core::lease::{Lease, LeaseEvent, LeaseEventKind, LeaseState};
use freehold_core::name::AgentName;
use freehold_proto::convert::stored::{LeaseBatch, encode_frame, encode_leases};

/// Minutes.
fn minute(minute: i64) -> Timestamp {
    Timestamp(minute * 60_000)
}

fn kea() -> ServerName {
    ServerName::new(AgentName::from_id("a").expect("a name"), "kea4").expect("a name")
}

/// An event of 10.1.2.3 that a client of this number had at a minute; leases are for an hour.
fn event(kind: LeaseEventKind, client: u8, at: i64) -> LeaseEvent {
    let lease = Lease {
        address: [10, 1, 2, 3].into(),
        prefix_len: 32,
        subnet_id: 7,
        hardware: vec![2, 0, 0, 0, 0, client],
        client_id: Vec::new(),
        duid: Vec::new(),
        iaid: 0,
        host_name: String::new(),
        cltt: minute(at),
        valid_seconds: 3600,
        state: LeaseState::Granted,
    };
    LeaseEvent { kind, lease, observed: minute(at), folded: 0 }
}

fn batch(first_seq: u64, next_seq: u64, events: Vec<LeaseEvent>, at: i64) -> LeaseBatch {
    LeaseBatch { server: kea(), epoch: [1; 16], first_seq, events, next_seq, at: minute(at) }
}

/// Who had 10.1.2.3 at these minutes: client, from, whether from earlier, until, ended by; and what is not known.
#[allow(clippy::type_complexity)]
async fn told(
    batches: Vec<LeaseBatch>,
    minutes: &[i64],
) -> Vec<(Option<(u8, i64, bool, i64, Option<LeaseEventKind>)>, Vec<Held>)> {
    let folder = tempfile::tempdir().expect("a folder");
    let identity = Identity { store_id: [1; 16], incarnation: 1 };
    let (mut entries, mut leases) = (MemoryLedger::new(identity), MemoryLedger::new(identity));
    let entry = Entry {
        revision: Revision(1),
        at: minute(0),
        actor: Actor::default(),
        method: String::new(),
        request: None,
        outcome: Outcome::Done(Vec::new()),
    };
    entries.append(1, &encode_frame(&[entry])).expect("appended");
    for (batch, seq) in batches.into_iter().zip(1..) {
        leases.append(seq, &encode_leases(&[batch])).expect("appended");
    }
    let (trail, followers) = Trail::start(folder.path(), entries.history(), leases.history()).expect("started");
    trail.entries.reach().await.expect("reached");
    trail.leases.reach().await.expect("reached");
    let name: AddressName = "spaces/default/addresses/10.1.2.3".parse().expect("a name");
    let holding = |at: &i64| {
        let mut past = Past::of(&trail, name.clone(), Reach::Everywhere).expect("a past");
        let holding = past.holding(minute(*at), &|_| true).expect("an answer");
        assert!(holding.leases.len() < 2);
        let shown = |tenure: &Tenure| {
            let client = tenure.lease.hardware[5];
            (client, tenure.from.0 / 60_000, tenure.from_earlier, tenure.until.0 / 60_000, tenure.ended_by)
        };
        (holding.leases.first().map(shown), holding.unknown)
    };
    let told = minutes.iter().map(holding).collect();
    drop((entries, leases));
    followers.join().await;
    told
}

#[tokio::test]
async fn a_tenure_lasts_from_its_grant_over_its_renewals_to_its_end() {
    let events = vec![
        event(Granted, 1, 100),
        event(Renewed, 1, 130),
        event(Renewed, 1, 160),
        event(Released, 1, 170),
        event(Granted, 2, 180),
        event(Expired, 2, 250),
        event(Renewed, 3, 300),
    ];
    let batches = vec![batch(1, 1, Vec::new(), 10), batch(1, 8, events, 300)];
    let who: Vec<_> = told(batches, &[99, 100, 150, 169, 170, 180, 239, 240, 299, 300, 359, 360]).await;
    let first = Some((1, 100, false, 170, Some(Released)));
    let second = Some((2, 180, false, 240, None));
    let third = Some((3, 300, true, 360, None));
    let wanted = [None, first, first, first, None, second, second, None, None, third, third, None];
    assert_eq!(who.iter().map(|(who, _)| *who).collect::<Vec<_>>(), wanted);
}

#[tokio::test]
async fn what_was_lost_or_never_told_is_said() {
    let batches = vec![
        batch(1, 1, Vec::new(), 10),
        batch(1, 2, vec![event(Granted, 1, 100)], 100),
        // Nine events were lost; then everything was read.
        batch(2, 11, Vec::new(), 150),
        batch(11, 11, vec![event(Seen, 2, 140)], 151),
    ];
    let told = told(batches, &[-5, 120, 145, 155]).await;
    let gap = || Held::Gap { server: kea(), from: minute(100), until: minute(150), lost: Some(9) };
    let before = || Held::BeforeTheStore { began: Some(minute(0)) };
    // Client 2 took the address at 140 at the earliest: until then it was that of client 1, as far as is known.
    let first = Some((1, 100, false, 140, Some(LeaseEventKind::Removed)));
    let second = Some((2, 140, true, 200, None));
    assert_eq!(told, [(None, vec![before()]), (first, vec![gap()]), (second, vec![gap()]), (second, Vec::new())]);
}
