//! What holds for any bytes. The fuzz target `csv` asserts more.

use crate::read_in_pieces;
use freehold_core::exchange::LAYOUTS;
use proptest::collection::vec;
use proptest::prelude::*;

/// Panics where what must hold does not. The first byte chooses the format and the size of the pieces.
fn check(input: &[u8]) {
    let (choice, text) = input.split_first().map_or((0, input), |(choice, text)| (usize::from(*choice), text));
    let layout = LAYOUTS.get(choice % 32).copied();
    let (rows, outcome) = read_in_pieces(text, usize::MAX, layout);
    assert!(
        outcome.sheet.is_some() || (rows.is_empty() && outcome.faults.total() > 0),
        "no header, no row, and that is told"
    );
    assert_eq!(read_in_pieces(text, 1 + choice / 32, layout), (rows, outcome), "pieces do not matter");
}

const WORDS: &[&str] = &[
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

fn from_words() -> impl Strategy<Value = Vec<u8>> {
    let header = (0..LAYOUTS.len()).prop_map(|i| LAYOUTS[i].columns().collect::<Vec<_>>().join(",").into_bytes());
    let begins = prop_oneof![header, vec(0..WORDS.len(), 0..8).prop_map(|words| text(&words))];
    (any::<u8>(), begins, vec(0..WORDS.len(), 0..60))
        .prop_map(|(choice, header, words)| [&[choice], header.as_slice(), b"\n", &text(&words)].concat())
}

fn text(words: &[usize]) -> Vec<u8> {
    words.iter().flat_map(|word| WORDS[*word].bytes()).collect()
}

/// Cells under the right header, so that most lines are rows.
fn from_cells() -> impl Strategy<Value = Vec<u8>> {
    (0..LAYOUTS.len()).prop_flat_map(|i| {
        let columns: Vec<_> = LAYOUTS[i].columns().collect();
        let cell = (0..WORDS.len() * 2).prop_map(|i| WORDS.get(i).copied().unwrap_or_default());
        let lines = vec(vec(cell, columns.len()), 0..6);
        (Just(columns), any::<u8>(), lines).prop_map(|(columns, choice, lines)| {
            let quoted = |cell: &&str| format!("\"{}\"", cell.replace('"', "\"\""));
            let line = |cells: Vec<&str>| cells.iter().map(quoted).collect::<Vec<_>>().join(",") + "\n";
            let text: String = std::iter::once(columns.join(",") + "\n").chain(lines.into_iter().map(line)).collect();
            [&[choice | 31], text.as_bytes()].concat()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_for_any_bytes(bytes in vec(any::<u8>(), 0..300)) {
        check(&bytes);
    }

    #[test]
    fn it_holds_for_words_that_mean_something(bytes in from_words()) {
        check(&bytes);
    }

    #[test]
    fn it_holds_for_cells_under_every_header(bytes in from_cells()) {
        check(&bytes);
    }
}
