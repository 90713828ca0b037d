//! The links that one probe listens on, each opened once.

use super::arp::Ear;
use super::judge::Why;
use super::links::{Link, Links};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use tokio::task::{JoinSet, spawn_blocking};
use tracing::warn;

/// The links, by interface, and what listens on them.
#[derive(Debug)]
pub struct Ears {
    links: Result<Links, String>,
    open: BTreeMap<String, Result<Ear, String>>,
    listening: JoinSet<()>,
}

impl Ears {
    /// Opens the links that these addresses are on.
    pub async fn open(addresses: impl Iterator<Item = IpAddr>) -> Self {
        let links = Links::look();
        let on_link = |address| links.as_ref().ok()?.of(address).cloned();
        let needed: BTreeMap<String, Link> =
            addresses.filter(IpAddr::is_ipv4).filter_map(on_link).map(|link| (link.name.clone(), link)).collect();
        let open = |link: Link| spawn_blocking(move || Ear::open(&link));
        let opening: Vec<_> = needed.into_iter().map(|(name, link)| (name, open(link))).collect();
        let mut ears = Self { links, open: BTreeMap::new(), listening: JoinSet::new() };
        for (name, ear) in opening {
            let ear = ear.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
            if let Ok(ear) = ear.clone() {
                ears.listening.spawn(async move {
                    let Err(failure) = ear.listen().await;
                    warn!(%failure, "answers to ARP cannot be heard");
                });
            }
            ears.open.insert(name, ear);
        }
        ears
    }

    /// How an address can be asked by ARP, or why it cannot.
    pub fn of(&self, address: IpAddr) -> Result<(Ear, Ipv4Addr), Why> {
        let IpAddr::V4(target) = address else { return Err(Why::OtherFamily) };
        let links = self.links.as_ref().map_err(|why| Why::Cannot(why.clone()))?;
        let link = links.of(address).ok_or(Why::NotOnLink)?;
        match self.open.get(&link.name) {
            Some(Ok(ear)) => Ok((ear.clone(), target)),
            Some(Err(why)) => Err(Why::Cannot(why.clone())),
            None => Err(Why::NotOnLink),
        }
    }

    /// Closes all of them, which takes its time.
    pub async fn close(mut self) {
        self.listening.shutdown().await;
        let open = self.open;
        if let Err(panic) = spawn_blocking(move || drop(open)).await {
            std::panic::resume_unwind(panic.into_panic());
        }
    }
}
