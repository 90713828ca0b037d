//! Files of any format: records, cells, rows, and what is told of them.

use super::Target;
use freehold_core::exchange::{Asked, FAULTS_MAX, Item, LAYOUTS, Layout, Outcome, Reader, Row, Settings, Writer};
use freehold_core::name::SpaceName;

pub(super) const TARGET: Target = Target { name: "csv", check, dictionary: DICTIONARY };

const DICTIONARY: &[&str] = &[
    ",",
    ",",
    ",",
    ";",
    "\t",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "\"",
    "\"",
    "\"\"",
    "'",
    "=",
    "\\",
    " ",
    "—",
    "\u{feff}",
    "#TYPE x\n",
    "sep=;\n",
    "prefix",
    "address",
    "kind",
    "title",
    "tags",
    "scope",
    "network",
    "ranges",
    "exclusions",
    "option:routers",
    "option:150",
    "field:a",
    "field:b",
    "server",
    "last_transaction",
    "valid_seconds",
    "start",
    "end",
    "status",
    "vrf",
    "Subnet",
    "Mask",
    "IP Address",
    "MAC",
    "Hostname",
    "ManagedByService",
    "AssignmentType",
    "Name",
    "RIR",
    "hardware_address",
    "expires",
    "10.0.0.1",
    "10.0.0.0/8",
    "10.0.0.0/255.0.0.0",
    "10.0.0.1-10.0.0.9",
    "2001:db8::/32",
    "::1",
    "02:00:5e:10:00:01",
    "claim",
    "pool",
    "note",
    "dhcp",
    "container",
    "Global",
    "default",
    "Süd",
    "a-1/kea4",
    "2027-04-03",
    "3600",
    "x=y",
    "active",
    "(folder)",
];

/// The first byte of the input chooses the format, none from `LAYOUTS.len()` on, and the size of the pieces.
fn check(input: &[u8]) {
    let (choice, text) = input.split_first().map_or((0, input), |(choice, text)| (usize::from(*choice), text));
    let layout = LAYOUTS.get(choice % 32).copied();
    let (rows, outcome) = read(text, usize::MAX, layout);
    assert_eq!(read(text, 1 + choice / 32, layout), (rows.clone(), outcome.clone()), "pieces do not matter");

    let lines = 1 + text.iter().filter(|b| **b == b'\n').count() as u64;
    assert_eq!(outcome.rows, rows.len() as u64);
    assert!(rows.windows(2).all(|pair| pair[0].line < pair[1].line), "in order, one a line");
    assert!(rows.iter().all(|row| (2..=lines).contains(&row.line)), "on lines behind the header");
    let faults = outcome.faults.kept();
    assert_eq!(faults.len() as u64, outcome.faults.total().min(FAULTS_MAX as u64));
    assert!(outcome.sheet.is_some() || (rows.is_empty() && !faults.is_empty()), "no header, no row, and that is told");
    for fault in faults {
        assert!((1..=lines).contains(&fault.line), "{fault}");
        // Each of 80 characters shown may be escaped to ten, twice.
        assert!(fault.to_string().len() < 3_000, "{} bytes", fault.to_string().len());
        assert!(
            rows.iter().all(|row| row.line != fault.line) || fault.column.is_some(),
            "{fault} is on a line with a row"
        );
    }
    if let Some(sheet) = outcome.sheet {
        let items: Vec<_> = rows.into_iter().map(|row| row.item).collect();
        reads_back(sheet.layout, &items);
    }
}

fn reads_back(layout: &Layout, items: &[Item]) {
    let fields = items.iter().filter_map(Item::labels).flat_map(|labels| labels.fields().keys().cloned());
    let options = items.iter().filter_map(|item| if let Item::Scope(row) = item { Some(row) } else { None });
    let options = options.flat_map(|row| row.scope.options.iter().map(|(code, _)| code));
    let writer = Writer::new(layout.table, fields, options);
    let mut text = String::new();
    writer.header(&mut text);
    for item in items {
        writer.row(item, &mut text).expect("a column for all of it");
    }
    let (rows, outcome) = read(text.as_bytes(), usize::MAX, None);
    assert_eq!(outcome.faults.kept(), [], "{text}");
    assert_eq!(rows.into_iter().map(|row| row.item).collect::<Vec<_>>(), items, "{text}");
}

fn read(text: &[u8], piece: usize, layout: Option<&'static Layout>) -> (Vec<Row>, Outcome) {
    let mut rows = Vec::new();
    let format = layout.map_or(Asked::Any, Asked::Exactly);
    let mut reader = Reader::new(Settings { space: SpaceName::from_id("default").expect("an id"), format });
    text.chunks(piece).for_each(|piece| reader.feed(piece, &mut |row| rows.push(row)));
    let outcome = reader.finish(&mut |row| rows.push(row));
    (rows, outcome)
}
