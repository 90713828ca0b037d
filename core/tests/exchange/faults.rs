//! Every bad line is named, by line and column, with what to do; and makes no row.

use crate::{faults, read, read_in_pieces};
use freehold_core::exchange::{FAULTS_MAX, RECORD_BYTES_MAX};

fn check(text: &str, want: &[&str]) {
    assert_eq!(faults(text.as_bytes()), want, "{text}");
}

#[test]
fn every_cell_that_is_wrong_is_told() {
    check(
        "address,hardware_address,host_name,expires,kind\n\
         10.0.0.1,02:00:5e:10:00:01,a,,\n\
         10.0.0.256,zz,a_b,tomorrow,mine\n\
         ,,,,claim\n\
         10.0.0.2,,,,\n",
        &[
            "line 3, column 1 (address): \"10.0.0.256\" is not an IPv4 or IPv6 address, such as 10.1.2.3 or 2001:db8::1",
            "line 3, column 5 (kind): \"mine\" is none of claim, dynamic",
            "line 3, column 2 (hardware_address): \"zz\" is not a hardware address, such as 02:00:5e:10:00:01",
            "line 3, column 3 (host_name): \"a_b\" is not a host name: use labels of 1 to 63 letters, digits and inner hyphens, joined by dots, at most 253 characters",
            "line 3, column 4 (expires): \"tomorrow\" is not a time, such as 2026-11-21T14:05:00Z or 2026-11-21",
            "line 4, column 1 (address): address is empty; give one on every line",
        ],
    );
}

#[test]
fn lines_are_physical_ones() {
    let text = "prefix,description,field:notes\r\n\
                10.0.0.0/8,,\"two\r\nlines\"\r\n\
                10.1.2.3/16,,\"three\n\n\nlines\"\r\n\
                \r\n\
                10.2.0.0/16,\"\nx\",\r\n";
    let (rows, outcome) = read(text);
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2]);
    assert_eq!(
        outcome.faults.kept().iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "line 4, column 1 (prefix): 10.1.2.3/16 has bits set behind its length; did you mean 10.1.0.0/16?",
            "line 9, column 2 (description): the text has a control character at position 1; remove it",
        ]
    );
}

#[test]
fn quotes_that_do_not_fit_are_refused_and_reading_goes_on() {
    check(
        "prefix,title\n10.0.0.0/8,a\"b\n10.0.0.0/8,\"a\"b\n10.0.0.0/8,\"a\"\"b\"\n10.0.0.0/8,a\rb\nx,y\n10.0.0.0/8,\"open\n",
        &[
            "line 2, column 2 (title): there is a quote inside a cell without quotes; put the cell in quotes and double the quote",
            "line 3, column 2 (title): there is something behind the closing quote; end the cell there, or write \"\" for a quote inside it",
            "line 5, column 2 (title): there is a carriage return without a line feed; end lines with LF or CRLF, and put a cell that has one in quotes",
            "line 6, column 1 (prefix): \"x\" is not a CIDR, such as 10.1.0.0/16 or 2001:db8::/32",
            "line 7, column 2 (title): the quote is never closed; close it, or write \"\" for a quote inside a cell",
        ],
    );
}

#[test]
fn a_line_cut_short_is_no_row() {
    let cells = |n: u32| {
        format!(
            "line {n} cells and the header 3; a cell with the delimiter in it goes into quotes, and a line cut short is to be completed"
        )
    };
    check(
        "prefix,title,tags\n10.0.0.0/8,a\n10.0.0.0/8,a,b,c\n",
        &[&cells(2).replace("line 2", "line 2: the line has 2"), &cells(3).replace("line 3", "line 3: the line has 4")],
    );
}

#[test]
fn limits_are_told_and_reading_goes_on() {
    let long = "x".repeat(RECORD_BYTES_MAX);
    let many = ",".repeat(200);
    check(
        &format!("prefix,title\n10.0.0.0/8,{long}\n10.0.0.0/8{many}\nx,\n10.0.0.0/8,\"{long}\n{long}\ny,\n"),
        &[
            "line 2, column 2 (title): the line has more than 65,536 bytes; shorten it",
            "line 3, column 200: the line has more than 200 columns; leave out what is not wanted",
            "line 4, column 1 (prefix): \"x\" is not a CIDR, such as 10.1.0.0/16 or 2001:db8::/32",
            "line 5, column 2 (title): the quote is not closed within 65,536 bytes; close it, or write \"\" for a quote inside a cell",
            "line 6: the line has 1 cells and the header 2; a cell with the delimiter in it goes into quotes, and a line cut short is to be completed",
            "line 7, column 1 (prefix): \"y\" is not a CIDR, such as 10.1.0.0/16 or 2001:db8::/32",
        ],
    );
    let (_, outcome) = read(&format!("prefix,{long}\n"));
    assert_eq!(
        outcome.faults.kept()[0].to_string(),
        "line 1: the header has more than 65,536 bytes; this is perhaps no CSV"
    );
}

