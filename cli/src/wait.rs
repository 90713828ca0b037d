//! `--wait`: until every server was proven to run a change, one refused it, or the time is up.
//!
//! The controller does the waiting; it is asked in slices, so that a broken connection or a restarted controller costs a
//! slice and not the command. What is waited for is stored already: interrupting the wait takes nothing back.

use crate::call::CALL_LIMIT;
use crate::command::Change;
use crate::connect::Api;
use crate::duration;
use crate::error::Failure;
use crate::output::{Screen, Shown, state};
use freehold_proto::convert::time::parse_etag;
use freehold_proto::v1::sync_status::State;
use freehold_proto::v1::{Scope, SyncStatus, WaitAppliedRequest, WaitAppliedResponse, WatchRequest, WatchResponse};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};
use tonic::Streaming;

/// The longest slice.
const SLICE: Duration = Duration::from_secs(2);
/// The least time between two questions, should the controller answer at once.
const PACE: Duration = Duration::from_millis(100);

/// Whether and how long to wait for servers.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Wait {
    /// Wait until servers were proven to run it; exit status 3 if one refuses, 4 if the time is up
    #[arg(long, conflicts_with = "validate_only")]
    pub wait: bool,
    /// How long to wait, such as 30s or 5m
    #[arg(long, requires = "wait", default_value = "30s", value_name = "DURATION", value_parser = duration::parse)]
    pub timeout: Duration,
}

/// Shows what a change made, or would make: at once, or with `--wait` when its servers have decided, then with how far they came.
pub async fn then_show<T: Shown>(
    api: &Api,
    screen: &mut Screen<'_>,
    (wait, change): (Wait, Change),
    resource: &str,
    mut item: T,
    put_sync: impl FnOnce(&mut T, Vec<SyncStatus>),
) -> Result<(), Failure> {
    if !wait.wait {
        return screen.changed(&item, change.validate_only);
    }
    let awaited = Awaited { change_of: resource, resource, revision: 0 };
    let (servers, outcome) = applied(api, screen, wait, awaited).await?;
    put_sync(&mut item, servers);
    screen.one(&item)?;
    outcome
}

/// The same for what says itself how far it has come: after the wait it is read once more.
pub async fn then_show_anew<T: Shown>(
    api: &Api,
    screen: &mut Screen<'_>,
    (wait, change): (Wait, Change),
    resource: &str,
    item: T,
    now: impl AsyncFnOnce() -> Result<T, Failure>,
) -> Result<(), Failure> {
    if !wait.wait {
        return screen.changed(&item, change.validate_only);
    }
    let awaited = Awaited { change_of: resource, resource, revision: 0 };
    let (_, outcome) = applied(api, screen, wait, awaited).await?;
    screen.one(&now().await?)?;
    outcome
}

/// Deletes something with `gone`, and with `--wait` waits until its servers run a configuration without it.
///
/// A deletion's answer has no revision to wait for. It is learnt from the watch, which is open before the deletion is sent.
pub async fn for_deletion<A>(
    api: &Api,
    screen: &mut Screen<'_>,
    wait: Wait,
    (kind, name): (&str, &str),
    servers: &[String],
    gone: impl Future<Output = Result<A, Failure>>,
) -> Result<(), Failure> {
    if !wait.wait || servers.is_empty() {
        gone.await?;
        return Ok(());
    }
    let request = WatchRequest { from_revision: 0, from_now: true, kinds: vec![kind.to_owned()] };
    let mut changes = api.call(request, async |request| api.watch().watch(request).await).await?;
    next_change(api, &mut changes).await?;
    gone.await?;
    let revision = loop {
        let change = next_change(api, &mut changes).await?;
        if change.changes.iter().any(|change| change.resource == name && change.after.is_none()) {
            break change.revision;
        }
    };
    drop(changes);
    for resource in servers {
        let (_, outcome) = applied(api, screen, wait, Awaited { change_of: name, resource, revision }).await?;
        outcome?;
    }
    Ok(())
}

/// Waits until the servers that had `before` run what came of the change with `etag`: two servers must not lease the same range.
pub async fn for_release(
    api: &Api,
    screen: &mut Screen<'_>,
    wait: Wait,
    before: &Scope,
    etag: &str,
) -> Result<(), Failure> {
    let revision = parse_etag(etag)?.unwrap_or_default().0;
    for resource in &servers_of(&before.sync) {
        let awaited = Awaited { change_of: &before.name, resource, revision };
        let (_, outcome) = applied(api, screen, wait, awaited).await?;
        outcome?;
    }
    Ok(())
}

/// The servers that have something now, or will.
pub fn servers_of(sync: &[SyncStatus]) -> Vec<String> {
    sync.iter().filter(|on| on.state() != State::NotServed).map(|on| on.server.clone()).collect()
}

async fn next_change(api: &Api, changes: &mut Streaming<WatchResponse>) -> Result<WatchResponse, Failure> {
    let endpoint = || api.target().endpoint.clone();
    match timeout(CALL_LIMIT, changes.message()).await {
        Ok(Ok(Some(change))) => Ok(change),
        Ok(Ok(None)) => Err(Failure::Ended { endpoint: endpoint() }),
        Ok(Err(status)) => Err(api.failure(status, 1).await),
        Err(_) => Err(Failure::Late { endpoint: endpoint(), limit: CALL_LIMIT }),
    }
}

