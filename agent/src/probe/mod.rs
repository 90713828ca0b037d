//! Asks on the network whether somebody has an address, before it is given out or because somebody wants to know.
//!
//! An address on a link of this host is asked by ARP (RFC 5227 §2.1.1), which no firewall of its host hides, and by ping at
//! the same time; any other is asked by ping alone. The first answer counts.
//!
//! - [`links`]: the networks that this host has an interface in
//! - [`arp`], [`ping`]: the two ways of asking; [`ears`]: the links that one probe listens on
//! - [`dns`]: whether the DNS servers that clients are told of answer, for the review
//! - [`judge`]: what one address comes to, of what both ways came to
//!
//! A probe never waits for anything but the network, has a limit for that, and shares nothing with what applies changes: too
//! many at once are turned away with the reason. A crash leaves nothing; the controller's own limit ends its wait.
//!
//! IPv6 neighbours are asked by ping alone: who drops that stays hidden.

pub mod arp;
pub mod dns;
pub mod ears;
pub mod judge;
pub mod links;
pub mod ping;

use arp::Ear;
use ears::Ears;
use freehold_proto::sync::{ProbeAnswer, ProbeRequest, ProbeResult};
use judge::{Asked, Why, judge, unable};
use ping::Pings;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Probes that wait for their turn.
pub const QUEUE: usize = 16;
/// Addresses of one probe, at most.
pub const ADDRESSES_MAX: usize = 64;
/// Addresses that are asked at the same time, at most.
const AT_ONCE: usize = 64;
/// Between the beginnings of two addresses: 200 a second.
const PACE: Duration = Duration::from_millis(5);
/// How long an answer to a ping waits for the hardware address.
const GRACE: Duration = Duration::from_millis(50);
/// How often an address is asked within its time: a packet may get lost.
const TRIES: u32 = 3;

/// How long to wait for an answer, kept within bounds.
pub fn limit(timeout_ms: u32) -> Duration {
    Duration::from_millis(u64::from(timeout_ms.clamp(50, 5000)))
}

/// Carries probes out until `stop`, one after the other, the addresses of each together.
pub async fn run(mut asked: mpsc::Receiver<ProbeRequest>, answers: mpsc::Sender<ProbeAnswer>, stop: CancellationToken) {
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let request = tokio::select! {
            () = stop.cancelled() => return,
            request = asked.recv() => match request {
                Some(request) => request,
                None => return,
            },
        };
        let (answer, ears) = tokio::select! {
            () = stop.cancelled() => return,
            probed = probe(&request, &mut pace) => probed,
        };
        let heard = answers.send(answer).await;
        ears.close().await;
        if heard.is_err() {
            return;
        }
    }
}

/// An answer that says of every address that it could not be asked.
pub fn turned_away(request: &ProbeRequest, why: &str) -> ProbeAnswer {
    let results = request.addresses.iter().map(|address| unable(address.clone(), why)).collect();
    ProbeAnswer { probe_id: request.probe_id, results }
}

/// Asks on every address of a request. What listened is to be closed when the answer is out.
pub async fn probe(request: &ProbeRequest, pace: &mut tokio::time::Interval) -> (ProbeAnswer, Ears) {
    if request.addresses.len() > ADDRESSES_MAX {
        let why = format!("an agent probes {ADDRESSES_MAX} addresses at once at most");
        return (turned_away(request, &why), Ears::open(std::iter::empty()).await);
    }
    let ears = Ears::open(request.addresses.iter().filter_map(|text| text.parse().ok())).await;
    let pings = Pings::open();
    let limit = limit(request.timeout_ms);
    let mut results: Vec<Option<ProbeResult>> = vec![None; request.addresses.len()];
    let mut under_way = JoinSet::new();
    let take = |results: &mut Vec<Option<ProbeResult>>, ended: Result<(usize, ProbeResult), tokio::task::JoinError>| {
        match ended {
            Ok((number, result)) => results[number] = Some(result),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    };
    for (number, text) in request.addresses.iter().enumerate() {
        let Ok(address) = text.parse::<IpAddr>() else {
            results[number] = Some(unable(text.clone(), "it is not an address"));
            continue;
        };
        pace.tick().await;
        if under_way.len() == AT_ONCE
            && let Some(ended) = under_way.join_next().await
        {
            take(&mut results, ended);
        }
        let arp = ears.of(address);
        let pings = pings.clone();
        under_way.spawn(async move { (number, one(address, arp, &pings, limit).await) });
    }
    while let Some(ended) = under_way.join_next().await {
        take(&mut results, ended);
    }
    let results = results.into_iter().map(|result| result.expect("every address has a task or a reason")).collect();
    (ProbeAnswer { probe_id: request.probe_id, results }, ears)
}

/// Asks on one address, both ways at once, and takes the first answer.
async fn one(address: IpAddr, arp: Result<(Ear, Ipv4Addr), Why>, pings: &Pings, limit: Duration) -> ProbeResult {
    let begun = Instant::now();
    let by_arp = async {
        match arp {
            Ok((ear, target)) => match tokio::time::timeout(limit, ear.ask(target, limit / TRIES)).await {
                Ok(Ok(hardware)) => Asked::Answered(hardware, begun.elapsed()),
                Ok(Err(failure)) => Asked::Not(Why::Cannot(failure)),
                Err(_) => Asked::Silent,
            },
            Err(why) => Asked::Not(why),
        }
    };
    let by_ping = async {
        match tokio::time::timeout(limit, pings.ask(address, limit / TRIES)).await {
            Ok(Ok(took)) => Asked::Answered((), took),
            Ok(Err(failure)) => Asked::Not(failure),
            Err(_) => Asked::Silent,
        }
    };
    let (mut by_arp, mut by_ping) = (std::pin::pin!(by_arp), std::pin::pin!(by_ping));
    let (arp, ping) = tokio::select! {
        arp = &mut by_arp => match arp {
            Asked::Answered(..) => (arp, Asked::Silent),
            other => (other, by_ping.await),
        },
        ping = &mut by_ping => match ping {
            // The hardware address says who it is: it is a moment away, if the address is on a link of this host.
            Asked::Answered(..) => (tokio::time::timeout(GRACE, by_arp).await.unwrap_or(Asked::Silent), ping),
            other => (by_arp.await, other),
        },
    };
    judge(address, arp, ping)
}