#[test]
fn of_many_faults_the_first_are_kept_and_all_are_counted() {
    let text = format!("prefix\n{}", "x\n".repeat(5_000));
    let (rows, outcome) = read(&text);
    let kept = outcome.faults.kept();
    assert_eq!((rows.len(), kept.len(), outcome.faults.total()), (0, FAULTS_MAX, 5_000));
    assert_eq!((kept[0].line, kept[FAULTS_MAX - 1].line), (2, 1_001));
}

#[test]
fn other_encodings_are_refused_with_a_hint() {
    let hint = "save the file as UTF-8 (in a spreadsheet: \"CSV UTF-8\"), it is perhaps Windows-1252";
    assert_eq!(
        faults(b"prefix,title\n10.0.0.0/8,B\xfcro\n"),
        [format!("line 2, column 2 (title): the cell is not UTF-8; {hint}")]
    );
    // Two halves of one character in two cells are no character.
    assert_eq!(
        faults(b"prefix,title,tags\n10.0.0.0/8,\xc3,\xbc\n"),
        [format!("line 2, column 2 (title): the cell is not UTF-8; {hint}")]
    );
    let utf16: Vec<u8> = "\u{feff}prefix\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(faults(&utf16).len(), 1);
    assert!(faults(&utf16)[0].starts_with("line 1: the file is UTF-16;"), "{:?}", faults(&utf16));
}

#[test]
fn a_header_that_is_wrong_makes_no_row() {
    check("", &["line 1: the file has no header; its first line names the columns"]);
    check("\n\n", &["line 1: the file has no header; its first line names the columns"]);
    let (rows, outcome) = read("colour,shape\nred,round\n");
    assert_eq!((rows.len(), outcome.sheet, outcome.faults.total()), (0, None, 1));
    check(
        "prefix,colour,field:Rack,title,title\n10.0.0.0/8,,,,\n",
        &[
            "line 1, column 2 (colour): no column is called \"colour\" in freehold-prefixes; there are space, prefix, kind, status, title, description, tags, and field:ID for a custom field",
            "line 1, column 3 (field:Rack): \"Rack\" is not the id of a custom field: use 1 to 63 characters of a-z, 0-9 and inner hyphens or underscores",
            "line 1, column 5 (title): there are two columns for what \"title\" says; leave one out",
        ],
    );
    let asked = freehold_core::exchange::Layout::from_id("netbox-ranges").expect("a format");
    let (_, outcome) = read_in_pieces(b"address\n10.0.0.1\n", 3, Some(asked));
    assert_eq!(
        outcome.faults.kept().iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "line 1: netbox-ranges needs a column start_address, and the header has none",
            "line 1: netbox-ranges needs a column end_address, and the header has none",
        ]
    );
}

#[test]
fn a_reservation_has_one_client_and_a_scope_times_that_fit() {
    check(
        "scope,address,hardware_address,client_id\na,10.0.0.1,,\na,10.0.0.2,02:00:5e:10:00:01,01:02\na,10.0.0.3,02,\n",
        &[
            "line 2: there is none of hardware_address, client_id and duid; give exactly one",
            "line 3: there is more than one of hardware_address, client_id and duid; give exactly one",
        ],
    );
    check(
        "scope,network,valid_seconds,renew_seconds,option:routers,option:3\na,10.0.0.0/24,100,200,,\n",
        &["line 1, column 6 (option:3): there are two columns for what \"option:3\" says; leave one out"],
    );
    check(
        "scope,network,valid_seconds,renew_seconds,option:routers\na,10.0.0.0/24,100,200,x\n",
        &[
            "line 2, column 5 (option:routers): option 3 (routers) takes one or more IPv4 addresses, not \"x\"",
            "line 2, column 4 (renew_seconds): renewing after 200 s does not lie before 100 s, when the client rebinds or the lease ends",
        ],
    );
}
