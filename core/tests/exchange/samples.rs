//! A file as each program writes it, read and compared as a whole: its rows in Freehold's own format, its faults, and what was
//! not understood. To make an expectation anew, delete it and run the tests; then read it.

use crate::read_in_pieces;
use freehold_core::exchange::{Item, Layout, Outcome, Row, Writer};
use std::fmt::Write;
use std::path::Path;

fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exchange/samples");
    let text = std::fs::read(folder.join(format!("{name}.csv"))).expect("a sample");
    let (rows, outcome) = read_in_pieces(&text, 100, None);
    let sheet = outcome.sheet.as_ref().expect("a header");
    assert_eq!(sheet.layout.id, name, "recognised by its header");
    let items: Vec<_> = rows.iter().map(|row| row.item.clone()).collect();
    let own = in_our_format(sheet.layout, &items);
    let (again, second) = read_in_pieces(own.as_bytes(), 100, None);
    assert_eq!(second.faults.kept(), []);
    assert_eq!(again.into_iter().map(|row| row.item).collect::<Vec<_>>(), items, "reads back the same");

    let told = told(&rows, &outcome, &own);
    let expected = folder.join(format!("{name}.expected"));
    if !expected.exists() {
        std::fs::write(&expected, &told).expect("writable");
        panic!("{} was made anew; read it", expected.display());
    }
    assert_eq!(told, std::fs::read_to_string(&expected).expect("readable"));
}

fn in_our_format(layout: &Layout, items: &[Item]) -> String {
    let fields = items.iter().filter_map(Item::labels).flat_map(|labels| labels.fields().keys().cloned());
    let writer = Writer::new(layout.table, fields, []);
    let mut text = String::new();
    writer.header(&mut text);
    items.iter().for_each(|item| writer.row(item, &mut text).expect("a row of the table"));
    text
}

fn told(rows: &[Row], outcome: &Outcome, own: &str) -> String {
    let mut told = own.to_owned();
    let lines: Vec<_> = rows.iter().map(|row| row.line.to_string()).collect();
    writeln!(told, "\nrows of lines {}", lines.join(" ")).expect("a string");
    for (name, space) in &outcome.spaces {
        writeln!(told, "space {name:?} is {space}").expect("a string");
    }
    outcome.faults.kept().iter().for_each(|fault| writeln!(told, "fault: {fault}").expect("a string"));
    outcome.notes.iter().for_each(|note| writeln!(told, "note: {note}").expect("a string"));
    told
}

#[test]
fn netbox_prefixes() {
    check("netbox-prefixes");
}

#[test]
fn netbox_addresses() {
    check("netbox-addresses");
}

#[test]
fn netbox_ranges() {
    check("netbox-ranges");
}

#[test]
fn phpipam_subnets() {
    check("phpipam-subnets");
}

#[test]
fn phpipam_addresses() {
    check("phpipam-addresses");
}

#[test]
fn windows_addresses() {
    check("windows-addresses");
}

#[test]
fn windows_ranges() {
    check("windows-ranges");
}

#[test]
fn windows_subnets() {
    check("windows-subnets");
}

#[test]
fn windows_blocks() {
    check("windows-blocks");
}

#[test]
fn headers_are_told_apart() {
    for (header, want) in [
        ("prefix,status,tenant,vrf,role,description,tags", Ok("netbox-prefixes")),
        ("prefix,vrf,tenant,site,vlan_group,vlan,status,role,is_pool,description", Ok("netbox-prefixes")),
        ("Prefix,Status,Children,VRF,Utilization,Tenant,Scope,VLAN,Role,Description", Ok("netbox-prefixes")),
        ("address,status,dns_name,description,vrf", Ok("netbox-addresses")),
        ("IP Address,VRF,Status,Role,Tenant,Assigned,DNS name,Description", Ok("netbox-addresses")),
        ("start_address,end_address,vrf,tenant,status,role,description,tags", Ok("netbox-ranges")),
        ("Section;Subnet;Mask;Description;VLAN;Domain;VRF", Ok("phpipam-subnets")),
        (
            "Section,IP address,Hostname,Description,VRF,Subnet,MAC,Owner,Device,Note,Tag,Is_Gateway",
            Ok("phpipam-addresses"),
        ),
        (
            "IP Address,Managed by Service,Service Instance,Device Type,IP Address State,Assignment Type",
            Ok("windows-addresses"),
        ),
        ("Network,Start IP address,End IP address,RIR", Ok("windows-blocks")),
        ("Name,Network", Ok("windows-subnets")),
        ("prefix,description", Ok("freehold-prefixes")),
        ("address,comment", Ok("freehold-addresses")),
        ("network,scope", Ok("freehold-scopes")),
        ("scope,network,name,description", Err("line 1, column 3 (name): no column is called")),
        ("IP Address,Description,Owner", Err("line 1: the header is of no known format")),
    ] {
        let (_, outcome) = crate::read(&format!("{header}\n"));
        let got = outcome.sheet.map(|sheet| sheet.layout.id).ok_or_else(|| outcome.faults.kept()[0].to_string());
        match want {
            Ok(id) => assert_eq!(got, Ok(id), "{header}"),
            Err(message) => assert!(got.as_ref().is_err_and(|got| got.starts_with(message)), "{header}: {got:?}"),
        }
    }
}
