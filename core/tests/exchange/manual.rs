//! The manual names what the program knows.

use freehold_core::exchange::{LAYOUTS, Source};

const MANUAL: &str = include_str!("../../../docs/formats/csv.md");

#[test]
fn the_manual_has_every_format_and_every_column_of_our_own() {
    for layout in LAYOUTS {
        assert!(MANUAL.contains(&format!("`{}`", layout.id)), "{} is not in the manual", layout.id);
        if layout.source != Source::Freehold {
            continue;
        }
        let section = MANUAL.split(&format!("`{}`\n", layout.id)).nth(1).expect("a heading");
        let section = section.split("\n## ").next().expect("a section");
        for column in layout.columns() {
            assert!(section.contains(&format!("| `{column}` |")), "{column} of {} is not in the manual", layout.id);
        }
        let example = section.split("```csv\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
        let (rows, outcome) = crate::read(example);
        assert_eq!((outcome.faults.kept(), outcome.sheet.map(|sheet| sheet.layout)), (&[][..], Some(*layout)));
        assert!(!rows.is_empty(), "the example of {} has rows", layout.id);
    }
}
