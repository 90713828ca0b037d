//! Drawn filters and rows: what is printed reads back, rows are taken as a plain reading says, and needs hold.

use crate::rows::{NOW, Place, schema};
use freehold_core::Timestamp;
use freehold_core::client::HardwareAddress;
use freehold_core::filter::{Expression, Need};
use freehold_core::net::Cidr;
use proptest::prelude::*;
use std::net::{IpAddr, Ipv4Addr};

/// Texts of comparisons and words over few values, so that rows are taken about half of the time.
fn term() -> impl Strategy<Value = String> {
    let operator = prop::sample::select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let text_operator = prop::sample::select(vec!["=", "!=", ":", "<", ">="]);
    let near = prop::sample::select(vec!["=", "!=", ":"]);
    let word = prop::sample::select(vec!["a", "ab", "B", "\"a b\"", "'a.b'", "\"\"", "Ä"]);
    let form = prop::sample::select(vec!["a*", "*b", "*", "a*b", "\"*a*b*\""]);
    let cidr = || cidr().prop_map(|cidr| cidr.to_string());
    prop_oneof![
        (text_operator.clone(), word.clone()).prop_map(|(o, v)| format!("title {o} {v}")),
        (near.clone(), form).prop_map(|(o, v)| format!("title{o}{v}")),
        (text_operator, word.clone()).prop_map(|(o, v)| format!("tags.site{o} {v}")),
        (operator.clone(), -2i32..3).prop_map(|(o, v)| format!("fields.floor {o} {v}")),
        (operator.clone(), -3i64..3).prop_map(|(o, v)| format!("updated {o} {v:+}d")),
        (operator, cidr()).prop_map(|(o, v)| format!("cidr {o} {v}")),
        (near.clone(), cidr()).prop_map(|(o, v)| format!("address {o} {v}")),
        (near, "0[0-2]:0[0-2](:0[0-2])?").prop_map(|(o, v)| format!("hardware_address {o} {v}")),
        word.prop_map(str::to_owned),
        Just("status:active".to_owned()),
        Just("critical = true".to_owned()),
        Just("tags : site".to_owned()),
        Just("tags.site : *".to_owned()),
    ]
}

fn cidr() -> impl Strategy<Value = Cidr> {
    (0u8..3, 0u8..3, 14u8..=32).prop_map(|(b, c, length)| {
        let net = u32::from_be_bytes([10, b, c, 0]) & (u32::MAX << (32 - length));
        Cidr::new(Ipv4Addr::from(net).into(), length).expect("cut to its length")
    })
}

/// What a drawn filter says, apart from how it is written.
#[derive(Debug, Clone)]
enum Tree {
    Term(String),
    And(Vec<Tree>),
    Or(Vec<Tree>),
    Not(Box<Tree>),
}

impl Tree {
    /// One way to write it; `draw` chooses among the others.
    fn written(&self, draw: &mut impl FnMut() -> bool) -> String {
        let mut inside = |tree: &Tree, bare: bool| {
            let text = tree.written(draw);
            if bare && draw() { text } else { format!("({text})") }
        };
        match self {
            Self::Term(text) => text.clone(),
            Self::And(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| inside(part, true)).collect();
                parts.join(if draw() { " AND " } else { " " })
            }
            Self::Or(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| inside(part, !matches!(part, Tree::And(_)))).collect();
                parts.join(" OR ")
            }
            Self::Not(inner) => {
                let text = inside(inner, matches!(**inner, Tree::Term(_)));
                format!("{}{text}", if draw() { "-" } else { "NOT " })
            }
        }
    }

    fn takes(&self, row: &Place) -> bool {
        match self {
            Self::Term(text) => bound(text).matches(row),
            Self::And(parts) => parts.iter().all(|part| part.takes(row)),
            Self::Or(parts) => parts.iter().any(|part| part.takes(row)),
            Self::Not(inner) => !inner.takes(row),
        }
    }
}

fn tree() -> impl Strategy<Value = Tree> {
    term().prop_map(Tree::Term).prop_recursive(4, 20, 3, |inner| {
        let several = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            several.clone().prop_map(Tree::And),
            several.prop_map(Tree::Or),
            inner.prop_map(|inner| Tree::Not(Box::new(inner))),
        ]
    })
}

