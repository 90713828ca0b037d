//! Assignments as the state keeps them: the fields one behind the other in one allocation, for there may be ten million.
//!
//! ```text
//! flags, address, space, client, host name, end │ holder, owner, comment, conflict, created, updated − created, revision
//! ───────────── what they are sorted by ─────── │ ──────────────────────────── the rest ────────────────────────────────
//! ```
//!
//! An address has 4 or 16 bytes, by a flag; what is of any length has its length before it; numbers take seven bits a byte (LEB128).
//! The form lives in memory only. Equal assignments have equal bytes.

use crate::client::ClientIdentity;
use crate::labels::Labels;
use crate::model::{Assignment, AssignmentKind, Phase, Rare, Stamp};
use crate::name::{AddressName, SpaceName};
use crate::text::{HostName, Text};
use crate::time::{Revision, Timestamp};
use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;
use triomphe::ThinArc;

const IS_V6: u8 = 1;
const IS_HOLD: u8 = 1 << 1;
const HAS_END: u8 = 1 << 2;
const RISK_ACCEPTED: u8 = 1 << 3;
/// Two bits of the flags.
const PHASE_SHIFT: u8 = 4;
/// Two more: no client, or its kind and one.
const CLIENT_SHIFT: u8 = 6;

/// Left out where a holder begins so, as almost all do; of another the rest is empty, and all of it comes behind.
const OPERATORS: &str = "operators/";

const WHOLE: &str = "it was written whole";

/// An assignment; copies are the same. Few have labels, so these are kept as they are.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Packed(ThinArc<Labels, u8>);

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.open().fmt(f)
    }
}

impl Packed {
    pub(super) fn new(assignment: &Assignment) -> Self {
        let none = Rare::default();
        let rare = assignment.rare.as_deref().unwrap_or(&none);
        Self(ThinArc::from_header_and_slice(rare.labels.clone(), &bytes(assignment, rare)))
    }

    fn reader(&self) -> Reader<'_> {
        Reader(&self.0.slice)
    }

    pub(super) fn address(&self) -> IpAddr {
        let mut reader = self.reader();
        let flags = reader.byte();
        reader.address(flags)
    }

    pub(super) fn name(&self) -> AddressName {
        self.keys().name()
    }

    pub(super) fn phase(&self) -> Phase {
        phase(self.reader().byte())
    }

    pub(super) fn is_hold(&self) -> bool {
        self.reader().byte() & IS_HOLD != 0
    }

    /// What it is sorted by.
    pub(super) fn keys(&self) -> Keys<'_> {
        self.reader().keys().1
    }

    /// Its owner, comment and labels.
    pub(super) fn said(&self) -> (&str, &str, &Labels) {
        let mut reader = self.reader();
        reader.keys();
        reader.holder();
        (text(reader.counted()), text(reader.counted()), &self.0.header.header)
    }

    pub(super) fn open(&self) -> Assignment {
        let mut reader = self.reader();
        let (flags, keys) = reader.keys();
        let holder = match reader.holder() {
            (true, id) => format!("{OPERATORS}{id}").into(),
            (false, name) => name.into(),
        };
        let [owner, comment, conflict] = [(); 3].map(|()| Text::kept(text(reader.counted())));
        let created = Timestamp(unfold(reader.number()));
        let stamp = Stamp {
            created,
            updated: Timestamp(created.0.wrapping_add(unfold(reader.number()))),
            revision: Revision(reader.number()),
        };
        let labels = self.0.header.header.clone();
        Assignment {
            name: keys.name(),
            kind: match (flags & IS_HOLD != 0, keys.end) {
                (true, until) => AssignmentKind::Hold { until: until.expect("a hold has an end") },
                (false, expires) => AssignmentKind::Claim { expires },
            },
            phase: phase(flags),
            risk_accepted: flags & RISK_ACCEPTED != 0,
            holder,
            client: keys.client.map(|(kind, bytes)| ClientIdentity::from_parts(kind, bytes).expect("it was a client")),
            host_name: keys.host_name.map(|name| HostName::kept(text(name))),
            rare: Rare { comment, owner, conflict, labels }.boxed(),
            stamp,
        }
    }
}

