//! Plans to measure on, made through the API by imports.
//!
//! - `tree`: 10.0.0.0/8 as a container of 10,000 networks (/24), the used addresses spread evenly over them.
//! - `flat`: 10.0.0.0/8 as one network, the used addresses at the beginning of each of its 256 /16s; a scope's ranges take from
//!   its network's free ones as many as a filling needs that is too large to be claimed.
//! - `page`: a /16 with 65,000 used. `bare`: an empty /8. `six`: a /64 with 100,000 used.
//!
//! Every used address is a claim with hardware address, host name and owner.

use anyhow::{Result, ensure};
use freehold_lab::Loopback;
use freehold_proto::v1::scope::Status;
use freehold_proto::v1::scope_service_client::ScopeServiceClient;
use freehold_proto::v1::space_service_client::SpaceServiceClient;
use freehold_proto::v1::{AddressRange, CreateScopeRequest, CreateSpaceRequest, Scope, UpdateScopeRequest};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};
use tonic::transport::Channel;

use super::START_LIMIT;
use crate::{imports, meter};

/// Networks of the tree.
pub(super) const NETWORKS: u32 = 10_000;
/// Used addresses of the page.
pub(super) const PAGE: u32 = 65_000;
/// Used addresses of the /64.
const SIX: u32 = 100_000;
/// Addresses in one import.
const AT_ONCE: u32 = 100_000;
const EIGHT: u32 = 0x0a00_0000;
const BLOCKS: u32 = 256;
/// Where in a /16 a scope's range begins: past what is claimed there.
const RANGE_FROM: u32 = 0x1000;

/// A used address of the tree.
pub(super) fn in_tree(number: u32, used: u32) -> Ipv4Addr {
    let per_network = used.div_ceil(NETWORKS);
    Ipv4Addr::from(EIGHT + ((number / per_network) << 8) + number % per_network + 1)
}

/// A used address of the flat /8.
pub(super) fn in_flat(number: u32, used: u32) -> Ipv4Addr {
    let per_block = used.div_ceil(BLOCKS);
    Ipv4Addr::from(EIGHT + ((number / per_block) << 16) + number % per_block + 1)
}

/// A used address of the page.
pub(super) fn in_page(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(EIGHT + number + 1)
}

fn in_six(number: u32) -> Ipv6Addr {
    Ipv6Addr::from((0x2001_0db8 << 96) | u128::from(number + 1))
}

/// The hardware address of a used address of the tree.
pub(super) fn hardware(space: u8, number: u32) -> String {
    let [_, a, b, c] = number.to_be_bytes();
    format!("02:{space:02x}:5e:{a:02x}:{b:02x}:{c:02x}")
}

/// The host name of a used address of a space.
pub(super) fn host_name(space: &str, number: u32) -> String {
    format!("{space}-{number:07}.example.net")
}

/// How long after something large the memory is looked at: the controller closes a store that was not used for ten seconds, and gives
/// free memory back every ten.
const SETTLE: Duration = Duration::from_secs(40);

/// Makes the tree. How much memory the controller takes meanwhile, in MiB: a while after filling, and after another start.
pub(super) async fn tree(controller: &mut Loopback, used: u32) -> Result<Vec<(&'static str, u64)>> {
    let mut figures = Vec::new();
    let mut networks = String::from("10.0.0.0/8,container\n");
    for n in 0..NETWORKS {
        writeln!(networks, "{}/24,network", Ipv4Addr::from(EIGHT + (n << 8)))?;
    }
    let channel = controller.channel().await?;
    space(&channel, "tree", &networks).await?;
    figures.push(("rss_10000_networks_mib", resident_mib(controller, SETTLE).await?));
    let some = used * 3 / 10;
    let begun = Instant::now();
    claims(&channel, 0, "tree", 0..some, |n| in_tree(n, used).into()).await?;
    figures.push(("rss_3_tenths_used_filled_mib", resident_mib(controller, SETTLE).await?));
    controller.stop()?;
    controller.start(START_LIMIT)?;
    figures.push(("rss_3_tenths_used_restarted_mib", resident_mib(controller, SETTLE).await?));
    claims(&controller.channel().await?, 0, "tree", some..used, |n| in_tree(n, used).into()).await?;
    figures.push(("rss_all_used_filled_mib", resident_mib(controller, SETTLE).await?));
    figures.push(("tree_filled_s", begun.elapsed().as_secs()));
    controller.stop()?;
    controller.start(START_LIMIT)?;
    figures.push(("rss_all_used_restarted_mib", resident_mib(controller, SETTLE).await?));
    Ok(figures)
}

