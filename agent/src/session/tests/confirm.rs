//! P14: a change that is to be confirmed, and what becomes of it when nobody does.

use super::*;
use std::collections::BTreeMap;

const SECONDS: u32 = 30;

fn to_confirm(change_id: u64, from: &Bundle, to: &Bundle) -> ChangeSet {
    ChangeSet { confirm_within_seconds: SECONDS, ..change(change_id, Some(from), to) }
}

fn bookmark(of: &Bundle) -> Down {
    let (server_id, digest) = ("kea4".to_owned(), of.digest().0.to_vec());
    Down::Bookmark(Bookmark { server_id, at: Some(point::message(&store_point(1, 11))), digest })
}

/// What is done at a tick, and what is put out at each.
fn ticks(bench: &mut Bench, ticks: &[u64]) -> Vec<Vec<String>> {
    let mut tick = |ticks: &u64| {
        bench.0.tick(at(*ticks));
        words(&bench.all()).into_iter().filter(|word| word != "Health").collect()
    };
    ticks.iter().map(&mut tick).collect()
}

/// A session in which `new` was applied over `old`, and is to be confirmed; at tick 20.
fn applied_unconfirmed(old: &Bundle, new: &Bundle) -> Bench {
    let (mut bench, _) = Bench::welcomed(memory_of(Some(old)), store_point(1, 11));
    bench.hear(Down::Change(to_confirm(1, old, new)));
    assert_eq!(words(&bench.outcome(applied(new))), ["server-kea4.memory", "Applied"]);
    bench
}

#[test]
fn what_is_confirmed_stays() {
    let (old, new) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let mut bench = applied_unconfirmed(&old, &new);
    assert_eq!(bench.0.deadline(), Some(20_010), "its sign of life comes first");
    assert_eq!(words(&bench.hear(bookmark(&old))), [""; 0], "another digest confirms nothing");
    assert_eq!(words(&bench.hear(bookmark(&new))), ["server-kea4.memory"]);
    assert_eq!(ticks(&mut bench, &[100_000]), [[""; 0]]);
    assert_eq!(bench.0.memory().servers["kea4"].probation, None);
}

#[test]
fn another_change_set_confirms_the_one_before() {
    let (old, new, newer) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]), bundle_of(&[("a", "3")]));
    let mut bench = applied_unconfirmed(&old, &new);
    bench.hear(Down::Change(change(2, Some(&new), &newer)));
    bench.outcome(applied(&newer));
    assert_eq!(ticks(&mut bench, &[100_000]), [[""; 0]]);
    assert_eq!(bench.0.memory().servers["kea4"].applied, Some(Held::new(newer)));
}