/// What an assignment is sorted by. Texts as bytes, which sort in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keys<'a> {
    pub(super) address: IpAddr,
    pub(super) space: &'a [u8],
    /// The kind of client and its bytes.
    pub(super) client: Option<(u8, &'a [u8])>,
    pub(super) host_name: Option<&'a [u8]>,
    pub(super) end: Option<Timestamp>,
}

impl Keys<'_> {
    fn name(&self) -> AddressName {
        AddressName { space: SpaceName::kept(text(self.space)), address: self.address }
    }

    /// By space, then by address.
    pub(super) fn cmp_name(&self, other: &Self) -> Ordering {
        self.space.cmp(other.space).then_with(|| self.address.cmp(&other.address))
    }

    /// The same against a name.
    pub(super) fn cmp_to(&self, name: &AddressName) -> Ordering {
        self.space.cmp(name.space.id().as_bytes()).then_with(|| self.address.cmp(&name.address))
    }
}

fn phase(flags: u8) -> Phase {
    match flags >> PHASE_SHIFT & 3 {
        0 => Phase::Pending,
        1 => Phase::Active,
        _ => Phase::Conflict,
    }
}

fn bytes(assignment: &Assignment, rare: &Rare) -> Vec<u8> {
    let Assignment { name, kind, phase, risk_accepted, holder, client, host_name, rare: _, stamp } = assignment;
    let client = client.as_ref().map(ClientIdentity::parts);
    let flag = |is: bool, flag: u8| if is { flag } else { 0 };
    let flags = flag(name.address.is_ipv6(), IS_V6)
        | flag(matches!(kind, AssignmentKind::Hold { .. }), IS_HOLD)
        | flag(assignment.ends().is_some(), HAS_END)
        | flag(*risk_accepted, RISK_ACCEPTED)
        | match phase {
            Phase::Pending => 0,
            Phase::Active => 1,
            Phase::Conflict => 2,
        } << PHASE_SHIFT
        | client.map_or(0, |(kind, _)| kind + 1) << CLIENT_SHIFT;
    let mut out = Writer(Vec::with_capacity(160));
    out.0.push(flags);
    match name.address {
        IpAddr::V4(address) => out.0.extend(address.octets()),
        IpAddr::V6(address) => out.0.extend(address.octets()),
    }
    out.counted(name.space.id().as_bytes());
    if let Some((_, bytes)) = client {
        out.counted(bytes);
    }
    out.counted(host_name.as_ref().map_or("", HostName::as_str).as_bytes());
    if let Some(end) = assignment.ends() {
        out.0.extend(end.0.to_le_bytes());
    }
    match holder.strip_prefix(OPERATORS).filter(|id| !id.is_empty()) {
        Some(operator) => out.counted(operator.as_bytes()),
        None => {
            out.number(0);
            out.counted(holder.as_bytes());
        }
    }
    for text in [rare.owner.as_str(), rare.comment.as_str(), rare.conflict.as_str()] {
        out.counted(text.as_bytes());
    }
    out.number(fold(stamp.created.0));
    out.number(fold(stamp.updated.0.wrapping_sub(stamp.created.0)));
    out.number(stamp.revision.0);
    out.0
}

struct Writer(Vec<u8>);

