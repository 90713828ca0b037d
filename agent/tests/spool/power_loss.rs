//! A spool under a mixed load, killed at any operation, several lives in a row.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use freehold_journal::sim::SimRng;

const IMAGES: u64 = 100;

/// What must hold in the next life.
#[derive(Default)]
struct Model {
    /// Every event ever handed in, by id; its lease and kind.
    events: BTreeMap<u64, (u8, Kind)>,
    /// Ids whose append returned.
    durable: BTreeSet<u64>,
    /// Ids that the controller acknowledged.
    acked: BTreeSet<u64>,
    next: u64,
}

fn live(disk: &SimDisk, options: &Options, rng: &mut SimRng, model: &mut Model, life: u8) -> Result<(), SpoolError> {
    let mut spool = try_open(disk, options, life * 50)?;
    for now in 0..80 {
        match rng.below(12) {
            0 => {
                let status = spool.status();
                let seq = status.acked_seq + rng.below(status.last_seq - status.acked_seq + 1);
                let known = usize::try_from(seq + 1 - status.first_seq).expect("small");
                model.acked.extend(all(&spool).events.iter().take(known).map(id));
                spool.acknowledge(seq);
            }
            1 => spool.tidy(now * 200)?,
            2 if rng.below(6) == 0 => spool.begin_epoch(now * 200)?,
            _ => {
                let ids = model.next..model.next + rng.below(40);
                model.next = ids.end;
                let mut events = Vec::new();
                for id in ids.clone() {
                    let lease = rng.below(20) as u8;
                    let kind = if rng.below(4) == 0 { Kind::Granted } else { Kind::Renewed };
                    model.events.insert(id, (lease, kind));
                    events.push(event(kind, lease, id));
                }
                spool.append(&events, ids.end.to_string().as_bytes(), now * 200)?;
                model.durable.extend(ids);
            }
        }
    }
    Ok(())
}

/// Checks one life's heritage.
fn inherit(disk: &SimDisk, options: &Options, model: &mut Model, life: u8) -> Result<(), String> {
    let spool = try_open(disk, options, life * 50 + 25).map_err(|error| format!("does not open: {error}"))?;
    let status = spool.status();
    let there = ids(&spool);
    if status.last_seq + 1 - status.first_seq != there.len() as u64 {
        return Err(format!("{status:?} has {} events", there.len()));
    }
    if !there.is_sorted() {
        return Err("not in order".to_owned());
    }
    let present: BTreeSet<u64> = there.iter().copied().collect();
    // The position fits the events: it names the last event that is there, or was and is acknowledged.
    let position: u64 = String::from_utf8_lossy(&status.position).parse().unwrap_or(0);
    let missing_at_the_end = model.durable.range(position..).next();
    if missing_at_the_end.is_some() || present.range(position..).next().is_some() {
        return Err(format!("position {position} does not fit"));
    }
    // A renewal that is left, or that the controller has, may stand for earlier ones of the same lease.
    let mut later: BTreeMap<u8, Kind> = BTreeMap::new();
    let mut unaccounted = 0;
    for (id, (lease, kind)) in model.events.iter().rev() {
        if present.contains(id) || model.acked.contains(id) {
            later.insert(*lease, *kind);
        } else if model.durable.contains(id) {
            let folded = *kind == Kind::Renewed && later.get(lease) == Some(&Kind::Renewed);
            unaccounted += u64::from(!folded);
        }
    }
    if unaccounted > status.lost {
        return Err(format!("{unaccounted} durable events are gone, {} told", status.lost));
    }
    // An append that did not return is there as a whole or not at all; what is there now is durable.
    model.durable.extend(&present);
    Ok(())
}

fn lives(options: &Options, seed: u64) -> Result<u64, String> {
    let mut rng = SimRng::new(seed);
    let mut disk = SimDisk::new();
    let mut model = Model::default();
    for life in 0..4 {
        disk.freeze_after(rng.below(if life == 3 { 1000 } else { 150 }));
        match live(&disk, options, &mut rng, &mut model, life) {
            Ok(()) | Err(SpoolError::Journal(_) | SpoolError::NoRoom(_)) => {}
            Err(error) => return Err(format!("a running spool: {error}")),
        }
        disk.clear_faults();
        if rng.coin() {
            inherit(&disk, options, &mut model, life)?;
        }
        disk = disk.power_loss(rng.draw());
        inherit(&disk, options, &mut model, life)?;
    }
    Ok(open(&disk, options, 240).status().folded)
}

fn check(options: &Options) -> Result<u64, String> {
    (0..IMAGES).map(|seed| lives(options, seed).map_err(|error| format!("seed {seed}: {error}"))).sum()
}

#[test]
fn nothing_durable_is_lost() {
    let roomy = Options { limit_bytes: 64 << 20, ..SMALL };
    let folded = check(&roomy).expect("every image is sound");
    assert!(folded > 0, "epochs were begun");
}

#[test]
fn at_the_limit_everything_is_accounted_for() {
    let tight = Options { limit_bytes: 64 << 10, ..SMALL };
    let folded = check(&tight).expect("every image is sound");
    assert!(folded > 1000, "the limit was reached: {folded}");
}