fn place() -> impl Strategy<Value = Place> {
    let word = || prop::sample::select(vec!["", "a", "ab", "B", "a b", "Ä"]);
    let texts = (word(), prop::option::of(word()));
    let days = -3i64..3;
    let host = (0u8..3, 0u8..3, 0u8..4).prop_map(|(b, c, d)| IpAddr::from([10, b, c, d]));
    let hardware = prop::collection::vec(0u8..3, 1..4).prop_map(|b| HardwareAddress::from_bytes(&b).expect("1 to 20"));
    let nets = (prop::option::of(host), prop::option::of(cidr()), prop::option::of(hardware));
    (texts, prop::option::of(-2i32..3), any::<(bool, bool)>(), days, nets).prop_map(
        |((title, site), floor, (critical, active), days, (address, cidr, hardware))| Place {
            title: title.into(),
            owner: None,
            floor: floor.map(f64::from),
            critical,
            updated: Timestamp(NOW.0 + days * 86_400_000),
            address,
            cidr,
            hardware,
            active,
            tags: site.map(|site| ("site".to_owned(), site.to_owned())).into_iter().collect(),
            names: Vec::new(),
        },
    )
}

fn bound(text: &str) -> freehold_core::filter::Filter {
    let expression = Expression::parse(text).unwrap_or_else(|refusal| panic!("{text}: {refusal}"));
    expression.bind(&schema(), NOW).unwrap_or_else(|refusal| panic!("{text}: {refusal}"))
}

/// Whether `row` has what `need` says in `field`.
fn has(row: &Place, field: &str, need: &Need) -> bool {
    let lower = |text: &str| text.to_lowercase();
    let site = row.tags.get("site");
    match (field, need) {
        ("title", Need::Text(text)) => lower(&row.title) == *text,
        ("title", Need::TextBegins(text)) => lower(&row.title).starts_with(text),
        ("tags.site", Need::Text(text)) => site.is_some_and(|site| lower(site) == *text),
        ("tags", Need::Text(key)) => row.tags.contains_key(key),
        ("status", Need::Text(word)) => (word == "active") == row.active,
        ("address", Need::Within(cidr)) => row.address.is_some_and(|address| cidr.contains(address)),
        ("cidr", Need::Within(cidr)) => row.cidr.is_some_and(|own| cidr.covers(&own)),
        ("cidr", Need::Covers(cidr)) => row.cidr.is_some_and(|own| own.covers(cidr)),
        ("cidr", Need::Cidr(cidr)) => row.cidr == Some(*cidr),
        ("hardware_address", Need::HardwareBegins(prefix) | Need::Hardware(prefix)) => {
            row.hardware.as_ref().is_some_and(|own| prefix.matches(own))
        }
        other => panic!("{other:?}"),
    }
}

const FIELDS: &[&str] = &[
    "title",
    "tags.site",
    "tags",
    "status",
    "address",
    "cidr",
    "hardware_address",
    "fields.floor",
    "critical",
    "updated",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_printed_reads_back_and_means_the_same(tree in tree(), coins: u64, rows in prop::collection::vec(place(), 4)) {
        let mut turn = 0;
        let text = tree.written(&mut || {
            turn += 1;
            coins.rotate_left(turn) & 1 == 1
        });
        let expression = Expression::parse(&text)?;
        let printed = expression.to_string();
        prop_assert_eq!(Expression::parse(&printed)?, expression, "{} printed as {}", text, printed);
        let filter = bound(&text);
        prop_assert_eq!(&filter, &bound(&printed));
        for row in &rows {
            prop_assert_eq!(filter.matches(row), tree.takes(row), "{} of {:?}", text, row);
        }
    }

    #[test]
    fn a_row_that_is_taken_has_what_is_needed(tree in tree(), rows in prop::collection::vec(place(), 16)) {
        let filter = bound(&tree.written(&mut || false));
        for field in FIELDS {
            let Some(needs) = filter.needs(field) else { continue };
            for row in rows.iter().filter(|row| filter.matches(*row)) {
                prop_assert!(needs.iter().any(|need| has(row, field, need)), "{} has no {:?} in {:?}", field, needs, row);
            }
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[ -~\n]{0,60}|\\PC{0,40}|([a-c(). :=<>!*\"'-]|AND|OR|NOT){0,40}") {
        match Expression::parse(&text) {
            Ok(expression) => prop_assert_eq!(Expression::parse(&expression.to_string())?, expression),
            Err(refusal) => prop_assert!(refusal.message.starts_with("column "), "{}", refusal),
        }
    }
}
