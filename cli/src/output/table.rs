//! Tables: framed where a person looks, plain columns where a program reads.

use super::printable;
use comfy_table::presets::{NOTHING, UTF8_FULL_CONDENSED};
use comfy_table::{Cell, ContentArrangement, Table};

/// A list under its headings. A list without rows is its headings alone.
pub fn list(columns: &[&str], rows: impl Iterator<Item = Vec<String>>, terminal: bool) -> String {
    let mut table = empty(terminal);
    table.set_header(columns.iter().map(Cell::new));
    for row in rows {
        table.add_row(row.iter().map(|cell| Cell::new(printable(cell))));
    }
    finish(&table)
}

/// One thing: a line for each value that is there.
pub fn details(lines: &[(&str, String)], terminal: bool) -> String {
    let mut table = empty(terminal);
    for (what, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        let value: Vec<_> = value.lines().map(printable).collect();
        table.add_row([Cell::new(what), Cell::new(value.join("\n"))]);
    }
    finish(&table)
}

fn empty(terminal: bool) -> Table {
    let mut table = Table::new();
    if terminal {
        table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
    }
    table
}

fn finish(table: &Table) -> String {
    let text: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    let indent = text.iter().filter(|line| !line.is_empty()).map(|line| line.len() - line.trim_start().len()).min();
    let plain = !text.first().is_some_and(|line| line.starts_with('┌'));
    let cut = if plain { indent.unwrap_or(0).min(1) } else { 0 };
    text.iter().map(|line| format!("{}\n", line.get(cut..).unwrap_or_default())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_reads_plain_columns() {
        let rows = [vec!["voice".to_owned(), "10.1.2.0/24".to_owned()], vec!["x".to_owned(), String::new()]];
        assert_eq!(list(&["NAME", "NETWORK"], rows.into_iter(), false), "NAME   NETWORK\nvoice  10.1.2.0/24\nx\n");
        assert_eq!(list(&["NAME", "NETWORK"], std::iter::empty(), false), "NAME  NETWORK\n");
    }

    #[test]
    fn values_of_several_lines_stay_in_their_column() {
        let lines = [("name", "voice".to_owned()), ("note", String::new()), ("ranges", "a\nb\u{7}".to_owned())];
        assert_eq!(details(&lines, false), "name    voice\nranges  a\n        b\\u{7}\n");
    }

    #[test]
    fn a_person_sees_frames() {
        let text = list(&["NAME"], [vec!["voice".to_owned()]].into_iter(), true);
        assert_eq!(text, "┌───────┐\n│ NAME  │\n╞═══════╡\n│ voice │\n└───────┘\n");
    }
}