/// Makes the other plans.
pub(super) async fn others(controller: &Loopback, used: u32) -> Result<()> {
    let channel = controller.channel().await?;
    for (id, networks) in [
        ("flat", "10.0.0.0/8,network\n"),
        ("page", "10.0.0.0/16,network\n"),
        ("bare", "10.0.0.0/8,network\n"),
        ("six", "2001:db8::/64,network\n"),
    ] {
        space(&channel, id, networks).await?;
    }
    claims(&channel, 1, "flat", 0..used, |n| in_flat(n, used).into()).await?;
    claims(&channel, 2, "page", 0..PAGE, |n| in_page(n).into()).await?;
    claims(&channel, 3, "six", 0..SIX, |n| in_six(n).into()).await?;
    let scope = Scope {
        network: "spaces/flat/prefixes/10.0.0.0-8".to_owned(),
        ranges: ranges(used, 50),
        status: Status::Inactive.into(),
        ..Scope::default()
    };
    let request = CreateScopeRequest { scope_id: "flat".to_owned(), scope: Some(scope), ..Default::default() };
    ScopeServiceClient::new(channel).create_scope(request).await?;
    Ok(())
}

/// Makes the flat /8 so full, in percent, by its scope's ranges.
pub(super) async fn flat_to(channel: &Channel, used: u32, percent: u32) -> Result<()> {
    let scope = Scope { name: "scopes/flat".to_owned(), ranges: ranges(used, percent), ..Scope::default() };
    let request = UpdateScopeRequest { scope: Some(scope), ..UpdateScopeRequest::default() };
    ScopeServiceClient::new(channel.clone()).update_scope(request).await?;
    Ok(())
}

/// A range in each /16, so that with what is claimed there so much of it is taken.
fn ranges(used: u32, percent: u32) -> Vec<AddressRange> {
    let size = 0x1_0000 * percent / 100 - used.div_ceil(BLOCKS);
    let range = |block: u32| {
        let first = EIGHT + (block << 16) + RANGE_FROM;
        let last = first + size.min(0xfff0 - RANGE_FROM) - 1;
        AddressRange { start: Ipv4Addr::from(first).to_string(), end: Ipv4Addr::from(last).to_string() }
    };
    (0..BLOCKS).map(range).collect()
}

/// A space with prefixes.
pub(super) async fn space(channel: &Channel, id: &str, prefixes: &str) -> Result<()> {
    let request = CreateSpaceRequest { space_id: id.to_owned(), ..CreateSpaceRequest::default() };
    SpaceServiceClient::new(channel.clone()).create_space(request).await?;
    imports::apply(channel, id, "", &format!("prefix,kind\n{prefixes}")).await?;
    Ok(())
}

/// Claims in a space, by imports.
pub(super) async fn claims(
    channel: &Channel,
    number_of_space: u8,
    id: &str,
    mut numbers: std::ops::Range<u32>,
    address: impl Fn(u32) -> IpAddr,
) -> Result<()> {
    while !numbers.is_empty() {
        let end = numbers.end.min(numbers.start + AT_ONCE);
        let mut text = String::from("address,hardware_address,host_name,owner\n");
        for n in numbers.start..end {
            writeln!(text, "{},{},{},Netze", address(n), hardware(number_of_space, n), host_name(id, n))?;
        }
        let applied = imports::apply(channel, id, "", &text).await?;
        ensure!(applied.created == u64::from(end - numbers.start), "another result: {applied:?}");
        numbers.start = end;
    }
    Ok(())
}

/// Memory of the controller that lies in RAM, in MiB, when it has had time to settle.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size in MiB is small and not negative")]
pub(super) async fn resident_mib(controller: &Loopback, settle: Duration) -> Result<u64> {
    tokio::time::sleep(settle).await;
    Ok(meter::mib(meter::resident_bytes(controller.pid()?)?).round() as u64)
}