impl Writer {
    #[expect(clippy::cast_possible_truncation, reason = "seven bits of it are meant")]
    fn number(&mut self, mut number: u64) {
        while number > 0x7f {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn counted(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().expect("as many as were taken")
    }

    fn byte(&mut self) -> u8 {
        let [byte] = self.array();
        byte
    }

    fn number(&mut self) -> u64 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                return number;
            }
        }
    }

    fn counted(&mut self) -> &'a [u8] {
        let length = usize::try_from(self.number()).expect(WHOLE);
        self.take(length)
    }

    fn address(&mut self, flags: u8) -> IpAddr {
        if flags & IS_V6 == 0 { self.array::<4>().into() } else { self.array::<16>().into() }
    }

    /// Whether the holder is an operator, and the rest of its name.
    fn holder(&mut self) -> (bool, &'a str) {
        match text(self.counted()) {
            "" => (false, text(self.counted())),
            id => (true, id),
        }
    }

    /// The flags and what follows up to the end.
    fn keys(&mut self) -> (u8, Keys<'a>) {
        let flags = self.byte();
        let (address, space) = (self.address(flags), self.counted());
        let client = (flags >> CLIENT_SHIFT).checked_sub(1).map(|kind| (kind, self.counted()));
        let host_name = Some(self.counted()).filter(|name| !name.is_empty());
        let end = (flags & HAS_END != 0).then(|| Timestamp(i64::from_le_bytes(self.array())));
        (flags, Keys { address, space, client, host_name, end })
    }
}

