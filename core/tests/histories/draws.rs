//! Commands drawn at random from the universe: names, ranges and clients so few that they clash.

use crate::addresses;
use crate::universe::{EtagChoice, Step, address, certificate, word};
use freehold_core::access::{Grant, Role};
use freehold_core::bundle::{Digest, Hash, Resource, ResourceKey, ResourceKind};
use freehold_core::client::{ClientIdentity, Duid};
use freehold_core::command::{
    Command, FieldPatch, NewField, NewReservation, NewScope, NewView, OperatorPatch, PrefixDraft, PrefixPatch,
    ReservationPatch, ScopePatch, ServerPatch, SpacePatch, ViewPatch,
};
use freehold_core::labels::{Fields, Labels, LabelsPatch, Tags};
use freehold_core::lease::LeaseCursor;
use freehold_core::model::{
    Applied, CertificateRecord, Exclusion, FieldType, ForeignSubnet, LabelledKind, LeaseTimes, Management, OwnFinding,
    PrefixKind, PrefixPool, PrefixStatus, RefusedBundle, Rejection, Report, ScopeStatus, SecretHash, ServerKind,
    ViewKind,
};
use freehold_core::name::{
    AgentName, FieldName, OperatorName, PrefixName, ReservationName, ScopeName, ServerName, SpaceName, TokenName,
    ViewName,
};
use freehold_core::net::{AddressRange, Cidr};
use freehold_core::option::{OptionCode, OptionValue, Options};
use freehold_core::review::Check;
use freehold_core::text::Text;
use freehold_core::{Revision, Timestamp};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::net::IpAddr;
use std::str::FromStr;

/// Histories of up to `steps` steps.
pub(crate) fn histories(steps: usize) -> impl Strategy<Value = Vec<Step>> {
    let etag = prop_oneof![
        6 => Just(EtagChoice::Absent), 2 => Just(EtagChoice::Right), 1 => Just(EtagChoice::Wrong)
    ];
    let wait = prop_oneof![
        20 => Just(0i64), 20 => 1i64..60, 4 => Just(500), 2 => Just(3600), 1 => Just(40 * 86_400), 1 => Just(200 * 86_400)
    ];
    let step = (commands(), etag, wait, option::weighted(0.2, 0u8..4));
    vec(step.prop_map(|(command, etag, wait, request)| Step { command, etag, wait, request }), 0..=steps)
}

pub(crate) fn one_of<T: Clone + Debug + FromStr<Err: Debug> + 'static>(
    names: &'static [&'static str],
) -> BoxedStrategy<T> {
    select(names).prop_map(word).boxed()
}

pub(crate) fn spaces() -> BoxedStrategy<SpaceName> {
    one_of(&["spaces/default", "spaces/default", "spaces/default", "spaces/default", "spaces/other", "spaces/third"])
}

fn cidrs() -> BoxedStrategy<Cidr> {
    one_of(&[
        "10.0.0.0/28",
        "10.0.0.0/28",
        "10.0.0.0/28",
        "10.0.0.16/28",
        "10.0.0.16/28",
        "10.0.0.16/28",
        "10.0.0.0/29",
        "10.0.0.8/29",
        "10.0.0.8/31",
        "10.0.0.0/27",
        "10.0.0.0/8",
        "2001:db8::/64",
        "2001:db8::/124",
        "2001:db8:f0:100::/64",
    ])
}

pub(crate) fn scopes() -> BoxedStrategy<ScopeName> {
    one_of(&["scopes/p", "scopes/p", "scopes/q", "scopes/q", "scopes/r", "scopes/s"])
}

fn servers() -> BoxedStrategy<ServerName> {
    one_of(&["servers/a/kea4", "servers/b/kea4", "servers/b/other"])
}

fn agents() -> BoxedStrategy<AgentName> {
    one_of(&["agents/a", "agents/b", "agents/c"])
}

