//! A plan of ten million addresses in use: memory, the next free one, search.

use anyhow::{Result, ensure};
use freehold_lab::Loopback;
use std::path::Path;
use std::time::{Duration, Instant};

use super::calls::{connect, drawn, timed};
use super::{START_LIMIT, claim, fill, read};
use crate::figures::line;

/// Calls of one caller.
const CALLS: u64 = 2_000;
/// The more rows there are the longer the controller waits before it closes its store, which has its share of the memory.
const SETTLE: Duration = Duration::from_secs(120);

/// Measures once with so many addresses in use in a /8 that is one network.
pub(crate) async fn measure(folder: &Path, used: u32) -> Result<String> {
    ensure!((10_000..=14_000_000).contains(&used), "between 10,000 and 14,000,000 addresses of a /8 can be in use");
    let mut controller = Loopback::found(folder)?;
    controller.start(START_LIMIT)?;
    let channel = controller.channel().await?;
    let begun = Instant::now();
    fill::space(&channel, "flat", "10.0.0.0/8,network\n").await?;
    fill::claims(&channel, 1, "flat", 0..used, |n| fill::in_flat(n, used).into()).await?;
    let filled_s = begun.elapsed().as_secs();
    let filled_mib = fill::resident_mib(&controller, SETTLE).await?;
    controller.stop()?;
    let begun = Instant::now();
    controller.start(START_LIMIT)?;
    let started_s = begun.elapsed().as_secs_f64();
    let restarted_mib = fill::resident_mib(&controller, SETTLE).await?;

    let channels = connect(&controller, 1).await?;
    let network = "spaces/flat/prefixes/10.0.0.0-8";
    let mut figures = vec![("start_s", started_s)];
    let by_hardware = move |channel, number| read::find(channel, fill::hardware(1, drawn(number, used)));
    let took = timed(&controller, &channels, 1, 0..CALLS, by_hardware).await?;
    figures.extend(took.figures(["hardware_per_s", "hardware_p50_ms", "hardware_p99_ms", "hardware_cpu_ms"]));
    let by_name = move |channel, number| read::find(channel, fill::host_name("flat", drawn(number, used)));
    let took = timed(&controller, &channels, 1, 0..CALLS, by_name).await?;
    figures.extend(took.figures(["host_name_per_s", "host_name_p50_ms", "host_name_p99_ms", "host_name_cpu_ms"]));
    let page = move |channel, number| {
        read::list(channel, network, fill::in_flat(drawn(number, used - used / 100), used).to_string())
    };
    let took = timed(&controller, &channels, 1, 0..CALLS, page).await?;
    figures.extend(took.figures(["list_per_s", "list_p50_ms", "list_p99_ms", "list_cpu_ms"]));
    for (random, names) in [
        (false, ["next_free_per_s", "next_free_p50_ms", "next_free_p99_ms", "next_free_cpu_ms"]),
        (true, ["any_free_per_s", "any_free_p50_ms", "any_free_p99_ms", "any_free_cpu_ms"]),
    ] {
        let claim = move |channel, number| claim::and_release(channel, network, number, random);
        figures.extend(timed(&controller, &channels, 1, 0..CALLS, claim).await?.figures(names));
    }
    controller.stop()?;
    let settings = [
        ("used", u64::from(used)),
        ("filled_s", filled_s),
        ("rss_filled_mib", filled_mib),
        ("rss_restarted_mib", restarted_mib),
    ];
    Ok(line("large", &settings, &[figures]))
}