/// What is waited for.
#[derive(Debug, Clone, Copy)]
struct Awaited<'a> {
    /// What was changed, as people are told.
    change_of: &'a str,
    /// The resource whose servers are meant.
    resource: &'a str,
    /// The revision that they should run; the resource's own if 0.
    revision: u64,
}

/// Waits; gives how far each server came, and whether that is what was wanted.
async fn applied(
    api: &Api,
    screen: &mut Screen<'_>,
    wait: Wait,
    awaited: Awaited<'_>,
) -> Result<(Vec<SyncStatus>, Result<(), Failure>), Failure> {
    let started = Instant::now();
    let deadline = started + wait.timeout;
    let bar = bar(screen.progress, awaited.change_of, wait.timeout);
    let (verdict, servers) = loop {
        let asked = Instant::now();
        let slice = deadline.saturating_duration_since(asked).min(SLICE);
        let request = request(awaited.resource, awaited.revision, slice);
        let answer = api.call(request, async |request| api.servers().wait_applied(request).await).await?;
        let verdict = verdict(&answer);
        bar.set_position(started.elapsed().as_millis().try_into().unwrap_or(u64::MAX));
        bar.set_message(summary(&answer.servers));
        if verdict != Verdict::Open || Instant::now() >= deadline {
            break (verdict, answer.servers);
        }
        sleep_until((asked + PACE).min(deadline)).await;
    };
    bar.finish_and_clear();
    let resource = awaited.change_of.to_owned();
    let outcome = match verdict {
        Verdict::Applied => {
            screen.note(&format!("{resource}: {}", summary(&servers)))?;
            Ok(())
        }
        Verdict::Rejected => {
            let refused = |on: &SyncStatus| on.state() == State::Rejected;
            Err(Failure::Rejected { resource, servers: servers.iter().filter(|on| refused(on)).cloned().collect() })
        }
        Verdict::Open | Verdict::Never => {
            let waited = duration::show(started.elapsed().as_secs());
            Err(Failure::NotApplied { resource, waited, servers: servers.clone() })
        }
    };
    Ok((servers, outcome))
}

/// What an answer means for the one who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Every server was proven to run it, or none is to.
    Applied,
    /// A server refused it.
    Rejected,
    /// Nothing will come of waiting: a server is not managed.
    Never,
    /// Not decided yet.
    Open,
}

fn verdict(answer: &WaitAppliedResponse) -> Verdict {
    let any = |state| answer.servers.iter().any(|on| on.state() == state);
    let nothing_to_serve = answer.servers.iter().all(|on| on.state() == State::NotServed);
    if any(State::Rejected) {
        Verdict::Rejected
    } else if answer.applied || nothing_to_serve {
        Verdict::Applied
    } else if any(State::Unmanaged) {
        Verdict::Never
    } else {
        Verdict::Open
    }
}

fn request(resource: &str, revision: u64, slice: Duration) -> WaitAppliedRequest {
    // A slice of nothing would mean the controller's default.
    let slice = slice.max(Duration::from_millis(1));
    let timeout = prost_types::Duration::try_from(slice).expect("a slice is short");
    WaitAppliedRequest { resource: resource.to_owned(), revision, timeout: Some(timeout) }
}

fn summary(servers: &[SyncStatus]) -> String {
    if servers.is_empty() {
        return "no server serves it".to_owned();
    }
    let one = |on: &SyncStatus| match on.state() {
        State::NotServed => "no server serves it".to_owned(),
        _ => format!("{} {}", crate::names::short(&on.server), state(on)),
    };
    servers.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn bar(shown: bool, resource: &str, limit: Duration) -> ProgressBar {
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(limit.as_millis().try_into().unwrap_or(u64::MAX)), target);
    let style = ProgressStyle::with_template("{prefix} [{bar:20}] {elapsed} {msg}").expect("a valid template");
    bar.set_style(style);
    bar.set_prefix(resource.to_owned());
    bar.set_message("waiting for servers");
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(applied: bool, states: &[State], want: Verdict) {
        let servers = states.iter().map(|s| SyncStatus { state: (*s).into(), ..Default::default() }).collect();
        assert_eq!(verdict(&WaitAppliedResponse { applied, servers }), want, "{applied} {states:?}");
    }

    #[test]
    fn one_refusal_is_a_refusal_and_waiting_for_nothing_ends() {
        check(true, &[State::Applied], Verdict::Applied);
        check(false, &[State::Applied, State::Pending], Verdict::Open);
        check(false, &[State::Pending, State::Rejected], Verdict::Rejected);
        check(false, &[State::Disconnected], Verdict::Open);
        check(false, &[State::Unmanaged, State::Pending], Verdict::Never);
        check(false, &[State::NotServed], Verdict::Applied);
        check(false, &[], Verdict::Applied);
    }

    #[test]
    fn a_slice_is_never_the_default() {
        let nothing = request("scopes/x", 7, Duration::ZERO);
        assert_eq!(nothing.timeout, Some(prost_types::Duration { seconds: 0, nanos: 1_000_000 }));
        assert_eq!((nothing.resource.as_str(), nothing.revision), ("scopes/x", 7));
    }

    #[test]
    fn servers_are_summed_up_in_a_line() {
        let on = |server: &str, state: State, took_ms| SyncStatus {
            server: server.into(),
            state: state.into(),
            took_ms,
            ..Default::default()
        };
        assert_eq!(
            summary(&[on("servers/b/kea4", State::Applied, 38), on("servers/m/kea4", State::Pending, 0)]),
            "b/kea4 applied in 38 ms, m/kea4 pending"
        );
        assert_eq!(summary(&[]), "no server serves it");
    }
}