fn tokens() -> BoxedStrategy<TokenName> {
    one_of(&["enrolmentTokens/a", "enrolmentTokens/b", "enrolmentTokens/c"])
}

fn operators() -> BoxedStrategy<OperatorName> {
    one_of(&["operators/alice", "operators/bob"])
}

pub(crate) fn texts() -> BoxedStrategy<Text> {
    select(&["", "x", "y"][..]).prop_map(|text| Text::parse(text).expect("text")).boxed()
}

fn prefix_names() -> BoxedStrategy<PrefixName> {
    (spaces(), cidrs()).prop_map(|(space, cidr)| PrefixName { space, cidr }).boxed()
}

fn kinds() -> BoxedStrategy<PrefixKind> {
    prop_oneof![3 => Just(PrefixKind::Network), 1 => Just(PrefixKind::Container)].boxed()
}

/// Ranges and exclusions, most of them in the 16 addresses from `base`.
fn ranges(base: u8) -> BoxedStrategy<AddressRange> {
    let near = (1u8..14, 0u8..10)
        .prop_map(move |(start, size)| (address(base + start).into(), address(base + (start + size).min(14)).into()));
    let far = (0u8..32, 0u8..10).prop_map(|(start, size)| (address(start).into(), address(start + size).into()));
    let v6 = (0u8..15, 0u8..4).prop_map(|(start, size)| {
        let at = |n: u8| IpAddr::V6((0x2001_0db8_u128 << 96 | u128::from(n)).into());
        (at(start), at(start + size))
    });
    prop_oneof![20 => near, 2 => far, 1 => v6]
        .prop_map(|(start, end)| AddressRange::new(start, end).expect("a range"))
        .boxed()
}

fn exclusions(base: u8) -> BoxedStrategy<Exclusion> {
    (3u8..13, 0u8..3, texts())
        .prop_map(move |(start, size, comment)| Exclusion {
            range: AddressRange::new(address(base + start).into(), address(base + start + size).into())
                .expect("a range"),
            comment,
        })
        .boxed()
}

/// The address that a network's ranges are drawn from.
fn base(network: Cidr) -> u8 {
    match network.network() {
        IpAddr::V4(first) if first.octets()[3] >= 16 => 16,
        _ => 0,
    }
}

fn options() -> BoxedStrategy<Options> {
    vec(0u8..32, 0..2)
        .prop_map(|routers| {
            let mut options = Options::default();
            if !routers.is_empty() {
                let routers = routers.into_iter().map(|n| address(n).into()).collect();
                options.add(OptionCode::ROUTERS, OptionValue::Addresses(routers)).expect("routers");
            }
            options
        })
        .boxed()
}

fn lease_times() -> BoxedStrategy<LeaseTimes> {
    select(&[3600u32, 7200][..]).prop_map(|s| LeaseTimes::new(s, None, None).expect("times")).boxed()
}

fn prefix_pools() -> BoxedStrategy<Vec<PrefixPool>> {
    let pools =
        ["2001:db8:f0::/44 by /56", "2001:db8:f0::/48 by /56", "2001:db8:f0::/48 by /64", "2001:db8:f8::/48 by /56"];
    vec(select(pools.to_vec()).prop_map(word), 0..3).boxed()
}

fn delegated() -> BoxedStrategy<Vec<Cidr>> {
    let prefixes = ["2001:db8:f0:100::/56", "2001:db8:f0::/64", "2001:db8:f8:300::/56", "2001:db8:f0::/52"];
    vec(select(prefixes.to_vec()).prop_map(word), 0..3).boxed()
}

fn statuses() -> BoxedStrategy<ScopeStatus> {
    prop_oneof![3 => Just(ScopeStatus::Active), 1 => Just(ScopeStatus::Inactive)].boxed()
}

