//! Whatever a state has become, its files say the same of it.

use freehold_core::access::{Permission, Reach};
use freehold_core::exchange::{Asked, Item, Reader, Row, Settings, Table, Writer};
use freehold_core::import::{Context, Counts, Limits, Order, Planner};
use freehold_core::lease::LeaseBook;
use freehold_core::name::SpaceName;
use freehold_core::{Change, State, Timestamp, export};

fn rows(state: &State, table: Table) -> Vec<Item> {
    match table {
        Table::Prefixes => state.prefixes().values().map(|prefix| export::prefix(prefix)).collect(),
        Table::Addresses => state.assignments().filter_map(|claim| export::claim(&claim)).collect(),
        Table::Ranges => state.scopes().values().flat_map(|scope| export::ranges(scope)).collect(),
        Table::Reservations => state.reservations().values().map(|r| export::reservation(r)).collect(),
        Table::Scopes => state.scopes().values().map(|scope| export::scope(scope)).collect(),
        Table::Leases => Vec::new(),
    }
}

/// What is exported and imported again changes nothing.
pub(crate) fn nothing_comes_of_its_own_files(state: &State, now: Timestamp) {
    for table in [Table::Prefixes, Table::Addresses, Table::Ranges, Table::Reservations, Table::Scopes] {
        let items = rows(state, table);
        let options = state.scopes().values().flat_map(|scope| scope.options.iter().map(|(code, _)| code));
        let writer = Writer::new(table, export::fields(state, table), options.filter(|_| table == Table::Scopes));
        let mut text = String::new();
        writer.header(&mut text);
        items.iter().for_each(|item| writer.row(item, &mut text).expect("every row has its columns"));

        let space = SpaceName::from_id("default").expect("a name");
        let mut reader = Reader::new(Settings { space, format: Asked::Any });
        let mut read: Vec<Row> = Vec::new();
        reader.feed(text.as_bytes(), &mut |row| read.push(row));
        let outcome = reader.finish(&mut |row| read.push(row));
        let sheet = outcome.sheet.as_ref().expect("a header");
        assert_eq!(outcome.faults.kept(), [], "{text}");

        let order = Order { holder: "operators/alice".into(), now, create_missing: false };
        let limits = Limits { cost: |_: &Change| 1, bytes_max: 0 };
        let mut planner = Planner::new(state, &LeaseBook::default(), order, limits);
        planner.hold_to(Permission::PrefixesWrite, Reach::Everywhere);
        let context = Context { sheet, spaces: &outcome.spaces };
        for row in &read {
            let line = planner.line(context, row);
            assert_eq!(line.verdict, freehold_core::import::Verdict::Unchanged, "{line:?} in {text}");
        }
        let plan = planner.finish();
        assert_eq!(plan.counts, Counts { unchanged: items.len() as u64, ..Counts::default() });
        assert!(plan.steps.is_empty() && plan.changes.is_empty());
    }
}
