//! Which rows are taken.

use crate::rows::{Place, berlin, filter};

const TAKEN: &[&str] = &[
    "",
    "  \t\n ",
    // Text: without regard to case, the whole, with wildcards, a part, in order.
    "title = \"berlin über-voice, 3rd floor\"",
    "title = BERLIN*",
    "title = ber*",
    "title = *floor",
    "title = *über*3RD*",
    "title = \"Berlin *, 3rd floor\"",
    "title = *",
    "title : ÜBER-voice",
    "title : b*v",
    "title > b",
    "title < c",
    "title >= \"Berlin Über-Voice, 3rd floor\"",
    "title != berlin",
    "title : *",
    "fields.owner : \"it\"",
    "fields.owner='it-ops'",
    // Numbers, bools, enums.
    "fields.floor = 3",
    "fields.floor = 3.0e0",
    "fields.floor > -1",
    "fields.floor <= 3",
    "fields.floor : 3",
    "fields.floor != 4",
    "critical = true",
    "critical != false",
    "status = ACTIVE",
    "status = active",
    "status != inactive",
    "-status:INACTIVE",
    // Timestamps.
    "updated > -30d",
    "updated < -1w",
    "updated < +1s",
    "updated = 2026-02-19T12:00:00Z",
    "updated = 2026-02-19T14:00:00.000+02:00",
    "updated >= 2026-02-19",
    "updated < 2026-02-20",
    // Addresses, CIDRs, hardware addresses.
    "address = 10.1.2.3",
    "address = 10.1.0.0/16",
    "address : 10.1.2.0/24",
    "address != 10.2.0.0/16",
    "address > 10.1.2.2",
    "address <= 10.1.2.3",
    "NOT address > ::",
    "NOT address < ::",
    "cidr = 10.1.0.0/16",
    "cidr : 10.1.2.3",
    "cidr : 10.1.2.0/24",
    "cidr : 10.1.0.0/16",
    "cidr <= 10.0.0.0/8",
    "cidr < 10.0.0.0/8",
    "cidr <= 10.1.0.0/16",
    "cidr >= 10.1.0.0/16",
    "cidr > 10.1.2.0/24",
    "hardware_address = 0200.5E10.0001",
    "hardware_address = 02-00-5e-10-00-01",
    "hardware_address = 02:00:5e*",
    "hardware_address : 0200.5e1",
    "hardware_address : 02:00:5e:*",
    "hardware_address != 02:00:5e:10:00",
    "hardware_address : *",
    // Tags.
    "tags.site = berlin",
    "tags.site:ber",
    "tags : site",
    "tags : *",
    "tags.\"rack no\" = 7",
    "tags.'rack no' = 7",
    "tags.a.b = dotted",
    "tags.\"a.b\" = dotted",
    "tags.row != 7",
    "NOT tags : row",
    // A field with several values.
    "names = voice.example",
    "names : pbx",
    "names = *.example",
    // Searched words.
    "berlin",
    "'3rd floor'",
    "10.1.2.3",
    "10.1.2.0/24 OR 10.1.0.0/16",
    "02:00:5e:10:00:01",
    "02:00:5e",
    "0200.5e10",
    "active",
    "rack",
    "dotted voice",
    "ber*voice",
    "-munich",
    // AND, OR, NOT and their order.
    "berlin AND voice",
    "munich OR berlin",
    "berlin munich OR voice",
    "NOT munich AND berlin",
    "NOT (munich OR bonn)",
    "-(munich voice)",
    "(title:berlin) (NOT munich)",
    "status = INACTIVE OR (critical = true AND (fields.floor = 3 OR fields.floor = 4))",
];

const LEFT: &[&str] = &[
    "title = berlin",
    "title = ber",
    "title = *ber",
    "title = \"ber\\*\"",
    "title = *voice*berlin*",
    "title = \"\"",
    "title > c",
    "title != berlin*",
    "NOT title : *",
    "fields.owner = IT",
    "fields.floor > 3",
    "fields.floor < 3",
    "fields.floor != 3",
    "critical = false",
    "status = INACTIVE",
    "updated < -30d",
    "updated > -1w",
    "updated = 2026-02-19",
    "address = 10.1.2.4",
    "address = 2001:db8::1",
    "address != 10.1.0.0/16",
    "address > ::",
    "address < ::",
    "cidr = 10.0.0.0/8",
    "cidr < 10.1.0.0/16",
    "cidr > 10.1.0.0/16",
    "cidr : 10.2.0.1",
    "cidr : 10.0.0.0/8",
    "cidr : ::",
    "cidr <= 10.1.0.0/17",
    "hardware_address = 02:00:5e:10:00",
    "hardware_address = 02:00:5e:10:00:01:00",
    "hardware_address : 02:00:5f",
    "tags.site = ber",
    "tags.Site = Berlin",
    "tags : sit",
    "tags.row : *",
    "names = voice",
    "names != voice.example",
    "10.2.2.4 title : voice",
    "0200",
    "true",
    "3rd munich",
    "NOT berlin",
    "berlin voice AND munich OR bonn",
    "munich AND bonn OR berlin",
    "-(berlin voice)",
    "NOT (NOT munich)",
];

#[test]
fn rows_are_taken_and_left() {
    for (filters, taken) in [(TAKEN, true), (LEFT, false)] {
        for text in filters {
            assert_eq!(filter(text).matches(&berlin()), taken, "{text}");
        }
    }
}

#[test]
fn a_row_without_values_has_none_of_them() {
    let nowhere = Place::default();
    for text in [
        "title : *",
        "fields.owner : *",
        "fields.floor < 1",
        "address = 0.0.0.0/0",
        "cidr <= 0.0.0.0/0",
        "hardware_address : 0",
        "tags : *",
        "tags.site : *",
        "names = *",
        "names : *",
    ] {
        assert!(!filter(text).matches(&nowhere), "{text}");
        assert!(filter(&format!("NOT {text}")).matches(&nowhere), "NOT {text}");
    }
    assert!(filter("").takes_all() && !filter("title = *").takes_all());
}
