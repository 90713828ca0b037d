//! Labels, definitions of custom fields, and prefixes made out of prefixes, that do not fit.

use super::{Case, case};
use crate::house::*;
use freehold_proto::v1::field_definition::{Kind, ValueType};
use freehold_proto::v1::*;
use tonic::Code::{self, Aborted, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted};

type Told = (Code, &'static str, &'static str);

const TEN: &str = "spaces/default/prefixes/10.0.0.0-8";
const CREATE_PREFIX: &str = "/freehold.v1.PrefixService/CreatePrefix";
const DEFINE: &str = "/freehold.v1.FieldDefinitionService/CreateFieldDefinition";
const REDEFINE: &str = "/freehold.v1.FieldDefinitionService/UpdateFieldDefinition";
const TREE: &str = "/freehold.v1.PlanService/ListPrefixTree";
const FIND: &str = "/freehold.v1.PlanService/FindFreeSubnets";
const CARVE: &str = "/freehold.v1.PlanService/CarvePrefixes";
const SPLIT: &str = "/freehold.v1.PlanService/SplitPrefix";
const JOIN: &str = "/freehold.v1.PlanService/JoinPrefixes";
const RESIZE: &str = "/freehold.v1.PlanService/ResizePrefix";

pub(super) fn cases() -> Vec<Case> {
    [labels(), definitions(), reads(), carving(), splitting(), joining(), resizing()].into_iter().flatten().collect()
}

fn labels() -> Vec<Case> {
    let new = |what: &str, change: fn(&mut Prefix), told: Told| {
        let mut request = create_prefix("10.3.0.0/24", prefix::Kind::Network);
        change(request.prefix.as_mut().expect("set"));
        case(what, CREATE_PREFIX, request, told)
    };
    vec![
        new(
            "a tag with a value",
            |p| p.tags = vec!["a".into(), "site=x".into()],
            (InvalidArgument, "INVALID_TAG", "prefix.tags[1]"),
        ),
        new(
            "too many tags",
            |p| p.tags = (0..33).map(|n| n.to_string()).collect(),
            (InvalidArgument, "TOO_MANY", "prefix.tags"),
        ),
        new(
            "a field that there is not",
            |p| p.fields = [("none".into(), "x".into())].into(),
            (NotFound, "FIELD_DEFINITION_NOT_FOUND", "prefix.fields.none"),
        ),
        new(
            "a field with a bad name",
            |p| p.fields = [("a b".into(), "x".into())].into(),
            (InvalidArgument, "INVALID_NAME", "prefix.fields"),
        ),
        new(
            "a value with a control character",
            |p| p.fields = [("none".into(), "x\n".into())].into(),
            (InvalidArgument, "INVALID_TEXT", "prefix.fields.none"),
        ),
        new("a status that there is not", |p| p.status = 9, (InvalidArgument, "INVALID_VALUE", "prefix.status")),
    ]
}

fn definition() -> FieldDefinition {
    FieldDefinition {
        value_type: ValueType::Text.into(),
        applies_to: vec![Kind::Prefix.into()],
        ..FieldDefinition::default()
    }
}