pub(crate) fn reservation_names() -> BoxedStrategy<ReservationName> {
    let few = (0u8..10).prop_map(|n| IpAddr::V4(address(n)));
    let more = (0u8..32).prop_map(|n| IpAddr::V4(address(n)));
    let v6 = select(vec!["2001:db8::5", "2001:db8::6"]).prop_map(word);
    prop_oneof![
        20 => (Just(word("scopes/p")), few),
        10 => (scopes(), more),
        3 => (scopes(), v6),
    ]
    .prop_map(|(scope, address)| ReservationName { scope, address })
    .boxed()
}

pub(crate) fn clients() -> BoxedStrategy<ClientIdentity> {
    let hardware = (0u8..3).prop_map(|n| ClientIdentity::Hardware(word(&format!("02:00:00:00:00:0{n}"))));
    let twins = (0u8..3).prop_map(|n| ClientIdentity::ClientId(word(&format!("01:02:00:00:00:00:0{n}"))));
    let duid = Just(ClientIdentity::Duid(Duid::from_bytes(&[0, 3, 0, 1, 2]).expect("a DUID")));
    prop_oneof![4 => hardware, 2 => twins, 1 => duid].boxed()
}

fn foreign() -> BoxedStrategy<Vec<ForeignSubnet>> {
    let one = (cidrs(), select(&[1u32, 2, 1_000_000, 1_000_002][..]))
        .prop_map(|(network, subnet_id)| ForeignSubnet { network, subnet_id });
    prop_oneof![3 => Just(Vec::new()), 2 => vec(one, 1..3)].boxed()
}

fn findings() -> BoxedStrategy<Vec<OwnFinding>> {
    let checks = select(&[Check::HaPair, Check::LeasesNotKept, Check::UndefinedClass][..]);
    let one = (checks, texts()).prop_map(|(check, message)| OwnFinding { check, message });
    prop_oneof![3 => Just(Vec::new()), 1 => vec(one, 1..4)].boxed()
}

fn certificates() -> BoxedStrategy<CertificateRecord> {
    (1u8..6, 1u8..4, select(&[1i64, 30][..])).prop_map(|(serial, key, days)| certificate(serial, key, days)).boxed()
}

fn secrets() -> BoxedStrategy<SecretHash> {
    select(&[1u8, 1, 1, 2][..]).prop_map(|n| SecretHash([n; 32])).boxed()
}

fn roles() -> BoxedStrategy<BTreeSet<Role>> {
    let one = select(&[Role::IpamAdministrator, Role::Viewer][..]);
    proptest::collection::btree_set(one, 0..2).boxed()
}

fn grants() -> BoxedStrategy<BTreeSet<Grant>> {
    let places = [
        "spaces/default",
        "spaces/other",
        "spaces/third",
        "spaces/third/prefixes/10.0.0.0-28",
        "spaces/default/prefixes/10.0.0.0-28",
        "spaces/other/prefixes/10.0.0.0-8",
    ];
    let role = select(&[Role::IpamAdministrator, Role::Viewer][..]);
    let place = select(places.to_vec()).prop_map(word);
    proptest::collection::btree_set((role, place).prop_map(|(role, place)| Grant { role, place }), 0..3).boxed()
}

fn rejections() -> BoxedStrategy<BTreeMap<ResourceKey, Rejection>> {
    let key = prop_oneof![
        scopes().prop_map(|scope| ResourceKey { kind: ResourceKind::Scope, id: scope.id().to_owned() }),
        reservation_names().prop_map(|name| ResourceKey {
            kind: ResourceKind::Reservation,
            id: format!("{}/{}", name.scope.id(), name.address)
        }),
    ];
    let rejection = (0u8..2).prop_map(|n| Rejection {
        hash: Hash([n; 16]),
        field: Text::default(),
        message: "no".to_owned(),
        at: Timestamp(0),
        lacking: (n == 1).then_some(Hash([n; 16])),
        instead: (n == 0).then(|| Resource::new(vec![n])),
    });
    proptest::collection::btree_map(key, rejection, 0..3).boxed()
}

