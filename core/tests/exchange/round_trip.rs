//! What is written reads back the same, in pieces of any size.

use crate::draws::{self, FIELDS, OPTIONS};
use crate::{read, read_in_pieces};
use freehold_core::exchange::{FieldId, Item, Layout, Table, Unwritable, Writer};
use freehold_core::option::OptionCode;
use proptest::collection::vec;
use proptest::prelude::*;

const TABLES: [Table; 6] =
    [Table::Prefixes, Table::Addresses, Table::Ranges, Table::Reservations, Table::Scopes, Table::Leases];

fn writer(table: Table) -> Writer {
    let fields = FIELDS.iter().filter(|_| table != Table::Leases).map(|id| FieldId::parse(id).expect("an id"));
    let options =
        OPTIONS.iter().filter(|_| table == Table::Scopes).map(|code| OptionCode::new(code.0, code.1).expect("a code"));
    Writer::new(table, fields, options)
}

fn written(table: Table, items: &[Item]) -> String {
    let writer = writer(table);
    let mut text = String::new();
    writer.header(&mut text);
    items.iter().for_each(|item| writer.row(item, &mut text).expect("a row of the table"));
    text
}

fn drawn() -> impl Strategy<Value = (Table, Vec<Item>)> {
    (0..TABLES.len()).prop_flat_map(|i| vec(draws::item(TABLES[i]), 0..5).prop_map(move |items| (TABLES[i], items)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back((table, items) in drawn(), piece in 1usize..200) {
        let text = written(table, &items);
        let (rows, outcome) = read_in_pieces(text.as_bytes(), piece, None);
        prop_assert_eq!(outcome.faults.kept(), &[], "{}", text);
        prop_assert_eq!(outcome.sheet.map(|sheet| sheet.layout), Some(Layout::of(table)));
        prop_assert_eq!(outcome.rows, items.len() as u64);
        let read: Vec<_> = rows.into_iter().map(|row| row.item).collect();
        prop_assert_eq!(&read, &items, "{}", text);
        prop_assert_eq!(written(table, &read), text);
    }

    /// Behind the beginning of a cell, and behind the quote that opens it.
    #[test]
    fn no_cell_begins_like_a_formula((table, items) in drawn()) {
        let text = written(table, &items);
        let mut inside = false;
        let mut begins = true;
        for c in text.chars() {
            if begins && (inside || c != '"') {
                prop_assert!(!matches!(c, '=' | '+' | '-' | '@' | '\t' | '\r'), "{}", text);
            }
            begins = match c {
                '"' => { inside = !inside; begins && inside }
                ',' | '\n' => !inside,
                _ => false,
            };
        }
    }
}

#[test]
fn a_row_without_a_place_is_not_written() {
    let row = |text: &str| read(text).0.remove(0).item;
    let field = row("prefix,field:rack\n10.0.0.0/8,7\n");
    let scope = row("scope,network,option:ntp-servers\na,10.0.0.0/24,10.0.0.1\n");
    let (mut text, of) = (String::new(), |table| Writer::new(table, [], []));
    let refused = [
        of(Table::Addresses).row(&field, &mut text),
        of(Table::Prefixes).row(&field, &mut text),
        of(Table::Scopes).row(&scope, &mut text),
    ];
    let want = [
        Err(Unwritable::Table { found: Table::Prefixes, wanted: Table::Addresses }),
        Err(Unwritable::Field(FieldId::parse("rack").expect("an id"))),
        Err(Unwritable::Option(OptionCode::NTP_SERVERS)),
    ];
    assert_eq!((refused, text.as_str()), (want, ""));
}