fn definitions() -> Vec<Case> {
    let define = |id: &str, field: FieldDefinition| CreateFieldDefinitionRequest {
        field_definition_id: id.to_owned(),
        field_definition: Some(field),
        ..CreateFieldDefinitionRequest::default()
    };
    let new = |what: &str, change: fn(&mut FieldDefinition), told: Told| {
        let mut field = definition();
        change(&mut field);
        case(what, DEFINE, define("site", field), told)
    };
    let other = FieldDefinition { name: "fieldDefinitions/none".to_owned(), ..definition() };
    let redefine = UpdateFieldDefinitionRequest { field_definition: Some(other), ..Default::default() };
    vec![
        case("a bad id", DEFINE, define("A b", definition()), (InvalidArgument, "INVALID_NAME", "field_definition_id")),
        case(
            "nothing",
            DEFINE,
            CreateFieldDefinitionRequest { field_definition_id: "site".to_owned(), ..Default::default() },
            (InvalidArgument, "FIELD_REQUIRED", "field_definition"),
        ),
        new("no type", |f| f.value_type = 0, (InvalidArgument, "FIELD_REQUIRED", "field_definition.value_type")),
        new("no such type", |f| f.value_type = 99, (InvalidArgument, "INVALID_VALUE", "field_definition.value_type")),
        new(
            "for nothing",
            |f| f.applies_to.clear(),
            (InvalidArgument, "FIELD_REQUIRED", "field_definition.applies_to"),
        ),
        new(
            "for what there is not",
            |f| f.applies_to = vec![9],
            (InvalidArgument, "INVALID_VALUE", "field_definition.applies_to[0]"),
        ),
        new(
            "an enum without values",
            |f| f.value_type = ValueType::Enum.into(),
            (InvalidArgument, "FIELD_REQUIRED", "field_definition.allowed_values"),
        ),
        new(
            "too many values",
            |f| f.allowed_values = vec!["x".to_owned(); 257],
            (InvalidArgument, "TOO_MANY", "field_definition.allowed_values"),
        ),
        case(
            "one that there is not",
            REDEFINE,
            redefine,
            (NotFound, "FIELD_DEFINITION_NOT_FOUND", "field_definition.name"),
        ),
    ]
}

fn reads() -> Vec<Case> {
    let tree = |parent: &str, depth| ListPrefixTreeRequest { parent: parent.to_owned(), depth, ..Default::default() };
    let find = |parent: &str, length, count| FindFreeSubnetsRequest { parent: parent.to_owned(), length, count };
    vec![
        case("a tree of nothing", TREE, tree("", 1), (InvalidArgument, "INVALID_NAME", "parent")),
        case("a tree of no space", TREE, tree("spaces/other", 1), (NotFound, "SPACE_NOT_FOUND", "parent")),
        case(
            "a tree of no prefix",
            TREE,
            tree("spaces/default/prefixes/10.9.0.0-16", 1),
            (NotFound, "PREFIX_NOT_FOUND", "parent"),
        ),
        case("a tree too deep", TREE, tree(DEFAULT, 129), (InvalidArgument, "INVALID_VALUE", "depth")),
        case("a tree downwards", TREE, tree(DEFAULT, -1), (InvalidArgument, "INVALID_VALUE", "depth")),
        case("free in a network", FIND, find(YARD, 25, 1), (FailedPrecondition, "NOT_A_CONTAINER", "parent")),
        case("free of no length", FIND, find(TEN, 0, 1), (InvalidArgument, "INVALID_LENGTH", "length")),
        case("free of every length", FIND, find(TEN, 999, 1), (InvalidArgument, "INVALID_LENGTH", "length")),
        case("too many", FIND, find(TEN, 24, 1025), (InvalidArgument, "TOO_MANY", "count")),
        case("fewer than none", FIND, find(TEN, 24, -1), (InvalidArgument, "TOO_MANY", "count")),
    ]
}

fn carving() -> Vec<Case> {
    let carve = |parent: &str, length, count| CarvePrefixesRequest {
        parent: parent.to_owned(),
        length,
        count,
        prefix: Some(Prefix { kind: prefix::Kind::Network.into(), ..Prefix::default() }),
        ..CarvePrefixesRequest::default()
    };
    let named = Prefix { cidr: "10.3.0.0/24".to_owned(), kind: prefix::Kind::Network.into(), ..Prefix::default() };
    vec![
        case(
            "no prefix",
            CARVE,
            CarvePrefixesRequest { prefix: None, ..carve(TEN, 24, 1) },
            (InvalidArgument, "FIELD_REQUIRED", "prefix"),
        ),
        case(
            "no kind",
            CARVE,
            CarvePrefixesRequest { prefix: Some(Prefix::default()), ..carve(TEN, 24, 1) },
            (InvalidArgument, "FIELD_REQUIRED", "prefix.kind"),
        ),
        case(
            "a CIDR of the caller's choice",
            CARVE,
            CarvePrefixesRequest { prefix: Some(named), ..carve(TEN, 24, 1) },
            (InvalidArgument, "INVALID_VALUE", "prefix.cidr"),
        ),
        case("out of a network", CARVE, carve(YARD, 25, 1), (FailedPrecondition, "NOT_A_CONTAINER", "parent")),
        case("as long as the container", CARVE, carve(TEN, 8, 1), (InvalidArgument, "INVALID_LENGTH", "length")),
        case("more than are free", CARVE, carve(TEN, 9, 2), (ResourceExhausted, "NO_FREE_SUBNET", "length")),
        case("out of nothing", CARVE, carve("10.0.0.0/8", 24, 1), (InvalidArgument, "INVALID_NAME", "parent")),
    ]
}

