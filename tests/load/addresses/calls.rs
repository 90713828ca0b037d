//! Calls that are made one after the other by one caller or by many at once, and what they took.

use anyhow::Result;
use freehold_lab::Loopback;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio::task::JoinSet;
use tonic::transport::Channel;

use crate::figures::{Figures, percentile};
use crate::meter;

/// Connections at most; past that, callers share them.
const CONNECTIONS_MAX: usize = 16;

/// What calls took, all of them together.
#[derive(Debug, Default)]
pub(super) struct Took {
    /// Each call's, in milliseconds.
    waits: Vec<f64>,
    seconds: f64,
    controller_cpu_seconds: f64,
}

impl Took {
    /// Adds what other calls took.
    pub(super) fn add(&mut self, other: Self) {
        self.waits.extend(other.waits);
        self.seconds += other.seconds;
        self.controller_cpu_seconds += other.controller_cpu_seconds;
    }

    /// How many a second.
    pub(super) fn rate(&self) -> f64 {
        self.waits.len() as f64 / self.seconds
    }

    /// As figures with these names: how many a second, the median, the 99th percentile, and milliseconds of the controller's processor each.
    pub(super) fn figures(mut self, [rate, p50, p99, cpu]: [&'static str; 4]) -> Figures {
        let each = self.controller_cpu_seconds * 1000.0 / self.waits.len() as f64;
        vec![
            (rate, self.rate()),
            (p50, percentile(&mut self.waits, 50.0)),
            (p99, percentile(&mut self.waits, 99.0)),
            (cpu, each),
        ]
    }
}

/// Connections for so many callers.
pub(super) async fn connect(controller: &Loopback, callers: usize) -> Result<Vec<Channel>> {
    let mut channels = Vec::new();
    for _ in 0..callers.min(CONNECTIONS_MAX) {
        channels.push(controller.channel().await?);
    }
    Ok(channels)
}

/// Makes a call for each number, by so many callers who each wait for an answer before the next. `call` is told the number, and says how
/// many milliseconds count.
pub(super) async fn timed<F, W>(
    controller: &Loopback,
    channels: &[Channel],
    callers: usize,
    numbers: Range<u64>,
    call: W,
) -> Result<Took>
where
    W: Fn(Channel, u64) -> F + Clone + Send + 'static,
    F: Future<Output = Result<f64>> + Send,
{
    let next = Arc::new(AtomicU64::new(numbers.start));
    let (cpu, begun) = (meter::cpu_seconds(controller.pid()?)?, Instant::now());
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (channel, next, call) = (channels[caller % channels.len()].clone(), Arc::clone(&next), call.clone());
        let end = numbers.end;
        tasks.spawn(async move {
            let mut waits = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= end {
                    return anyhow::Ok(waits);
                }
                waits.push(call(channel.clone(), number).await?);
            }
        });
    }
    let mut took = Took::default();
    while let Some(ended) = tasks.join_next().await {
        took.waits.extend(ended??);
    }
    took.seconds = begun.elapsed().as_secs_f64();
    took.controller_cpu_seconds = meter::cpu_seconds(controller.pid()?)? - cpu;
    Ok(took)
}

/// Milliseconds since then.
pub(super) fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// A number for each number, as good as drawn (splitmix64), below `below`.
pub(super) fn drawn(number: u64, below: u32) -> u32 {
    let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    u32::try_from((mixed ^ (mixed >> 31)) % u64::from(below)).expect("below a u32")
}