fn new_scopes() -> BoxedStrategy<Command> {
    let what = |network: Cidr| {
        let base = base(network);
        let options = if network.prefix_len() > 32 { Just(Options::default()).boxed() } else { options() };
        let pools = if network.prefix_len() > 32 { prefix_pools() } else { Just(Vec::new()).boxed() };
        (vec(ranges(base), 0..3), vec(exclusions(base), 0..2), pools, options, lease_times(), statuses())
    };
    let where_ = (scopes(), spaces(), option::of(servers()));
    (where_, cidrs().prop_flat_map(move |network| (Just(network), what(network))))
        .prop_map(
            |((name, space, server), (network, (ranges, exclusions, prefix_pools, options, lease_times, status)))| {
                Command::CreateScope(NewScope {
                    ranges,
                    exclusions,
                    prefix_pools,
                    options,
                    lease_times,
                    status,
                    server,
                    ..NewScope::of(name, PrefixName { space, cidr: network })
                })
            },
        )
        .boxed()
}

fn scope_patches() -> BoxedStrategy<ScopePatch> {
    let lists = |base| {
        (
            option::weighted(0.3, vec(ranges(base), 0..3)),
            option::weighted(0.3, vec(exclusions(base), 0..3)),
            option::weighted(0.1, prefix_pools()),
            option::weighted(0.3, options()),
        )
    };
    let rest = (
        option::of(lease_times()),
        option::weighted(0.3, statuses()),
        option::weighted(0.3, option::of(servers())),
        option::of(texts()),
    );
    (select(&[0u8, 16][..]).prop_flat_map(lists), rest)
        .prop_map(|((ranges, exclusions, prefix_pools, options), (lease_times, status, server, description))| {
            ScopePatch {
                ranges,
                exclusions,
                prefix_pools,
                options,
                lease_times,
                link: None,
                status,
                server,
                description,
                labels: LabelsPatch::default(),
            }
        })
        .boxed()
}

fn field_names() -> BoxedStrategy<FieldName> {
    one_of(&["fieldDefinitions/site", "fieldDefinitions/site", "fieldDefinitions/size"])
}

fn values() -> BoxedStrategy<Fields> {
    let value = select(&["7", "007", "high", "low"][..]).prop_map(|text| Text::parse(text).expect("text"));
    proptest::collection::btree_map(field_names(), value, 0..2).boxed()
}

fn tags() -> BoxedStrategy<Tags> {
    proptest::collection::btree_set(one_of(&["voice", "core"]), 0..2).boxed()
}

pub(crate) fn labels() -> BoxedStrategy<Labels> {
    (tags(), values()).prop_map(|(tags, fields)| Labels::new(tags, fields)).boxed()
}

pub(crate) fn label_patches() -> BoxedStrategy<LabelsPatch> {
    (option::weighted(0.3, tags()), option::weighted(0.3, values()))
        .prop_map(|(tags, fields)| LabelsPatch { tags, fields })
        .boxed()
}

fn field_types() -> BoxedStrategy<FieldType> {
    select(&[FieldType::Text, FieldType::Number, FieldType::Number, FieldType::Bool][..]).boxed()
}

fn kinds_of_labelled() -> BoxedStrategy<BTreeSet<LabelledKind>> {
    let some = proptest::collection::btree_set(select(&LabelledKind::ALL[..]), 1..4);
    prop_oneof![Just(LabelledKind::ALL.into()), some].boxed()
}

fn view_names() -> BoxedStrategy<ViewName> {
    one_of(&["views/a", "views/b"])
}

fn view_filters() -> BoxedStrategy<String> {
    select(&["kind = network", "tags : voice", "fields.size = 7", "status = active", "", "(kind"][..])
        .prop_map(str::to_owned)
        .boxed()
}

