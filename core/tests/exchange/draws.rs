//! Rows of every table, drawn at random.

use freehold_core::Timestamp;
use freehold_core::client::{ClientId, ClientIdentity, Duid, HardwareAddress};
use freehold_core::command::NewScope;
use freehold_core::exchange::{
    AddressKind, AddressRow, FieldId, Item, Labels, LeaseRow, PrefixRow, RangeKind, RangeRow, ReservationRow, ScopeRow,
    Table,
};
use freehold_core::lease::{Lease, LeaseState};
use freehold_core::model::{Exclusion, LeaseTimes, Link, PrefixKind, PrefixPool, PrefixStatus, ScopeStatus};
use freehold_core::name::{PrefixName, ReservationName, ScopeName, ServerName, SpaceName};
use freehold_core::net::Family::{self, V4, V6};
use freehold_core::net::{AddressRange, Cidr};
use freehold_core::option::{OptionCode, OptionValue, Options};
use freehold_core::text::{HostName, Text};
use proptest::collection::{btree_map, vec};
use proptest::option::of;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Fields and options that rows are drawn with; the file has a column for each.
pub(crate) const FIELDS: &[&str] = &["rack", "asset-tag", "note_1"];
pub(crate) const OPTIONS: &[(Family, u32)] =
    &[(V4, 2), (V4, 3), (V4, 15), (V4, 67), (V4, 119), (V4, 150), (V6, 23), (V6, 24), (V6, 59), (V6, 1500)];

fn id() -> impl Strategy<Value = String> {
    "[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?"
}

/// Text with all that means something to CSV, to a spreadsheet or to a list in a cell.
fn words() -> impl Strategy<Value = Text> {
    let odd = "[-=+@',;\"\\\\ a=ü€|]{0,12}";
    prop_oneof![odd, "[^\\p{C}\u{2028}\u{2029}]{0,20}"]
        .prop_map(|text| Text::parse(&text).expect("no control characters"))
}

fn address() -> impl Strategy<Value = IpAddr> {
    let v6 = any::<u128>().prop_map(Ipv6Addr::from).prop_filter("mapped", |address| address.to_ipv4_mapped().is_none());
    prop_oneof![any::<u32>().prop_map(|n| IpAddr::V4(Ipv4Addr::from(n))), v6.prop_map(IpAddr::V6)]
}

fn cidr() -> impl Strategy<Value = Cidr> {
    (address(), 0u8..=128).prop_map(|(address, length)| match address {
        IpAddr::V4(v4) => {
            let length = length % 33;
            let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
            Cidr::new(Ipv4Addr::from(u32::from(v4) & mask).into(), length).expect("cut")
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
            Cidr::new(Ipv6Addr::from(u128::from(v6) & mask).into(), length)
                .unwrap_or_else(|_| "::/0".parse().expect("a CIDR"))
        }
    })
}

fn range() -> impl Strategy<Value = AddressRange> {
    (any::<u32>(), any::<u32>()).prop_map(|(a, b)| {
        AddressRange::new(Ipv4Addr::from(a.min(b)).into(), Ipv4Addr::from(a.max(b)).into()).expect("in order")
    })
}

fn bytes(least: usize, most: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), least..=most)
}

fn hardware() -> impl Strategy<Value = HardwareAddress> {
    bytes(1, 20).prop_map(|bytes| HardwareAddress::from_bytes(&bytes).expect("of a length"))
}

fn client_id() -> impl Strategy<Value = ClientId> {
    bytes(2, 20).prop_map(|bytes| ClientId::from_bytes(&bytes).expect("of a length"))
}

fn duid() -> impl Strategy<Value = Duid> {
    bytes(3, 20).prop_map(|bytes| Duid::from_bytes(&bytes).expect("of a length"))
}

fn host_name() -> impl Strategy<Value = HostName> {
    "[a-z0-9]{1,8}(\\.[a-z0-9]{1,8}){0,2}".prop_map(|name| HostName::parse(&name).expect("a name"))
}