fn splitting() -> Vec<Case> {
    let split = |name: &str, length| SplitPrefixRequest { name: name.to_owned(), length, ..Default::default() };
    let stale = SplitPrefixRequest { etag: "1".to_owned(), ..split(YARD, 25) };
    vec![
        case("no prefix", SPLIT, split("", 25), (InvalidArgument, "INVALID_NAME", "name")),
        case(
            "a prefix that there is not",
            SPLIT,
            split("spaces/default/prefixes/10.9.0.0-24", 25),
            (NotFound, "PREFIX_NOT_FOUND", "name"),
        ),
        case("a stale etag", SPLIT, stale, (Aborted, "ETAG_MISMATCH", "etag")),
        case("into one", SPLIT, split(YARD, 24), (InvalidArgument, "INVALID_LENGTH", "length")),
        case("into too many", SPLIT, split(TEN, 32), (InvalidArgument, "TOO_MANY", "length")),
        case("through its range", SPLIT, split(YARD, 25), (FailedPrecondition, "DOES_NOT_FIT", "length")),
    ]
}

fn joining() -> Vec<Case> {
    let join = |names: &[&str]| JoinPrefixesRequest {
        prefixes: names.iter().map(|name| JoinedPrefix { name: (*name).to_owned(), ..Default::default() }).collect(),
        ..JoinPrefixesRequest::default()
    };
    let many = vec![YARD; 1025];
    vec![
        case("nothing", JOIN, join(&[]), (InvalidArgument, "TOO_MANY", "prefixes")),
        case("one", JOIN, join(&[YARD]), (InvalidArgument, "TOO_MANY", "prefixes")),
        case("too many", JOIN, join(&many), (InvalidArgument, "TOO_MANY", "prefixes")),
        case("a bad name", JOIN, join(&[YARD, "x"]), (InvalidArgument, "INVALID_NAME", "prefixes[1].name")),
        case("apart", JOIN, join(&[YARD, FREE]), (FailedPrecondition, "NOT_JOINABLE", "prefixes")),
        case(
            "one that there is not",
            JOIN,
            join(&[YARD, "spaces/default/prefixes/10.1.1.0-24"]),
            (NotFound, "PREFIX_NOT_FOUND", "prefixes[1].name"),
        ),
    ]
}

fn resizing() -> Vec<Case> {
    let resize = |name: &str, cidr: &str| ResizePrefixRequest {
        name: name.to_owned(),
        cidr: cidr.to_owned(),
        ..ResizePrefixRequest::default()
    };
    vec![
        case("to nothing", RESIZE, resize(YARD, ""), (InvalidArgument, "INVALID_CIDR", "cidr")),
        case("to an address inside", RESIZE, resize(YARD, "10.1.0.1/23"), (InvalidArgument, "INVALID_CIDR", "cidr")),
        case("elsewhere", RESIZE, resize(YARD, "10.9.0.0/24"), (InvalidArgument, "INVALID_CIDR", "cidr")),
        case("to what is there", RESIZE, resize(YARD, "10.0.0.0/8"), (Code::AlreadyExists, "ALREADY_EXISTS", "cidr")),
        case("over a neighbour", RESIZE, resize(YARD, "10.0.0.0/14"), (FailedPrecondition, "DOES_NOT_FIT", "cidr")),
        case("under its range", RESIZE, resize(YARD, "10.1.0.0/26"), (FailedPrecondition, "DOES_NOT_FIT", "cidr")),
        case(
            "a stale etag",
            RESIZE,
            ResizePrefixRequest { etag: "1".to_owned(), ..resize(YARD, "10.1.0.0/23") },
            (Aborted, "ETAG_MISMATCH", "etag"),
        ),
    ]
}