#[test]
fn what_nobody_confirms_is_undone_in_time_and_told() {
    let (old, new) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let mut bench = applied_unconfirmed(&old, &new);
    let nothing = Vec::<String>::new();
    let undoing = ["Alarm", "server-kea4.memory", "Apply"].map(str::to_owned).to_vec();
    assert_eq!(ticks(&mut bench, &[30_019, 30_020]), [nothing.clone(), undoing.clone()]);
    assert_eq!(bench.hear(bookmark(&new)), [], "too late");
    assert_eq!(words(&bench.outcome(Outcome::Busy)), ["server-kea4.memory"]);
    assert_eq!(ticks(&mut bench, &[5_019, 5_020]), [nothing, undoing], "it is tried until it is done");

    let outputs = bench.outcome(applied(&old));
    assert_eq!(words(&outputs), ["server-kea4.memory", "FailedRolledBack"]);
    let told = ack(&outputs[1]);
    assert_eq!((told.change_id, &told.digest[..]), (0, &new.digest().0[..]));
    let expected =
        ServerMemory { applied: Some(Held::new(old)), unconfirmed: Some(new.digest()), ..ServerMemory::default() };
    assert_eq!(bench.0.memory().servers["kea4"], expected);

    bench.0.lost(at(40_000), 0);
    bench.0.tick(at(40_000));
    bench.0.connected(at(40_001));
    let hello = bench.all().into_iter().find_map(|output| match output {
        Output::Send(message) => match message.message {
            Some(Up::Hello(hello)) => Some(hello),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(hello.expect("a greeting").servers[0].unconfirmed_digest, new.digest().0, "told anew in every greeting");
}

#[test]
fn what_was_refused_or_could_not_be_applied_needs_no_confirmation() {
    let (old, new) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let (mut bench, _) = Bench::welcomed(memory_of(Some(&old)), store_point(1, 11));
    bench.hear(Down::Change(to_confirm(1, &old, &new)));
    bench.outcome(Outcome::Rejected { results: Vec::new(), error: "no".into() });
    assert_eq!(ticks(&mut bench, &[100_000]), [[""; 0]]);
    assert_eq!(bench.0.memory(), &{
        let mut memory = memory_of(Some(&old));
        memory.max_fence = 5;
        memory.obeyed.insert("kea4".to_owned(), store_point(1, 11));
        memory
    });
}

/// A host whose server loses the controller as soon as it runs `new`, and whose agent dies once, before the n-th thing
/// that it does. Returns what the server runs when all is quiet, and what the agent says was not confirmed.
fn host_that_dies_before(nth: usize, old: &Bundle, new: &Bundle) -> (Bundle, Option<freehold_core::bundle::Digest>) {
    let mut disk: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let first = memory_of(Some(old));
    for write in [first.write_self(), first.write_server("kea4")] {
        disk.insert(write.name, write.bytes);
    }
    let (mut runs, mut left, mut now, mut sent) = (old.clone(), Some(nth), 0, false);
    'life: loop {
        let files = disk.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        let memory = Memory::load(files).expect("files are replaced atomically");
        let mut machine = Machine::new(memory, BOOT, "0.1", at(now));
        let report = ServerReport { server_id: "kea4".into(), kind: "kea-dhcp4".into(), ..ServerReport::default() };
        let facts = |runs: &Bundle| Facts { report: report.clone(), observed: Some(runs.digest()), ..Facts::default() };
        machine.observe(at(now), "kea4", facts(&runs));
        while now < 400_000 {
            while let Some(output) = machine.poll() {
                if sent && left.is_some_and(|left| left == 0) {
                    left = None;
                    continue 'life;
                }
                left = left.map(|left| if sent { left - 1 } else { left });
                match output {
                    Output::Persist(write) => drop(disk.insert(write.name, write.bytes)),
                    Output::Apply(apply) => {
                        runs = Bundle::clone(&apply.bundle);
                        let done = applied(&runs);
                        machine.outcome(at(now), "kea4", done);
                        if runs == *new {
                            machine.lost(at(now), 0);
                        }
                    }
                    Output::Dial if runs == *new => machine.lost(at(now), 0),
                    Output::Dial => {
                        machine.connected(at(now));
                        let welcome = Down::Welcome(welcome(store_point(1, 11), 5));
                        machine.receive(at(now), SessionResponse { message: Some(welcome) });
                        if !sent {
                            let change = Down::Change(to_confirm(1, old, new));
                            machine.receive(at(now), SessionResponse { message: Some(change) });
                            sent = true;
                        }
                    }
                    Output::HangUp => machine.lost(at(now), 0),
                    Output::Send(_) | Output::Trust(_) | Output::Probe(_) | Output::Preview(_) | Output::Alarm(_) => {}
                }
            }
            now = machine.deadline().unwrap_or(now).max(now + 1);
            machine.tick(at(now));
        }
        return (runs, machine.memory().servers["kea4"].unconfirmed);
    }
}

#[test]
fn wherever_the_agent_dies_a_change_that_cuts_it_off_is_undone() {
    let (old, new) = (bundle_of(&[("a", "1")]), bundle_of(&[("a", "2")]));
    let mut reported = 0;
    for nth in 0..16 {
        let (runs, unconfirmed) = host_that_dies_before(nth, &old, &new);
        assert_eq!(runs, old, "it died before thing {nth}");
        reported += usize::from(unconfirmed == Some(new.digest()));
    }
    assert!(reported >= 12, "only what was never staged is not told: {reported}");
}