fn view_commands() -> BoxedStrategy<Command> {
    let kinds = select(&[ViewKind::Prefixes, ViewKind::Scopes, ViewKind::Addresses, ViewKind::Reservations][..]);
    prop_oneof![
        4 => (view_names(), kinds, view_filters(), texts()).prop_map(|(name, kind, filter, title)| {
            Command::CreateView(NewView { name, title, description: Text::default(), kind, filter })
        }),
        2 => (view_names(), option::of(view_filters()), option::of(texts())).prop_map(|(name, filter, title)| {
            let patch = ViewPatch { title, filter, ..ViewPatch::default() };
            Command::UpdateView { name, etag: None, patch }
        }),
        1 => view_names().prop_map(|name| Command::DeleteView { name, etag: None }),
    ]
    .boxed()
}

fn field_commands() -> BoxedStrategy<Command> {
    let required = proptest::bool::weighted(0.1);
    prop_oneof![
        4 => (field_names(), field_types(), kinds_of_labelled(), any::<bool>(), required).prop_map(
            |(name, value_type, applies_to, inherited, required)| Command::CreateField(NewField {
                name,
                title: Text::default(),
                description: Text::default(),
                value_type,
                allowed: Vec::new(),
                required,
                applies_to,
                inherited,
            })
        ),
        2 => (field_names(), option::of(field_types()), option::of(kinds_of_labelled()), option::of(Just(false))).prop_map(
            |(name, value_type, applies_to, required)| Command::UpdateField {
                name,
                etag: None,
                patch: FieldPatch { value_type, applies_to, required, ..FieldPatch::default() }
            }
        ),
        2 => field_names().prop_map(|name| Command::DeleteField { name, etag: None }),
        3 => (reservation_names(), label_patches()).prop_map(|(name, labels)| Command::UpdateReservation {
            name,
            etag: None,
            patch: ReservationPatch { labels, ..ReservationPatch::default() }
        }),
        3 => (scopes(), label_patches()).prop_map(|(name, labels)| Command::UpdateScope {
            name,
            etag: None,
            patch: ScopePatch { labels, ..ScopePatch::default() }
        }),
        1 => (spaces(), label_patches()).prop_map(|(name, labels)| Command::UpdateSpace {
            name,
            etag: None,
            patch: SpacePatch { labels, ..SpacePatch::default() }
        }),
    ]
    .boxed()
}

fn containers() -> BoxedStrategy<Cidr> {
    one_of(&["10.0.0.0/8", "10.0.0.0/27", "10.0.0.16/28", "10.0.0.0/28"])
}

fn arithmetic() -> BoxedStrategy<Command> {
    const PIECES: &[&[&str]] = &[
        &["10.0.0.0/29", "10.0.0.8/29"],
        &["10.0.0.0/29", "10.0.0.8/29"],
        &["10.0.0.0/28", "10.0.0.16/28"],
        &["10.0.0.16/28", "10.0.0.0/29", "10.0.0.8/29"],
        &["10.0.0.0/28", "10.0.0.8/29"],
    ];
    let pieces = select(PIECES);
    let statuses = select(&[PrefixStatus::Active, PrefixStatus::Planned][..]);
    let join = (spaces(), pieces).prop_map(|(space, pieces)| {
        let piece = |cidr: &&str| (PrefixName { space: space.clone(), cidr: word(cidr) }, None);
        Command::JoinPrefixes { pieces: pieces.iter().map(piece).collect() }
    });
    prop_oneof![
        2 => (spaces(), containers()).prop_map(|(space, cidr)| Command::CreatePrefix {
            name: PrefixName { space, cidr },
            draft: PrefixDraft::of(PrefixKind::Container),
        }),
        4 => ((one_of(&["spaces/other", "spaces/default"]), containers()), 26u8..=32, 1u32..4, kinds(), statuses).prop_map(
            |((space, cidr), length, count, kind, status)| {
                let draft = PrefixDraft { status, ..PrefixDraft::of(kind) };
                Command::CarvePrefixes { parent: PrefixName { space, cidr }, length, count, draft }
            }
        ),
        3 => (prefix_names(), 27u8..=31, any::<bool>()).prop_map(|(name, length, remove_original)| {
            Command::SplitPrefix { name, etag: None, length, remove_original }
        }),
        3 => join,
        3 => (prefix_names(), cidrs()).prop_map(|(name, cidr)| Command::ResizePrefix { name, etag: None, cidr }),
    ]
    .boxed()
}