fn labels() -> impl Strategy<Value = Labels> {
    let tags = btree_map(words().prop_filter("a key", |key| !key.as_str().is_empty()), words(), 0..4);
    let fields = vec((0..FIELDS.len(), "[-=+@',;\"\\\\ a=\n\r\tü]{0,9}"), 0..3);
    (tags, fields).prop_map(|(tags, fields)| {
        let mut labels = Labels::default();
        tags.into_iter().for_each(|(key, value)| labels.tag(key, value).expect("a key, once"));
        fields.iter().for_each(|(id, text)| labels.field(FieldId::parse(FIELDS[*id]).expect("an id"), text));
        labels
    })
}

fn space() -> impl Strategy<Value = SpaceName> {
    id().prop_map(|id| SpaceName::from_id(&id).expect("an id"))
}

fn scope_name() -> impl Strategy<Value = ScopeName> {
    id().prop_map(|id| ScopeName::from_id(&id).expect("an id"))
}

fn server() -> impl Strategy<Value = ServerName> {
    (id(), id()).prop_map(|(agent, server)| format!("servers/{agent}/{server}").parse().expect("a name"))
}

fn time() -> impl Strategy<Value = Timestamp> {
    (-62_167_219_200_000i64..253_402_300_800_000).prop_map(Timestamp)
}

fn options(family: Family) -> impl Strategy<Value = Options> {
    let addresses_v6 = || vec(any::<u128>().prop_map(|n| IpAddr::V6(n.into())), 1..4);
    let value = |code: u32| match code {
        23 => addresses_v6().prop_map(OptionValue::Addresses).boxed(),
        24 => vec(host_name(), 1..3).prop_map(OptionValue::Names).boxed(),
        59 => words().prop_filter("some", |text| !text.as_str().is_empty()).prop_map(OptionValue::Text).boxed(),
        2 => any::<i32>().prop_map(OptionValue::Signed).boxed(),
        3 => vec(any::<u32>().prop_map(|n| IpAddr::V4(n.into())), 1..4).prop_map(OptionValue::Addresses).boxed(),
        15 => host_name().prop_map(|name| OptionValue::Names(vec![name])).boxed(),
        67 => words().prop_filter("some", |text| !text.as_str().is_empty()).prop_map(OptionValue::Text).boxed(),
        119 => vec(host_name(), 1..3).prop_map(OptionValue::Names).boxed(),
        _ => bytes(1, 9).prop_map(OptionValue::Bytes).boxed(),
    };
    let codes = OPTIONS.iter().filter(|(of, _)| *of == family);
    let each: Vec<_> = codes.map(|(_, code)| of(value(*code)).prop_map(|value| (*code, value))).collect();
    each.prop_map(move |given| {
        let mut options = Options::default();
        for (code, value) in given {
            if let Some(value) = value {
                options.add(OptionCode::new(family, code).expect("a code"), value).expect("of the shape of the code");
            }
        }
        options
    })
}

pub(crate) fn item(table: Table) -> BoxedStrategy<Item> {
    match table {
        Table::Prefixes => prefix().boxed(),
        Table::Addresses => claim().boxed(),
        Table::Ranges => range_row().boxed(),
        Table::Reservations => reservation().boxed(),
        Table::Scopes => scope().boxed(),
        Table::Leases => lease().boxed(),
    }
}

fn prefix() -> impl Strategy<Value = Item> {
    let kind = of(prop_oneof![Just(PrefixKind::Container), Just(PrefixKind::Network)]);
    let status = of(proptest::sample::select(PrefixStatus::ALL.to_vec()));
    let drawn = (space(), cidr(), kind, status, words(), words(), labels());
    drawn.prop_map(|(space, cidr, kind, status, title, description, labels)| {
        Item::Prefix(PrefixRow { name: PrefixName { space, cidr }, kind, status, title, description, labels })
    })
}

