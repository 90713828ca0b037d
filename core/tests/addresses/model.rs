//! A network of 64 addresses with a scope, and the plain sets that say what every one of them is.

use freehold_core::address::AddressState;
use freehold_core::change::{Actor, Entry, Outcome};
use freehold_core::client::{ClientIdentity, HardwareAddress};
use freehold_core::command::{AddressDetails, Allocation, Choice, Command, NewScope, Place, Purpose, ScopePatch};
use freehold_core::lease::{Lease, LeaseBook, LeaseEvent, LeaseEventKind, LeaseState};
use freehold_core::model::{Exclusion, PrefixKind};
use freehold_core::name::PrefixName;
use freehold_core::net::{AddressRange, Cidr};
use freehold_core::option::{OptionCode, OptionValue, Options};
use freehold_core::text::Text;
use freehold_core::{Refusal, State, Timestamp, decide};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

pub(crate) const SIZE: u8 = 64;
pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);

pub(crate) fn word<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap_or_else(|e| panic!("{text:?}: {e:?}"))
}

/// One thing done to the network.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    Hold(u8),
    Claim(u8),
    Reserve(u8),
    Release(u8),
    Lease(u8),
    LeaseEnds(u8),
    Exclude(u8, u8),
}

/// What happened, plainly.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plain {
    pub(crate) ranges: Vec<(u8, u8)>,
    pub(crate) router: Option<u8>,
    pub(crate) held: BTreeSet<u8>,
    pub(crate) claimed: BTreeSet<u8>,
    pub(crate) reserved: BTreeSet<u8>,
    pub(crate) leased: BTreeSet<u8>,
    pub(crate) excluded: Vec<(u8, u8)>,
    pub(crate) v6: bool,
}

fn within(ranges: &[(u8, u8)], n: u8) -> bool {
    ranges.iter().any(|(first, last)| *first <= n && n <= *last)
}

impl Plain {
    pub(crate) fn usable(&self, n: u8) -> bool {
        let edge = n == 0 || (!self.v6 && n == SIZE - 1);
        !edge && self.router != Some(n)
    }

    fn used(&self, n: u8) -> bool {
        [&self.held, &self.claimed, &self.reserved, &self.leased].iter().any(|set| set.contains(&n))
    }

    /// The state, by the words of its definition.
    pub(crate) fn state(&self, n: u8) -> AddressState {
        if self.claimed.contains(&n) {
            AddressState::Claimed
        } else if self.held.contains(&n) {
            AddressState::Held
        } else if self.reserved.contains(&n) {
            AddressState::Reserved
        } else if self.leased.contains(&n) {
            AddressState::Leased
        } else if within(&self.excluded, n) {
            AddressState::Excluded
        } else if !self.usable(n) {
            AddressState::NotUsable
        } else {
            AddressState::Available
        }
    }

    /// Whether somebody may have it who asks for it by name.
    pub(crate) fn grantable(&self, n: u8) -> bool {
        self.usable(n) && !self.used(n)
    }

    /// Whether the scope gives it out by itself.
    pub(crate) fn free_in_scope(&self, n: u8) -> bool {
        self.grantable(n) && within(&self.ranges, n) && !within(&self.excluded, n)
    }

    /// Whether the network gives it out by itself.
    pub(crate) fn free_in_network(&self, n: u8) -> bool {
        self.grantable(n) && !within(&self.ranges, n)
    }
}

/// The same in core's hands.
pub(crate) struct World {
    pub(crate) plain: Plain,
    pub(crate) state: State,
    pub(crate) book: LeaseBook,
}

/// The plain sets say it all.
impl Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.plain.fmt(f)
    }
}