fn plan_commands() -> BoxedStrategy<Command> {
    prop_oneof![
        12 => single_plan_commands(),
        1 => vec(prop_oneof![3 => single_plan_commands(), 2 => addresses::commands()], 1..5).prop_map(Command::Together),
    ]
    .boxed()
}

fn single_plan_commands() -> BoxedStrategy<Command> {
    prop_oneof![
        2 => (spaces(), texts(), texts()).prop_map(|(name, title, description)| {
            Command::CreateSpace { name, title, description, labels: Labels::NONE }
        }),
        1 => (spaces(), option::of(texts()), option::of(texts())).prop_map(|(name, title, description)| {
            Command::UpdateSpace { name, etag: None, patch: SpacePatch { title, description, labels: LabelsPatch::default() } }
        }),
        3 => spaces().prop_map(|name| Command::DeleteSpace { name, etag: None }),
        6 => (prefix_names(), kinds(), texts(), texts()).prop_map(|(name, kind, title, description)| {
            Command::CreatePrefix { name, draft: PrefixDraft { title, description, ..PrefixDraft::of(kind) } }
        }),
        3 => (prefix_names(), labels()).prop_map(|(name, labels)| {
            let draft = PrefixDraft { labels, ..PrefixDraft::of(PrefixKind::Network) };
            Command::CreatePrefix { name, draft }
        }),
        2 => (prefix_names(), option::of(kinds()), option::of(texts()), label_patches()).prop_map(
            |(name, kind, title, labels)| {
                let patch = PrefixPatch { kind, title, labels, ..PrefixPatch::default() };
                Command::UpdatePrefix { name, etag: None, patch }
            }
        ),
        6 => arithmetic(),
        9 => field_commands(),
        2 => view_commands(),
        1 => prefix_names().prop_map(|name| Command::DeletePrefix { name, etag: None }),
        25 => new_scopes(),
        14 => (scopes(), scope_patches())
            .prop_map(|(name, patch)| Command::UpdateScope { name, etag: None, patch }),
        1 => (scopes(), any::<bool>()).prop_map(|(name, force)| Command::DeleteScope { name, etag: None, force }),
        25 => (reservation_names(), clients(), delegated(), texts()).prop_map(|(name, client, prefixes, description)| {
            let prefixes = if name.address.is_ipv6() { prefixes } else { Vec::new() };
            Command::CreateReservation(NewReservation { prefixes, description, ..NewReservation::of(name, client) })
        }),
        10 => (reservation_names(), option::of(clients()), option::weighted(0.2, delegated()), option::of(texts())).prop_map(
            |(name, client, prefixes, description)| Command::UpdateReservation {
                name,
                etag: None,
                patch: ReservationPatch { client, prefixes, description, ..ReservationPatch::default() }
            }
        ),
        4 => reservation_names().prop_map(|name| Command::DeleteReservation { name, etag: None }),
    ]
    .boxed()
}

