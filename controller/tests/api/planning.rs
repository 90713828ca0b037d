//! The plan as a tree, prefixes made out of prefixes, and labels, over the API.

use crate::house::*;
use crate::whole::{answer, refused};
use freehold_proto::v1::field_definition::{Kind, ValueType};
use freehold_proto::v1::field_definition_service_client::FieldDefinitionServiceClient;
use freehold_proto::v1::plan_service_client::PlanServiceClient;
use freehold_proto::v1::*;
use std::collections::BTreeSet;
use tonic::Code;
use tonic::transport::Channel;
use tonic_types::StatusExt;

const TEN: &str = "spaces/default/prefixes/10.0.0.0-8";

fn plan(house: &House) -> PlanServiceClient<Channel> {
    PlanServiceClient::new(house.api.clone())
}

fn fields(house: &House) -> FieldDefinitionServiceClient<Channel> {
    FieldDefinitionServiceClient::new(house.api.clone())
}

fn carve(length: i32, count: i32, request_id: &str) -> CarvePrefixesRequest {
    CarvePrefixesRequest {
        parent: TEN.to_owned(),
        length,
        count,
        prefix: Some(Prefix { kind: prefix::Kind::Network.into(), ..Prefix::default() }),
        request_id: request_id.to_owned(),
        validate_only: false,
    }
}

fn cidrs(prefixes: &[Prefix]) -> Vec<&str> {
    prefixes.iter().map(|prefix| prefix.cidr.as_str()).collect()
}

/// What changes say, a word and a name each.
fn told(changes: &[ResourceChange]) -> Vec<String> {
    let word = |change: &ResourceChange| match (&change.before, &change.after) {
        (None, _) => "made",
        (_, None) => "gone",
        _ => "changed",
    };
    changes.iter().map(|change| format!("{} {}", word(change), change.resource)).collect()
}

#[tokio::test]
async fn no_two_callers_carve_the_same() {
    let house = House::furnished().await;
    let calls = (0..16).map(|n| {
        let mut plan = plan(&house);
        async move { plan.carve_prefixes(carve(24, 4, &format!("call-{n}"))).await.expect("carved").into_inner() }
    });
    let made = futures_util::future::join_all(calls).await;
    let all: Vec<_> = made.iter().flat_map(|made| cidrs(&made.prefixes)).collect();
    assert_eq!((all.len(), all.iter().collect::<BTreeSet<_>>().len()), (64, 64));
    let ten = house.prefixes().get_prefix(GetPrefixRequest { name: TEN.to_owned() }).await.expect("there").into_inner();
    assert_eq!(ten.child_count, 66);
}

#[tokio::test]
async fn a_repeated_carving_gives_the_same_also_after_a_restart() {
    let mut house = House::furnished().await;
    let would = CarvePrefixesRequest { validate_only: true, ..carve(24, 2, "one") };
    let would = plan(&house).carve_prefixes(would).await.expect("allowed").into_inner();
    let before = house.revision().await;
    let first = plan(&house).carve_prefixes(carve(24, 2, "one")).await.expect("carved").into_inner();
    assert_eq!((cidrs(&first.prefixes), told(&first.changes)), (cidrs(&would.prefixes), told(&would.changes)));
    assert_eq!(cidrs(&first.prefixes), ["10.0.0.0/24", "10.0.1.0/24"]);
    for _ in 0..2 {
        let again = plan(&house).carve_prefixes(carve(24, 2, "one")).await.expect("the same").into_inner();
        assert_eq!(again, first);
        house.restart().await;
    }
    assert_eq!(house.revision().await, before + 1, "one entry for all");
    let find = FindFreeSubnetsRequest { parent: TEN.to_owned(), length: 24, count: 2 };
    let free = plan(&house).find_free_subnets(find).await.expect("found").into_inner();
    assert_eq!(free.cidrs, ["10.0.2.0/24", "10.0.3.0/24"]);
}

