//! The next free address, claimed durably: by many callers in a /16, by one caller in networks of any size and filling.

use anyhow::{Context, Result};
use freehold_lab::Loopback;
use freehold_proto::v1::address_details::Client;
use freehold_proto::v1::address_service_client::AddressServiceClient;
use freehold_proto::v1::{AddressDetails, AddressPurpose, AllocateAddressesRequest, ReleaseAddressRequest};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tonic::transport::Channel;

use super::calls::{Took, connect, ms, timed};
use super::{CALLERS, START_LIMIT, fill};
use crate::figures::Figures;
use crate::plan;

/// Rounds of claims; what a round claimed is given back after it, so that each finds the same filling. The first round does not count.
const ROUNDS: u64 = 4;
/// Claims in a round: fewer than are free in a /16 that is 90 % full.
const IN_ROUND: u64 = 5_000;
/// Claims of one caller.
const ALONE: u64 = 2_000;
/// Of ten addresses nine are claimed in the full /16, so that its free ones lie all over it.
const FULL: u32 = 0xffff * 9 / 10;

/// Many callers: in an empty /16, and in one that is 90 % full.
pub(super) async fn many(folder: &Path) -> Result<Figures> {
    let mut controller = Loopback::found(folder)?;
    controller.start(START_LIMIT)?;
    let channels = connect(&controller, CALLERS).await?;
    for id in ["empty", "full"] {
        fill::space(&channels[0], id, "10.0.0.0/16,network\n").await?;
    }
    let address = |n: u32| Ipv4Addr::from(0x0a00_0000 + n / 9 * 10 + n % 9 + 1).into();
    fill::claims(&channels[0], 4, "full", 0..FULL, address).await?;
    let (mut empty, mut full) = (Took::default(), Took::default());
    for round in 0..=ROUNDS {
        let numbers = round * IN_ROUND..(round + 1) * IN_ROUND;
        for (id, sum) in [("empty", &mut empty), ("full", &mut full)] {
            let took = fill_and_release(&controller, &channels, id, numbers.clone()).await?;
            if round > 0 {
                sum.add(took);
            }
        }
    }
    controller.stop()?;
    let ratio = empty.rate() / full.rate();
    let mut figures =
        empty.figures(["next_free_per_second", "next_free_p50_ms", "next_free_p99_ms", "next_free_controller_cpu_ms"]);
    figures.extend(full.figures([
        "next_free_90_full_per_second",
        "next_free_90_full_p50_ms",
        "next_free_90_full_p99_ms",
        "next_free_90_full_controller_cpu_ms",
    ]));
    figures.push(("next_free_empty_over_90_full", ratio));
    Ok(figures)
}

/// Claims so many in the /16 of a space, and gives them back. What claiming took.
async fn fill_and_release(
    controller: &Loopback,
    channels: &[Channel],
    id: &'static str,
    numbers: std::ops::Range<u64>,
) -> Result<Took> {
    let claimed = Arc::new(Mutex::new(Vec::new()));
    let names = Arc::clone(&claimed);
    let took = timed(controller, channels, CALLERS, numbers, move |channel, number| {
        let names = Arc::clone(&names);
        async move {
            let request = next(format!("spaces/{id}/prefixes/10.0.0.0-16"), number, false);
            let (name, wait) = claim(&channel, request).await?;
            names.lock().unwrap_or_else(PoisonError::into_inner).push(name);
            Ok(wait)
        }
    })
    .await?;
    let names = std::mem::take(&mut *claimed.lock().unwrap_or_else(PoisonError::into_inner));
    plan::each(names, |name| release(channels[0].clone(), name)).await?;
    Ok(took)
}

/// One caller: in an empty, a half-full and a 99 %-full /8 and in a /64, the first free one and any. The claim is timed, and given back.
pub(super) async fn alone(controller: &Loopback, used: u32) -> Result<Figures> {
    let channel = controller.channel().await?;
    let mut figures = Vec::new();
    let (bare, flat, six) =
        ("spaces/bare/prefixes/10.0.0.0-8", "spaces/flat/prefixes/10.0.0.0-8", "spaces/six/prefixes/2001:db8::-64");
    for (place, percent, random, names) in [
        (
            bare,
            0,
            false,
            ["alone_empty_8_per_s", "alone_empty_8_p50_ms", "alone_empty_8_p99_ms", "alone_empty_8_cpu_ms"],
        ),
        (flat, 50, false, ["alone_half_8_per_s", "alone_half_8_p50_ms", "alone_half_8_p99_ms", "alone_half_8_cpu_ms"]),
        (flat, 99, false, ["alone_99_8_per_s", "alone_99_8_p50_ms", "alone_99_8_p99_ms", "alone_99_8_cpu_ms"]),
        (six, 0, false, ["alone_64_per_s", "alone_64_p50_ms", "alone_64_p99_ms", "alone_64_cpu_ms"]),
        (bare, 0, true, ["any_empty_8_per_s", "any_empty_8_p50_ms", "any_empty_8_p99_ms", "any_empty_8_cpu_ms"]),
        (flat, 99, true, ["any_99_8_per_s", "any_99_8_p50_ms", "any_99_8_p99_ms", "any_99_8_cpu_ms"]),
    ] {
        if place == flat {
            fill::flat_to(&channel, used, percent).await?;
        }
        let took = timed(controller, std::slice::from_ref(&channel), 1, 0..ALONE, move |channel, number| {
            and_release(channel, place, number, random)
        })
        .await?;
        figures.extend(took.figures(names));
    }
    Ok(figures)
}

/// How many milliseconds claiming a free address of a network takes; it is given back.
pub(super) async fn and_release(channel: Channel, network: &str, number: u64, random: bool) -> Result<f64> {
    let (name, wait) = claim(&channel, next(network.to_owned(), number, random)).await?;
    release(channel, name).await?;
    Ok(wait)
}

/// Asks for one free address as a claim with hardware address and host name.
fn next(parent: String, number: u64, random: bool) -> AllocateAddressesRequest {
    let details = AddressDetails {
        client: Some(Client::HardwareAddress(fill::hardware(0xff, spread(number)))),
        host_name: format!("new-{number}.example.net"),
        ..AddressDetails::default()
    };
    AllocateAddressesRequest {
        parent,
        random,
        purpose: AddressPurpose::Claim.into(),
        details: vec![details],
        ..AllocateAddressesRequest::default()
    }
}

/// A number of 24 bits, another one for each of the first 2^24.
fn spread(number: u64) -> u32 {
    u32::try_from(number.wrapping_mul(0x9e_3779) & 0xff_ffff).expect("24 bits")
}

/// The name of the claimed address, and how many milliseconds it took.
async fn claim(channel: &Channel, request: AllocateAddressesRequest) -> Result<(String, f64)> {
    let mut client = AddressServiceClient::new(channel.clone());
    let begun = Instant::now();
    let answer = client.allocate_addresses(request).await?.into_inner();
    let wait = ms(begun);
    Ok((answer.addresses.into_iter().next().context("no address though none was refused")?.name, wait))
}

async fn release(channel: Channel, name: String) -> Result<()> {
    let request = ReleaseAddressRequest { name, ..ReleaseAddressRequest::default() };
    AddressServiceClient::new(channel).release_address(request).await?;
    Ok(())
}