fn host_commands() -> BoxedStrategy<Command> {
    let management = select(&[Management::Managed, Management::Unmanaged][..]);
    prop_oneof![
        4 => (servers(), foreign(), texts(), findings()).prop_map(|(name, foreign_subnets, version, findings)| {
            let report = Report { version, foreign_subnets, findings, ..Report::of(ServerKind::KeaDhcp4) };
            Command::ReportServer { name, report }
        }),
        4 => (servers(), option::of(management), option::of(texts()), option::of(select(&[None, Some(5), Some(60)][..])))
            .prop_map(|(name, management, description, confirm_seconds)| {
            Command::UpdateServer { name, etag: None, patch: ServerPatch { management, description, confirm_seconds } }
        }),
        1 => servers().prop_map(|name| Command::DeleteServer { name, etag: None }),
        2 => (servers(), 0u8..3).prop_map(|(server, n)| Command::RecordApplied {
            server,
            applied: Applied {
                revision: Revision(n.into()),
                digest: Digest([n; 32]),
                at: Timestamp(0),
                took_ms: 1,
                barrier: (n > 0).then_some(LeaseCursor { epoch: [n; 16], next_seq: n.into() }),
            }
        }),
        1 => (servers(), 0u64..40).prop_map(|(server, up_to)| Command::ForgetLeft { server, up_to: Revision(up_to) }),
        2 => (servers(), rejections(), option::of(0u8..2)).prop_map(|(server, rejections, n)| Command::RecordRejected {
            server,
            rejections,
            error: "no".to_owned(),
            bundle: n.map(|n| RefusedBundle {
                digest: Digest([n; 32]),
                edition: Hash([n; 16]),
                message: "no".to_owned(),
                at: Timestamp(0),
            }),
        }),
        1 => servers().prop_map(|server| Command::NoteDecision { server, what: "let it go".to_owned() }),
        1 => (servers(), option::of(0u8..2)).prop_map(|(server, n)| Command::LiftRefusals {
            server,
            edition: n.map(|n| Hash([n; 16])),
        }),
        4 => (tokens(), agents(), secrets(), select(&[-1i64, 3600, 3600, 86_400, 8 * 86_400][..])).prop_map(
            |(name, agent, secret, seconds)| Command::CreateToken {
                name,
                agent,
                secret,
                expires: Timestamp(seconds * 1000)
            }
        ),
        1 => tokens().prop_map(|name| Command::DeleteToken { name }),
        6 => (tokens(), secrets(), 1u8..4, certificates()).prop_map(|(token, secret, id, certificate)| {
            Command::EnrolAgent { token, secret, id: [id; 16], certificate }
        }),
        2 => (tokens(), secrets()).prop_map(|(token, secret)| Command::CountWrongSecret { token, secret }),
        4 => (agents(), 1u8..6, certificates()).prop_map(|(name, shown, certificate)| Command::RenewAgent {
            name,
            shown: format!("{shown:02x}"),
            certificate
        }),
        3 => (agents(), select(&[0u64, 0, 5, 5, u64::MAX][..]))
            .prop_map(|(agent, seen)| Command::OpenSession { agent, seen }),
        1 => agents().prop_map(|name| Command::RevokeAgent { name, etag: None }),
        3 => agents().prop_map(|name| Command::DeleteAgent { name, etag: None }),
    ]
    .boxed()
}

fn operator_commands() -> BoxedStrategy<Command> {
    prop_oneof![
        (operators(), roles(), grants(), option::of(certificates())).prop_map(|(name, roles, grants, certificate)| {
            Command::CreateOperator { name, roles, grants, certificate }
        }),
        (operators(), option::of(roles()), option::of(grants()), option::of(any::<bool>())).prop_map(
            |(name, roles, grants, disabled)| {
                Command::UpdateOperator { name, etag: None, patch: OperatorPatch { roles, grants, disabled } }
            }
        ),
        (operators(), certificates())
            .prop_map(|(name, certificate)| Command::AddOperatorCertificate { name, certificate }),
        (operators(), 1u8..6)
            .prop_map(|(name, serial)| Command::RevokeOperatorCertificate { name, serial: format!("{serial:02x}") }),
        operators().prop_map(|name| Command::DeleteOperator { name, etag: None }),
    ]
    .boxed()
}

fn commands() -> BoxedStrategy<Command> {
    prop_oneof![12 => plan_commands(), 8 => addresses::commands(), 5 => host_commands(), 1 => operator_commands()]
        .boxed()
}
