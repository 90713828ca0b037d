//! Ends holds, claims and sightings on time, by the controller's clock.
//!
//! The first deadline comes from core's index. A crash loses nothing: deadlines are in the ledger, and whatever is over at the next start is freed
//! then.

use crate::engine::{Call, CommitError, Engine};
use freehold_core::Command;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::error;

/// How late a deadline that was just set may be noticed.
const LOOK: Duration = Duration::from_millis(500);
/// Assignments and sightings ended in one entry, at most: callers' changes have to get in between.
const MOST: u32 = 1024;
/// How the entries are called in the audit trail.
const METHOD: &str = "expire";

/// Ends what is over, until `stop`.
pub async fn run(engine: Engine, stop: CancellationToken) {
    loop {
        let wait = match left(&engine) {
            Some(left) if left.is_zero() => ended(&engine).await,
            Some(left) => left.min(LOOK),
            None => LOOK,
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// How long it is to the first deadline; `None` if there is none.
fn left(engine: &Engine) -> Option<Duration> {
    let state = engine.state();
    let assignment = state.assignments_ending().next().and_then(|found| found.ends());
    let sighting = state.sightings_ending().next().map(|found| found.until);
    let end = assignment.into_iter().chain(sighting).min()?;
    Some(Duration::from_millis(u64::try_from(end.since(engine.now())).unwrap_or(0)))
}

/// Ends some of what is over; how long to wait before the next look.
async fn ended(engine: &Engine) -> Duration {
    match engine.commit(Call::internal("system", METHOD, Command::Expire { most: MOST })).await {
        Ok(committed) if committed.changes.is_empty() => LOOK,
        Ok(_) => Duration::ZERO,
        // The controller is stopping, and says so to this task too.
        Err(CommitError::Stopped) => LOOK,
        Err(CommitError::Refused(refusal)) => {
            error!(%refusal, "what is over was not ended; it is tried again");
            LOOK
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Identity, MemoryLedger};
    use freehold_core::command::{Allocation, Choice, Place, PrefixDraft, Purpose};
    use freehold_core::labels::Labels;
    use freehold_core::model::PrefixKind;
    use freehold_core::name::{AddressName, PrefixName, SpaceName};
    use freehold_core::text::Text;
    use freehold_core::{State, Timestamp};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    const LIMIT: Duration = Duration::from_secs(20);

    fn space() -> SpaceName {
        SpaceName::from_id("default").expect("a name")
    }

    fn network() -> PrefixName {
        PrefixName { space: space(), cidr: "10.0.0.0/16".parse().expect("a network") }
    }

    fn call(command: Command) -> Call {
        Call::internal("test", "/test", command)
    }

    async fn hold(engine: &Engine, count: u32, until: i64) {
        let allocation = Allocation {
            place: Place::Network(network()),
            choice: Choice::Next { from: None },
            count,
            purpose: Purpose::Hold { until: Timestamp(until) },
            details: vec![Default::default()],
            holder: "operators/test".into(),
            leases: Default::default(),
            accept_risk: false,
        };
        engine.commit(call(Command::Allocate(allocation))).await.expect("held");
    }

    #[tokio::test]
    async fn holds_end_when_they_are_over_and_not_before() {
        let time = Arc::new(AtomicI64::new(1_000));
        let clock = Arc::clone(&time);
        let (views, mut frames) = tokio::sync::mpsc::channel(1024);
        tokio::spawn(async move { while frames.recv().await.is_some() {} });
        let ledger = MemoryLedger::new(Identity { store_id: [1; 16], incarnation: 1 });
        let clock = Arc::new(move || Timestamp(clock.load(Ordering::SeqCst)));
        let (engine, _writer) = Engine::start(Box::new(ledger), State::default(), clock, views);
        let title = Text::default;
        let made = Command::CreateSpace { name: space(), title: title(), description: title(), labels: Labels::NONE };
        engine.commit(call(made)).await.expect("a space");
        let made = Command::CreatePrefix { name: network(), draft: PrefixDraft::of(PrefixKind::Network) };
        engine.commit(call(made)).await.expect("a network");
        // More than one entry's worth, and one that ends later.
        hold(&engine, 1_000, 60_000).await;
        hold(&engine, 1_000, 60_000).await;
        hold(&engine, 1, 60_001).await;

        let stop = CancellationToken::new();
        let task = tokio::spawn(run(engine.clone(), stop.clone()));
        let mut revisions = engine.revisions();
        revisions.mark_unchanged();
        time.store(59_999, Ordering::SeqCst);
        tokio::time::timeout(LOOK * 3, revisions.changed()).await.expect_err("nothing ends early");
        time.store(60_000, Ordering::SeqCst);
        let over = async {
            while engine.state().assignments_len() > 1 {
                revisions.changed().await.expect("running");
            }
        };
        tokio::time::timeout(LIMIT, over).await.expect("ended in time");
        let last = AddressName { space: space(), address: "10.0.7.209".parse().expect("an address") };
        let state = engine.state();
        assert_eq!(state.assignments().map(|left| left.name.clone()).collect::<Vec<_>>(), [last]);
        stop.cancel();
        tokio::time::timeout(LIMIT, task).await.expect("ended in time").expect("joined");
    }
}
