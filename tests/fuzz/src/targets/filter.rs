//! The filter language.

use super::{Target, text};
use freehold_core::client::HardwareAddress;
use freehold_core::filter::{DEPTH_MAX, Datum, Expression, Kind, LENGTH_MAX, Lookup, Schema, TERMS_MAX};
use freehold_core::{Reason, Refusal, Timestamp};

pub(super) const TARGET: Target = Target {
    name: "filter",
    check,
    dictionary: &[
        "AND",
        " AND ",
        " OR ",
        "NOT ",
        "-",
        "(",
        ")",
        " ",
        "=",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        ":",
        "*",
        "\"",
        "'",
        "\\",
        "\\*",
        "\\\"",
        ".",
        ",",
        "title",
        "fields.floor",
        "critical",
        "updated",
        "address",
        "cidr",
        "hardware",
        "status",
        "tags",
        "tags.site",
        "tags.\"rack no\"",
        "true",
        "false",
        "ACTIVE",
        "and",
        "10.0.0.0/8",
        "10.1.2.3",
        "2001:db8::1",
        "::",
        "02:00:5e:10:00:01",
        "0200.5e1",
        "2026-03-01T12:00:00Z",
        "-30d",
        "+1w",
        "1e9",
        "-0.5",
        "ber*",
        "Ä",
        "İ",
        "ß",
        "\u{202e}",
        "\u{a0}",
        "\n",
        "f(x)",
    ],
};

const NOW: Timestamp = Timestamp(1_772_366_400_000);

fn check(input: &[u8]) {
    let Some(text) = text(input) else { return };
    let expression = match Expression::parse(text) {
        Ok(expression) => expression,
        Err(refusal) => return refused(text, &refusal),
    };
    let printed = expression.to_string();
    assert!(text.len() <= LENGTH_MAX && printed.len() <= LENGTH_MAX);
    let (open, terms) = (parentheses(text), terms(&expression));
    assert!(open <= DEPTH_MAX && terms <= TERMS_MAX, "{open} parentheses, {terms} terms");
    assert_eq!(Expression::parse(&printed).as_ref(), Ok(&expression), "{printed} reads back");

    let schema = schema();
    let filter = match expression.bind(&schema, NOW) {
        Ok(filter) => filter,
        Err(refusal) => return refused(text, &refusal),
    };
    let again = Expression::parse(&printed).and_then(|expression| expression.bind(&schema, NOW));
    assert_eq!(again.as_ref(), Ok(&filter));
    let opposite = Expression::parse(&format!("NOT ({printed})")).and_then(|opposite| opposite.bind(&schema, NOW));
    for row in [Row::empty(), Row::full()] {
        let taken = filter.matches(&row);
        if let Ok(opposite) = &opposite {
            assert_ne!(opposite.matches(&row), taken, "NOT turns around");
        }
        let nowhere = FIELDS.iter().any(|field| filter.needs(field).is_some_and(|needs| needs.is_empty()));
        assert!(!(taken && nowhere), "a row is taken although none can be");
    }
}

/// What a refusal must be: of the one reason, on the one field, at a column of the text.
fn refused(text: &str, refusal: &Refusal) {
    assert_eq!((refusal.reason, refusal.field.as_str()), (Reason::InvalidFilter, "filter"));
    let message = refusal.message.as_str();
    match message.strip_prefix("column ").and_then(|rest| rest.split_once(" of the filter: ")) {
        Some((column, what)) => {
            let column: usize = column.parse().expect("a column is a number");
            assert!((1..=text.chars().count() + 1).contains(&column), "column {column}");
            assert!(!what.is_empty());
        }
        None => assert!(message.starts_with("the filter has ") && message.contains("at most 4096"), "{message}"),
    }
}

/// The most parentheses open at once in a filter that was read.
fn parentheses(text: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', Some(_)) => drop(characters.next()),
            (c, Some(closing)) if c == closing => quote = None,
            (_, Some(_)) => {}
            ('"' | '\'', None) => quote = Some(c),
            ('(', None) => open += 1,
            (')', None) => open -= 1,
            _ => {}
        }
        most = most.max(open);
    }
    most
}

fn terms(expression: &Expression) -> usize {
    match expression {
        Expression::All(parts) | Expression::Any(parts) => parts.iter().map(terms).sum(),
        Expression::Not(inner) => terms(inner),
        Expression::Compare(_) | Expression::Search(_) => 1,
    }
}

const FIELDS: &[&str] =
    &["title", "fields.floor", "critical", "updated", "address", "cidr", "hardware", "status", "tags", "tags.site"];

fn schema() -> Schema {
    Schema::new()
        .searched("title", Kind::Text)
        .searched("fields.floor", Kind::Number)
        .field("critical", Kind::Bool)
        .field("updated", Kind::Timestamp)
        .searched("address", Kind::Address)
        .searched("cidr", Kind::Cidr)
        .searched("hardware", Kind::Hardware)
        .searched("status", Kind::words(&["ACTIVE", "INACTIVE"]))
        .searched("tags", Kind::Tags)
}

/// A row with every value, or with none.
#[derive(Debug)]
struct Row(Option<HardwareAddress>);

impl Row {
    fn empty() -> Self {
        Self(None)
    }

    fn full() -> Self {
        Self(HardwareAddress::from_bytes(&[2, 0, 0x5e, 0x10, 0, 1]).ok())
    }
}

impl Lookup for Row {
    fn look(&self, field: &str, key: Option<&str>) -> Datum<'_> {
        let Some(hardware) = &self.0 else { return Datum::Absent };
        match (field, key) {
            ("title", None) => "Berlin Ärzte, 3rd floor".into(),
            ("fields.floor", None) => Datum::Number(3.0),
            ("critical", None) => Datum::Bool(true),
            ("updated", None) => Datum::Timestamp(NOW),
            ("address", None) => Datum::Address([10, 1, 2, 3].into()),
            ("cidr", None) => Datum::Cidr("10.1.0.0/16".parse().expect("a CIDR")),
            ("hardware", None) => Datum::Hardware(hardware),
            ("status", None) => "ACTIVE".into(),
            ("tags", None) => Datum::List(vec![Datum::Entry { key: "site", value: "Berlin" }]),
            ("tags", Some("site")) => "Berlin".into(),
            ("tags", Some(_)) => Datum::Absent,
            other => panic!("no field is called {other:?}"),
        }
    }
}