pub(crate) fn worlds() -> impl Strategy<Value = World> {
    let range = prop_oneof![2 => (1u8..30, 0u8..32), 1 => Just((1u8, 61u8)), 1 => (20u8..40, 0u8..20)];
    let second = proptest::option::of((54u8..58, 0u8..4));
    let n = || 0u8..SIZE;
    let deed = prop_oneof![
        6 => n().prop_map(Deed::Hold),
        6 => n().prop_map(Deed::Claim),
        4 => n().prop_map(Deed::Reserve),
        3 => n().prop_map(Deed::Release),
        4 => n().prop_map(Deed::Lease),
        2 => n().prop_map(Deed::LeaseEnds),
        2 => (n(), 0u8..12).prop_map(|(first, size)| Deed::Exclude(first, (first + size).min(SIZE - 1))),
    ];
    let deeds = proptest::collection::vec(deed, 0..120);
    (any::<bool>(), range, second, proptest::option::of(1u8..63), deeds).prop_map(
        |(v6, (first, size), second, router, deeds)| {
            let last = if second.is_some() { (first + size).min(50) } else { (first + size).min(SIZE - 2) };
            let mut ranges = vec![(first.min(last), last)];
            ranges.extend(second.map(|(first, size)| (first, first + size)));
            let mut world = World::begin(v6, ranges, router.filter(|_| !v6));
            deeds.iter().for_each(|deed| world.carry_out(deed));
            world
        },
    )
}