#[tokio::test]
async fn a_network_is_resized_split_and_joined_with_its_scope() {
    let house = House::furnished().await;
    let scope = async || {
        let get = GetScopeRequest { name: "scopes/yard".to_owned() };
        house.scopes().get_scope(get).await.expect("there").into_inner()
    };
    let first = scope().await;
    let resize = |name: &str, cidr: &str| ResizePrefixRequest {
        name: name.to_owned(),
        cidr: cidr.to_owned(),
        ..ResizePrefixRequest::default()
    };
    let grown = plan(&house).resize_prefix(resize(YARD, "10.1.0.0/22")).await.expect("room").into_inner();
    let wide = "spaces/default/prefixes/10.1.0.0-22";
    assert_eq!(
        told(&grown.changes),
        [format!("made {wide}"), format!("gone {YARD}"), "changed scopes/yard".to_owned()]
    );
    assert_eq!(grown.prefix.map(|prefix| prefix.made_from), Some(vec![YARD.to_owned()]));
    assert_eq!((scope().await.network.as_str(), scope().await.subnet_id), (wide, first.subnet_id));

    let split = |length: i32| SplitPrefixRequest { name: wide.to_owned(), length, ..SplitPrefixRequest::default() };
    let status = plan(&house).split_prefix(split(26)).await.expect_err("the range is longer");
    assert_eq!(answer(&status), refused(Code::FailedPrecondition, "DOES_NOT_FIT"));
    let violations = status.get_details_precondition_failure().expect("each is named").violations;
    assert!(violations.iter().any(|violation| violation.subject == "scopes/yard"), "{violations:?}");
    let parts = plan(&house).split_prefix(split(24)).await.expect("fits").into_inner();
    assert_eq!(cidrs(&parts.prefixes), ["10.1.0.0/24", "10.1.1.0/24", "10.1.2.0/24", "10.1.3.0/24"]);
    assert_eq!((scope().await.network.as_str(), scope().await.subnet_id), (YARD, first.subnet_id));

    let prefixes = parts.prefixes.iter().map(|part| JoinedPrefix { name: part.name.clone(), etag: part.etag.clone() });
    let join = JoinPrefixesRequest { prefixes: prefixes.collect(), ..JoinPrefixesRequest::default() };
    let stale = JoinedPrefix { etag: "1".to_owned(), ..join.prefixes[1].clone() };
    let stale = JoinPrefixesRequest { prefixes: vec![join.prefixes[0].clone(), stale], ..join.clone() };
    let status = plan(&house).join_prefixes(stale).await.expect_err("somebody was faster");
    assert_eq!(answer(&status), refused(Code::Aborted, "ETAG_MISMATCH"));
    let joined = plan(&house).join_prefixes(join).await.expect("siblings").into_inner();
    assert_eq!(
        joined.prefix.map(|prefix| (prefix.name, prefix.kind)),
        Some((wide.to_owned(), prefix::Kind::Network.into()))
    );

    let back = plan(&house).resize_prefix(resize(wide, "10.1.0.0/24")).await.expect("all fits").into_inner();
    assert_eq!(back.prefix.map(|prefix| prefix.name), Some(YARD.to_owned()));
    let last = scope().await;
    assert_eq!((last.network, last.ranges, last.subnet_id), (first.network, first.ranges, first.subnet_id));
}

#[tokio::test]
async fn a_tree_comes_in_pages() {
    let house = House::furnished().await;
    house.prefix("10.1.0.0/16", prefix::Kind::Container).await;
    house.prefix("10.1.7.0/24", prefix::Kind::Network).await;
    let page = |depth: i32, page_token: String| ListPrefixTreeRequest {
        parent: DEFAULT.to_owned(),
        depth,
        page_size: 2,
        page_token,
    };
    let whole = async |depth: i32| {
        let (mut rows, mut token) = (Vec::new(), String::new());
        loop {
            let got = plan(&house).list_prefix_tree(page(depth, token)).await.expect("a page").into_inner();
            rows.extend(got.rows.into_iter().map(|row| {
                let prefix = row.prefix.expect("a prefix");
                (row.depth, prefix.cidr, prefix.child_count)
            }));
            token = got.next_page_token;
            if token.is_empty() {
                break rows;
            }
        }
    };
    let row = |depth, cidr: &str, children| (depth, cidr.to_owned(), children);
    assert_eq!(whole(0).await, [row(1, "10.0.0.0/8", 2)]);
    assert_eq!(whole(2).await, [row(1, "10.0.0.0/8", 2), row(2, "10.1.0.0/16", 2), row(2, "10.2.0.0/24", 0)]);
    assert_eq!(
        whole(3).await,
        [
            row(1, "10.0.0.0/8", 2),
            row(2, "10.1.0.0/16", 2),
            row(3, "10.1.0.0/24", 0),
            row(3, "10.1.7.0/24", 0),
            row(2, "10.2.0.0/24", 0)
        ]
    );
}