fn claim() -> impl Strategy<Value = Item> {
    let kind = prop_oneof![Just(AddressKind::Claim), Just(AddressKind::Dynamic)];
    let client = (of(hardware()), of(client_id()), of(duid()), of(host_name()));
    (space(), address(), kind, client, words(), words(), of(time()), labels()).prop_map(
        |(space, address, kind, (hardware, client_id, duid, host_name), owner, comment, expires, labels)| {
            Item::Address(AddressRow {
                space,
                address,
                kind,
                hardware,
                client_id,
                duid,
                host_name,
                owner,
                comment,
                expires,
                labels,
            })
        },
    )
}

fn range_row() -> impl Strategy<Value = Item> {
    let kind = prop_oneof![Just(RangeKind::Pool), Just(RangeKind::Exclusion), Just(RangeKind::Note)];
    (space(), of(scope_name()), range(), kind, words(), labels()).prop_map(
        |(space, scope, range, kind, comment, labels)| {
            Item::Range(RangeRow { space, scope, range, kind, comment, labels })
        },
    )
}

fn reservation() -> impl Strategy<Value = Item> {
    let client = prop_oneof![
        hardware().prop_map(ClientIdentity::Hardware),
        client_id().prop_map(ClientIdentity::ClientId),
        duid().prop_map(ClientIdentity::Duid),
    ];
    (scope_name(), address(), client, vec(cidr(), 0..3), of(host_name()), words(), labels()).prop_map(
        |(scope, address, client, prefixes, host_name, description, labels)| {
            let name = ReservationName { scope, address };
            Item::Reservation(ReservationRow { name, client, prefixes, host_name, description, labels })
        },
    )
}

fn scope() -> impl Strategy<Value = Item> {
    let some = any::<[bool; 3]>();
    let times = (40u32..1_000_000, some).prop_map(|(valid, [renew, rebind, preferred])| {
        let times = LeaseTimes::new(valid, renew.then_some(valid / 4), rebind.then_some(valid / 2));
        times.and_then(|times| times.preferred(preferred.then_some(valid / 3))).expect("in order")
    });
    let pool = (cidr(), any::<u8>()).prop_map(|(prefix, delegated_length)| PrefixPool { prefix, delegated_length });
    let link = (words(), vec(address(), 0..3), words());
    let link = link.prop_map(|(interface, relays, interface_id)| Link { interface, relays, interface_id });
    let status = prop_oneof![Just(ScopeStatus::Active), Just(ScopeStatus::Inactive)];
    let exclusion = (range(), words()).prop_map(|(range, comment)| Exclusion { range, comment });
    let lists = (vec(range(), 0..3), vec(exclusion, 0..3), vec(pool, 0..3), options(V4), options(V6), link);
    (scope_name(), space(), cidr(), lists, times, status, of(server()), words(), labels()).prop_map(
        |(name, space, network, lists, lease_times, status, server, description, labels)| {
            let (ranges, exclusions, prefix_pools, options_v4, options_v6, link) = lists;
            let options = if network.family() == V4 { options_v4 } else { options_v6 };
            let scope = NewScope {
                name,
                space,
                network,
                ranges,
                exclusions,
                prefix_pools,
                options,
                lease_times,
                link,
                status,
                server,
                description,
                labels: freehold_core::labels::Labels::NONE,
            };
            Item::Scope(ScopeRow { scope, labels })
        },
    )
}

fn lease() -> impl Strategy<Value = Item> {
    let client = (bytes(0, 20), bytes(0, 20), bytes(0, 20), any::<u32>(), "[-=+@',;\"\\\\ a=\n\r\tü]{0,9}");
    let state = prop_oneof![Just(LeaseState::Granted), Just(LeaseState::Declined)];
    (server(), address(), 0u8..=32, any::<u32>(), client, time(), any::<u32>(), state).prop_map(
        |(server, address, prefix_len, subnet_id, client, cltt, valid_seconds, state)| {
            let (hardware, client_id, duid, iaid, host_name) = client;
            let lease = Lease {
                address,
                prefix_len,
                subnet_id,
                hardware,
                client_id,
                duid,
                iaid,
                host_name,
                cltt,
                valid_seconds,
                state,
            };
            Item::Lease(LeaseRow { server, lease })
        },
    )
}