impl World {
    pub(crate) fn address(&self, n: u8) -> IpAddr {
        if self.plain.v6 {
            Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(n)).into()
        } else {
            Ipv4Addr::new(10, 0, 0, n).into()
        }
    }

    /// The number within the network of one of its addresses.
    pub(crate) fn number(&self, address: IpAddr) -> u8 {
        (0..SIZE).find(|n| self.address(*n) == address).unwrap_or_else(|| panic!("{address} is elsewhere"))
    }

    pub(crate) fn range(&self, first: u8, last: u8) -> AddressRange {
        AddressRange::new(self.address(first), self.address(last)).expect("a range")
    }

    pub(crate) fn network(&self) -> PrefixName {
        let length = if self.plain.v6 { 122 } else { 26 };
        PrefixName { space: word("spaces/default"), cidr: Cidr::new(self.address(0), length).expect("a network") }
    }

    fn begin(v6: bool, ranges: Vec<(u8, u8)>, router: Option<u8>) -> Self {
        let plain = Plain { ranges, router, v6, ..Plain::default() };
        let mut world = Self { plain, state: State::default(), book: LeaseBook::default() };
        let (network, text) = (world.network(), Text::default);
        let mut options = Options::default();
        if let Some(n) = router {
            options.add(OptionCode::ROUTERS, OptionValue::Addresses(vec![[10, 0, 0, n].into()])).expect("a router");
        }
        let commands = [
            Command::CreateSpace {
                name: network.space.clone(),
                title: text(),
                description: text(),
                labels: freehold_core::labels::Labels::NONE,
            },
            Command::CreatePrefix {
                name: network.clone(),
                draft: freehold_core::command::PrefixDraft::of(PrefixKind::Network),
            },
            Command::CreateScope(NewScope {
                ranges: world.plain.ranges.iter().map(|(first, last)| world.range(*first, *last)).collect(),
                options,
                ..NewScope::of(word("scopes/s"), PrefixName { space: network.space, cidr: network.cidr })
            }),
        ];
        for command in &commands {
            world.decide(command).expect("the beginning is in order");
        }
        world
    }

    pub(crate) fn decide(&mut self, command: &Command) -> Result<usize, Refusal> {
        let changes = decide(&self.state, command, NOW)?;
        let count = changes.len();
        self.state.apply(&Entry {
            revision: self.state.revision().next(),
            at: NOW,
            actor: Actor::default(),
            method: String::new(),
            request: None,
            outcome: Outcome::Done(changes),
        });
        Ok(count)
    }

    pub(crate) fn order(&self, place: Place, choice: Choice, count: u32, purpose: Purpose) -> Allocation {
        Allocation {
            place,
            choice,
            count,
            purpose,
            details: vec![AddressDetails::default()],
            holder: "operators/alice".into(),
            leases: self.book.clone(),
            accept_risk: false,
        }
    }

    /// Asks for one address by name; it is given exactly if the plain definition says that it may be.
    fn ask(&mut self, n: u8, purpose: Purpose) -> bool {
        let choice = Choice::Given(vec![self.address(n)]);
        let mut order = self.order(Place::Scope(word("scopes/s")), choice, 1, purpose);
        if purpose == Purpose::Reservation {
            let hardware = HardwareAddress::from_bytes(&[2, 0, 0, 0, 0, n]).expect("six bytes");
            order.details[0].client = Some(ClientIdentity::Hardware(hardware));
        }
        let excluded = purpose == Purpose::Reservation && within(&self.plain.excluded, n);
        let wanted = self.plain.grantable(n) && !excluded;
        let given = self.decide(&Command::Allocate(order));
        assert_eq!(given.is_ok(), wanted, "{n} as {purpose:?}: {given:?} of {:?}", self.plain);
        wanted
    }

    fn carry_out(&mut self, deed: &Deed) {
        match *deed {
            Deed::Hold(n) => {
                if self.ask(n, Purpose::Hold { until: NOW.plus_seconds(600) }) {
                    self.plain.held.insert(n);
                }
            }
            Deed::Claim(n) => {
                if self.ask(n, Purpose::Claim { expires: None }) {
                    self.plain.claimed.insert(n);
                }
            }
            Deed::Reserve(n) => {
                if self.ask(n, Purpose::Reservation) {
                    self.plain.reserved.insert(n);
                }
            }
            Deed::Release(n) => self.release(n),
            Deed::Lease(n) => self.lease(n, LeaseEventKind::Granted),
            Deed::LeaseEnds(n) => self.lease(n, LeaseEventKind::Expired),
            Deed::Exclude(first, last) => self.exclude(first, last),
        }
    }

    fn release(&mut self, n: u8) {
        let name = word(&format!("spaces/default/addresses/{}", self.address(n)));
        let reserved = word(&format!("scopes/s/reservations/{}", self.address(n)));
        let assigned = self.plain.held.remove(&n) | self.plain.claimed.remove(&n);
        assert_eq!(self.decide(&Command::Release { name, etag: None }).is_ok(), assigned, "{n}");
        let was_reserved = self.plain.reserved.remove(&n);
        let deleted = self.decide(&Command::DeleteReservation { name: reserved, etag: None });
        assert_eq!(deleted.is_ok(), was_reserved, "{n}");
    }

    fn lease(&mut self, n: u8, kind: LeaseEventKind) {
        let subnet_id = self.state.scope(&word("scopes/s")).expect("the scope").subnet_id.number();
        let lease = Lease {
            address: self.address(n),
            prefix_len: if self.plain.v6 { 128 } else { 32 },
            subnet_id,
            hardware: vec![4, n],
            client_id: Vec::new(),
            duid: Vec::new(),
            iaid: 0,
            host_name: String::new(),
            cltt: NOW,
            valid_seconds: 3600,
            state: LeaseState::Granted,
        };
        self.book.apply(&word("servers/a/kea4"), &LeaseEvent { kind, lease, observed: NOW, folded: 0 });
        match kind {
            LeaseEventKind::Granted => self.plain.leased.insert(n),
            _ => self.plain.leased.remove(&n),
        };
    }

    fn exclude(&mut self, first: u8, last: u8) {
        let mut ranges = self.plain.excluded.clone();
        ranges.push((first, last));
        let exclusion =
            |(first, last): &(u8, u8)| Exclusion { range: self.range(*first, *last), comment: Text::default() };
        let patch = ScopePatch { exclusions: Some(ranges.iter().map(exclusion).collect()), ..ScopePatch::default() };
        if self.decide(&Command::UpdateScope { name: word("scopes/s"), etag: None, patch }).is_ok() {
            self.plain.excluded = ranges;
        }
    }
}