/// A number with the sign in its last bit, so that small ones stay small.
fn fold(number: i64) -> u64 {
    (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned()
}

fn unfold(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("it was a text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::HardwareAddress;
    use crate::labels::Tag;
    use crate::state::orders::{ByAddress, ByClient, ByEnd, ByHostName};
    use crate::state::sorted::Order;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;

    fn word(text: &str) -> Text {
        Text::parse(text).expect("a text")
    }

    fn client() -> impl Strategy<Value = ClientIdentity> {
        (0..3_u8, vec(any::<u8>(), 3..=20)).prop_map(|(kind, bytes)| ClientIdentity::from_parts(kind, &bytes).unwrap())
    }

    prop_compose! {
        fn any_rare()(
            owner in "[a-zA-ZäöüÄÖÜ ]{0,256}",
            comment in "[ -~€]{0,200}",
            conflict in "[ -~]{0,9}",
            tags in vec("[a-z][a-z0-9]{0,9}", 0..3),
        ) -> Rare {
            let tags = tags.iter().map(|tag| tag.parse::<Tag>().expect("a tag")).collect();
            let labels = Labels::new(tags, BTreeMap::new());
            Rare { comment: word(&comment), owner: word(&owner), conflict: word(&conflict), labels }
        }
    }

    prop_compose! {
        fn any_assignment()(
            space in "[a-z][a-z0-9]{0,62}",
            address: IpAddr,
            end in option::of(any::<i64>()),
            is_hold: bool,
            phase in prop_oneof![Just(Phase::Pending), Just(Phase::Active), Just(Phase::Conflict)],
            risk_accepted: bool,
            holder in "((operators|agents)/)?[a-z]{0,40}",
            client in option::of(client()),
            host_name in option::of("[a-z][a-z0-9]{0,62}(\\.[a-z]{1,60}){0,3}"),
            rare in any_rare(),
            created: i64, updated: i64, revision: u64,
        ) -> Assignment {
            let end = end.map(Timestamp);
            Assignment {
                name: AddressName { space: SpaceName::from_id(&space).expect("a space"), address },
                kind: match end {
                    Some(until) if is_hold => AssignmentKind::Hold { until },
                    expires => AssignmentKind::Claim { expires },
                },
                phase,
                risk_accepted,
                holder: holder.into(),
                client,
                host_name: host_name.map(|name| HostName::parse(&name).expect("a host name")),
                rare: rare.boxed(),
                stamp: Stamp { created: Timestamp(created), updated: Timestamp(updated), revision: Revision(revision) },
            }
        }
    }

    proptest! {
        #[test]
        fn what_was_packed_is_opened(assignment in any_assignment()) {
            let packed = Packed::new(&assignment);
            prop_assert_eq!(packed.open(), assignment.clone());
            prop_assert_eq!((packed.address(), packed.phase()), (assignment.name.address, assignment.phase));
            let keys = packed.keys();
            prop_assert_eq!(keys.client, assignment.client.as_ref().map(ClientIdentity::parts));
            prop_assert_eq!(keys.host_name, assignment.host_name.as_ref().map(|name| name.as_str().as_bytes()));
            prop_assert_eq!(keys.end, assignment.ends());
            prop_assert_eq!(keys.cmp_to(&assignment.name), Ordering::Equal);
            let rare = assignment.rare();
            prop_assert_eq!(packed.said(), (rare.owner.as_str(), rare.comment.as_str(), &rare.labels));
        }

        #[test]
        fn names_sort_as_they_do_unpacked(one in any_assignment(), other in any_assignment()) {
            let (ours, theirs) = (Packed::new(&one), Packed::new(&other));
            prop_assert_eq!(ours.keys().cmp_name(&theirs.keys()), one.name.cmp(&other.name));
            prop_assert_eq!(ours.keys().cmp_to(&other.name), one.name.cmp(&other.name));
        }
    }

    /// One of those that are hard to tell apart.
    fn alike() -> impl Strategy<Value = Packed> {
        let one = (
            any_assignment(),
            prop_oneof![any::<IpAddr>(), any::<u8>().prop_map(|last| Ipv4Addr::new(10, 0, 0, last).into())],
            option::of((0..3_u8, vec(0..2_u8, 3..=20))),
            option::of("[ab]{1,2}|aaaaaaaaaaaaaaa[ab]{0,3}"),
            option::of(prop_oneof![any::<i64>(), -1..2_i64]),
        );
        one.prop_map(|(any, address, client, host_name, end)| {
            let client = client.map(|(kind, bytes)| ClientIdentity::from_parts(kind, &bytes).unwrap());
            let host_name = host_name.map(|name| HostName::parse(&name).unwrap());
            let name = AddressName { address, ..any.name };
            let kind = AssignmentKind::Claim { expires: end.map(Timestamp) };
            Packed::new(&Assignment { name, kind, client, host_name, ..any })
        })
    }

    fn begins_so<O: Order<Record = Packed>>(one: &Packed, other: &Packed) -> bool {
        let beginning = O::beginning(one).cmp(&O::beginning(other));
        beginning.is_eq() || beginning == O::order(one, other)
    }

    proptest! {
        #[test]
        fn an_order_begins_as_it_goes_on(one in alike(), other in alike()) {
            prop_assert!(begins_so::<ByClient<Packed>>(&one, &other));
            prop_assert!(begins_so::<ByHostName<Packed>>(&one, &other));
            prop_assert!(begins_so::<ByEnd>(&one, &other));
            let same_family = one.address().is_ipv4() == other.address().is_ipv4();
            prop_assert!(!same_family || begins_so::<ByAddress>(&one, &other));
        }
    }

    /// What ten million of them cost is decided here.
    #[test]
    fn a_claim_is_small() {
        let claim = Assignment {
            name: AddressName {
                space: SpaceName::from_id("berlin").unwrap(),
                address: Ipv4Addr::new(10, 0, 0, 1).into(),
            },
            kind: AssignmentKind::Claim { expires: None },
            phase: Phase::Active,
            risk_accepted: false,
            holder: "operators/alice".into(),
            client: Some(ClientIdentity::Hardware(HardwareAddress::from_bytes(&[2, 0, 0, 0, 0, 1]).unwrap())),
            host_name: Some(HostName::parse("printer-17.berlin.example.net").unwrap()),
            rare: Rare { owner: word("Netze"), ..Rare::default() }.boxed(),
            stamp: Stamp::made(Timestamp(1_763_700_000_000), Revision(1_000_000)),
        };
        let packed = Packed::new(&claim);
        assert_eq!(packed.0.slice.len(), 73);
        assert_eq!(size_of::<Packed>(), size_of::<usize>());
    }
}
