//! Exports of other programs, imported to the end: the lines that cannot be are told, taken out, and the rest is compared as a whole.
//! To make an expectation anew, delete it and run the tests; then read it.

use super::*;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

fn sample(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/exchange/samples");
    std::fs::read_to_string(folder.join(format!("{name}.csv"))).expect("a sample")
}

/// The file without some of its lines.
fn without(text: &str, lines: &BTreeSet<u64>) -> String {
    let kept = text.split_inclusive('\n').zip(1..).filter(|(_, number)| !lines.contains(number));
    kept.map(|(line, _)| line).collect()
}

async fn check(format: ImportFormat, names: &[&str], expected: &str) {
    let house = House::open().await;
    let mut texts: Vec<String> = names.iter().map(|name| sample(name)).collect();
    let files = |texts: &[String]| {
        let file = ImportFile { format: format.into(), ..ImportFile::default() };
        texts.iter().map(|text| (file.clone(), text.as_bytes().to_vec())).collect::<Files>()
    };
    let settings = plan_import_request::Settings { create_missing: true, tell_changes: false };
    let (plan, lines) = plan_as(&house.api, settings, files(&texts)).await.expect("a plan");
    assert_eq!(plan.formats, names);
    let mut told = String::new();
    for line in &lines {
        let what = line.outcome().as_str_name().trim_start_matches("OUTCOME_").to_lowercase();
        let place = format!("{} line {} column {}", names[line.file as usize], line.line, line.column);
        writeln!(told, "{place}: {what} {} {}", line.reason, line.message).expect("a string");
    }
    for remark in plan.remarks.iter().filter(|remark| remark.line > 1) {
        let name = names[remark.file as usize];
        writeln!(told, "{name}: {} ({} lines from {})", remark.message, remark.count, remark.line).expect("a string");
    }
    let status = apply_as(&house.api, apply_settings(), files(&texts)).await;
    match plan.refused {
        0 => drop(status.expect("applied")),
        _ => {
            assert_eq!(answer(&status.expect_err("refused")), refused(Code::FailedPrecondition, "IMPORT_REFUSED"));
            for (number, text) in texts.iter_mut().enumerate() {
                let bad =
                    lines.iter().filter(|line| line.file as usize == number && line.outcome() == Outcome::Refused);
                *text = without(text, &bad.map(|line| line.line).collect());
            }
            apply_as(&house.api, apply_settings(), files(&texts)).await.expect("the others");
        }
    }
    for kind in [Kind::Prefixes, Kind::Addresses] {
        writeln!(told, "\n{}", export(&house, kind, "").await).expect("a string");
    }
    let (again, _) = plan_as(&house.api, settings, files(&texts)).await.expect("a plan");
    assert_eq!((again.created, again.changed, again.refused), (0, 0, 0), "twice the same import is one");

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/exchange/samples").join(expected);
    if !path.exists() {
        std::fs::write(&path, &told).expect("writable");
        panic!("{} was made anew; read it", path.display());
    }
    assert_eq!(told, std::fs::read_to_string(&path).expect("readable"));
}

fn apply_settings() -> apply_import_request::Settings {
    apply_import_request::Settings { create_missing: true, ..Default::default() }
}

#[tokio::test]
async fn from_netbox() {
    check(ImportFormat::Netbox, &["netbox-prefixes", "netbox-addresses", "netbox-ranges"], "netbox.expected").await;
}

#[tokio::test]
async fn from_phpipam() {
    check(ImportFormat::Phpipam, &["phpipam-subnets", "phpipam-addresses"], "phpipam.expected").await;
}

#[tokio::test]
async fn from_windows() {
    let names = ["windows-blocks", "windows-subnets", "windows-addresses", "windows-ranges"];
    check(ImportFormat::WindowsIpam, &names, "windows.expected").await;
}