#[tokio::test]
async fn labels_are_defined_put_on_inherited_and_kept_over_a_restart() {
    let mut house = House::furnished().await;
    let site = FieldDefinition {
        value_type: ValueType::Text.into(),
        applies_to: vec![Kind::Prefix.into()],
        inherited: true,
        ..FieldDefinition::default()
    };
    let create = CreateFieldDefinitionRequest {
        field_definition_id: "site".to_owned(),
        field_definition: Some(site),
        request_id: "define".to_owned(),
        validate_only: false,
    };
    let made = fields(&house).create_field_definition(create.clone()).await.expect("defined").into_inner();
    assert_eq!(fields(&house).create_field_definition(create).await.expect("already").into_inner(), made);
    let label = UpdatePrefixRequest {
        prefix: Some(Prefix {
            name: TEN.to_owned(),
            tags: vec!["core".to_owned(), "core".to_owned()],
            fields: [("site".to_owned(), "rome".to_owned())].into(),
            status: prefix::Status::Planned.into(),
            ..Prefix::default()
        }),
        ..UpdatePrefixRequest::default()
    };
    house.prefixes().update_prefix(label).await.expect("labelled");
    let tagged = Scope { name: "scopes/yard".to_owned(), tags: vec!["voice".to_owned()], ..Scope::default() };
    let tagged = UpdateScopeRequest { scope: Some(tagged), ..UpdateScopeRequest::default() };
    let scope = house.scopes().update_scope(tagged).await.expect("labelled").into_inner();
    house.restart().await;
    let again =
        house.scopes().get_scope(GetScopeRequest { name: scope.name.clone() }).await.expect("there").into_inner();
    assert_eq!((&again.tags, &again.effective_tags), (&scope.tags, &scope.effective_tags));
    let from = |tag: &str, source: &str| EffectiveTag { tag: tag.to_owned(), source: source.to_owned() };
    assert_eq!(again.effective_tags, [from("core", TEN), from("voice", "scopes/yard")]);
    let held = EffectiveField { id: "site".to_owned(), value: "rome".to_owned(), source: TEN.to_owned() };
    assert_eq!(again.effective_fields, [held]);
    let ten = house.prefixes().get_prefix(GetPrefixRequest { name: TEN.to_owned() }).await.expect("there").into_inner();
    assert_eq!((ten.tags, ten.status), (vec!["core".to_owned()], prefix::Status::Planned.into()));

    let delete = DeleteFieldDefinitionRequest { name: made.name.clone(), ..DeleteFieldDefinitionRequest::default() };
    let status = fields(&house).delete_field_definition(delete.clone()).await.expect_err("in use");
    assert_eq!(answer(&status), refused(Code::FailedPrecondition, "IN_USE"));
    let list = fields(&house).list_field_definitions(ListFieldDefinitionsRequest::default()).await.expect("listed");
    assert_eq!(list.into_inner().field_definitions.iter().map(|field| field.use_count).collect::<Vec<_>>(), [1]);
    let without = UpdatePrefixRequest {
        prefix: Some(Prefix { name: TEN.to_owned(), ..Prefix::default() }),
        update_mask: Some(prost_types::FieldMask { paths: vec!["fields".to_owned()] }),
        ..UpdatePrefixRequest::default()
    };
    house.prefixes().update_prefix(without).await.expect("emptied");
    fields(&house).delete_field_definition(delete).await.expect("deleted");
}

#[tokio::test]
async fn prefixes_are_filtered_by_what_holds_for_them() {
    let house = House::furnished().await;
    for (id, value_type) in [("site", ValueType::Text), ("vlan", ValueType::Number)] {
        let definition = FieldDefinition {
            value_type: value_type.into(),
            applies_to: vec![Kind::Prefix.into()],
            inherited: true,
            ..FieldDefinition::default()
        };
        let create = CreateFieldDefinitionRequest {
            field_definition_id: id.to_owned(),
            field_definition: Some(definition),
            ..CreateFieldDefinitionRequest::default()
        };
        fields(&house).create_field_definition(create).await.expect("defined");
    }
    let label = async |name: &str, tag: &str, id: &str, value: &str| {
        let prefix = Prefix {
            name: name.to_owned(),
            tags: vec![tag.to_owned()],
            fields: [(id.to_owned(), value.to_owned())].into(),
            ..Prefix::default()
        };
        let update = UpdatePrefixRequest { prefix: Some(prefix), ..UpdatePrefixRequest::default() };
        house.prefixes().update_prefix(update).await.expect("labelled");
    };
    label(TEN, "core", "site", "rome").await;
    label(YARD, "voice", "vlan", "9").await;
    label(FREE, "data", "vlan", "10").await;
    let list = async |filter: &str| {
        let list = ListPrefixesRequest {
            parent: DEFAULT.to_owned(),
            filter: filter.to_owned(),
            ..ListPrefixesRequest::default()
        };
        let page = house.prefixes().list_prefixes(list).await.map(tonic::Response::into_inner);
        page.map(|page| page.prefixes.into_iter().map(|prefix| prefix.cidr).collect::<Vec<_>>())
    };
    for (filter, wanted) in [
        ("kind = network fields.site = rome", &["10.1.0.0/24", "10.2.0.0/24"][..]),
        ("tags : voice", &["10.1.0.0/24"]),
        ("tags : core -tags : voice", &["10.0.0.0/8", "10.2.0.0/24"]),
        ("fields.vlan > 9", &["10.2.0.0/24"]),
        ("cidr <= 10.1.0.0/16 OR cidr = 10.2.0.0/24", &["10.1.0.0/24", "10.2.0.0/24"]),
        ("status = planned", &[]),
    ] {
        assert_eq!(list(filter).await.expect(filter), wanted, "{filter}");
    }
    for wrong in ["kind = net", "titel = x", "(kind = network"] {
        let status = list(wrong).await.expect_err(wrong);
        assert_eq!(answer(&status), refused(Code::InvalidArgument, "INVALID_FILTER"), "{wrong}: {status}");
        assert!(status.message().starts_with("column "), "{}", status.message());
    }
}
