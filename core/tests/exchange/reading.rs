//! The ways in which a file may be written.

use crate::{items, read};
use freehold_core::exchange::Item;

const PLAIN: &str = "prefix,title,tags\n10.0.0.0/8,Büro,site=berlin\n10.1.0.0/16,,voice\n";

#[test]
fn marks_line_ends_delimiters_and_order_do_not_matter() {
    let want = items(PLAIN);
    for text in [
        format!("\u{feff}{PLAIN}"),
        PLAIN.replace('\n', "\r\n"),
        PLAIN.replace(',', ";"),
        format!("\u{feff}sep=;\r\n{}", PLAIN.replace(',', ";").replace('\n', "\r\n")),
        PLAIN.replace(',', "\t"),
        PLAIN.trim_end().to_owned(),
        PLAIN.replace("prefix,title,tags", "\"Prefix\", \"x\"").replace(", \"x\"", ",TITLE,tags"),
        "tags,prefix,title\nsite=berlin,10.0.0.0/8,Büro\nvoice,10.1.0.0/16,\n".to_owned(),
        PLAIN.replace("\n10.1", "\n\n,,\n10.1"),
    ] {
        assert_eq!(items(&text), want, "{text}");
    }
    let (_, outcome) = read(&PLAIN.replace(',', ";"));
    assert_eq!(outcome.sheet.map(|sheet| sheet.delimiter), Some(';'));
}

#[test]
fn a_sheet_tells_which_columns_there_are() {
    let (_, outcome) = read("prefix,title,field:rack\n");
    let sheet = outcome.sheet.expect("a header");
    let has = ["prefix", "title", "description", "tags", "colour"].map(|name| sheet.has(name));
    assert_eq!(has, [true, true, false, false, false]);
    assert_eq!(sheet.fields().map(ToString::to_string).collect::<Vec<_>>(), ["rack"]);
    let (_, outcome) = read("Prefix,Status,VRF,Description\n");
    let sheet = outcome.sheet.expect("a header");
    assert_eq!(["space", "kind", "description", "title"].map(|name| sheet.has(name)), [true, false, true, false]);
}

#[test]
fn an_apostrophe_that_guards_a_formula_is_taken_off_and_others_stay() {
    for (cell, want) in
        [("'=1+1", "=1+1"), ("''=1", "'=1"), ("'abc", "'abc"), ("'", "'"), ("=1+1", "=1+1"), ("\"'@x, y\"", "@x, y")]
    {
        let title = match items(&format!("prefix,title\n10.0.0.0/8,{cell}\n")).remove(0) {
            Item::Prefix(row) => row.title.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(title, want, "{cell}");
    }
}

#[test]
fn a_scope_is_read_as_people_write_it() {
    let text = "scope,network,ranges,exclusions,option:routers,option:ntp-servers,server,field:floor\n\
                voice,10.1.2.0/24,10.1.2.10-10.1.2.99; 10.1.2.120,\"10.1.2.20-10.1.2.29 printers; old\n10.1.2.50\",\"10.1.2.1, 10.1.2.2\",,berlin-1/kea4,3\n";
    let Item::Scope(row) = items(text).remove(0) else { panic!("a scope") };
    let list = |items: &mut dyn Iterator<Item = String>| items.collect::<Vec<_>>();
    assert_eq!(
        list(&mut row.scope.ranges.iter().map(ToString::to_string)),
        ["10.1.2.10-10.1.2.99", "10.1.2.120-10.1.2.120"]
    );
    let exclusions = row.scope.exclusions.iter().map(|e| format!("{} {:?}", e.range, e.comment.as_str()));
    assert_eq!(
        list(&mut exclusions.into_iter()),
        ["10.1.2.20-10.1.2.29 \"printers; old\"", "10.1.2.50-10.1.2.50 \"\""]
    );
    assert_eq!(
        list(&mut row.scope.options.iter().map(|(code, value)| format!("{code}={value}"))),
        ["3 (routers)=10.1.2.1,10.1.2.2"]
    );
    assert_eq!(row.scope.server.map(|server| server.to_string()), Some("servers/berlin-1/kea4".to_owned()));
}
