//! Files and pieces that must be refused, each by its line or as a whole, and nothing stored.

use super::*;

/// A file that is wrong, and the first thing that is told of it: line, column, reason, and a part of the message.
struct Bad {
    what: &'static str,
    file: Vec<u8>,
    told: (u64, u32, &'static str, &'static str),
}

fn bad(what: &'static str, file: impl Into<Vec<u8>>, told: (u64, u32, &'static str, &'static str)) -> Bad {
    Bad { what, file: file.into(), told }
}

fn files() -> Vec<Bad> {
    let utf16: Vec<u8> = std::iter::once(0xfeff).chain("prefix\n".encode_utf16()).flat_map(u16::to_le_bytes).collect();
    vec![
        bad("empty", "", (1, 0, "MALFORMED_FILE", "the file has no header")),
        bad("blank lines alone", "\n\n\n", (1, 0, "MALFORMED_FILE", "the file has no header")),
        bad("no header", "10.1.0.0/16,x\n", (1, 0, "UNKNOWN_COLUMN", "the header is of no known format")),
        bad("a picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec(), (1, 0, "MALFORMED_FILE", "UTF-8")),
        bad("UTF-16", utf16, (1, 0, "MALFORMED_FILE", "the file is UTF-16")),
        bad("Windows-1252", b"prefix,title\n10.7.0.0/16,B\xfcro\n".to_vec(), (2, 2, "MALFORMED_FILE", "UTF-8")),
        bad("a NUL", "prefix,title\n10.7.0.0/16,a\0b\n", (2, 2, "INVALID_TEXT", "control character")),
        bad("an unclosed quote", "prefix,title\n10.7.0.0/16,\"a\n10.8.0.0/16,b\n", (2, 2, "MALFORMED_FILE", "quote")),
        bad("a column too few", "prefix,title\n10.7.0.0/16\n", (2, 0, "MALFORMED_FILE", "1 cells and the header 2")),
        bad(
            "a column too many",
            "prefix,title\n10.7.0.0/16,a,b\n",
            (2, 0, "MALFORMED_FILE", "3 cells and the header 2"),
        ),
        bad("an unknown column", "prefix,colour\n10.7.0.0/16,red\n", (1, 2, "UNKNOWN_COLUMN", "colour")),
        bad("a column twice", "prefix,title,title\n", (1, 3, "UNKNOWN_COLUMN", "two columns")),
        bad(
            "a long line",
            [b"prefix,title\n10.7.0.0/16,".to_vec(), vec![b'x'; 20 << 20]].concat(),
            (2, 2, "MALFORMED_FILE", "65,536"),
        ),
        bad("a long header", vec![b'x'; 1 << 20], (1, 0, "MALFORMED_FILE", "65,536")),
        bad("no prefix", "prefix,title\n,a\n", (2, 1, "FIELD_REQUIRED", "prefix is empty")),
        bad("host bits", "prefix\n10.7.0.1/16\n", (2, 1, "INVALID_CIDR", "did you mean 10.7.0.0/16?")),
        bad("an unknown space", "space,prefix\nnone,10.7.0.0/16\n", (2, 1, "SPACE_NOT_FOUND", "spaces/none")),
        bad("a prefix in a network", "prefix\n10.2.0.0/25\n", (2, 1, "PREFIX_OVERLAP", "10.2.0.0-24")),
        bad(
            "twice the same line, differently",
            "prefix,kind\n10.7.0.0/16,network\n10.7.1.0/24,network\n",
            (3, 1, "PREFIX_OVERLAP", "10.7.0.0-16"),
        ),
        bad("a tag with a text", "prefix,tags\n10.7.0.0/16,site=berlin\n", (2, 2, "INVALID_TAG", "field:site")),
        bad(
            "a field that is not defined",
            "prefix,field:site\n10.7.0.0/16,berlin\n",
            (2, 2, "FIELD_DEFINITION_NOT_FOUND", "define"),
        ),
        bad(
            "an address without a network",
            "address\n10.99.0.1\n",
            (2, 1, "NOT_A_NETWORK", "import its network first"),
        ),
        bad(
            "an address twice",
            "address,hardware_address\n10.2.0.9,02:00:00:00:00:09\n10.2.0.10,02:00:00:00:00:09\n",
            (3, 2, "CLIENT_CLAIMED", "10.2.0.9"),
        ),
        bad("a reserved address", "address\n10.1.0.70\n", (2, 1, "ADDRESS_RESERVED", "reserved")),
        bad("a broadcast address", "address\n10.2.0.255\n", (2, 1, "ADDRESS_NOT_USABLE", "broadcast")),
        bad("an expiry that is over", "address,expires\n10.2.0.9,2001-01-01\n", (2, 2, "INVALID_VALUE", "expired")),
        bad(
            "an address with a tag that has a text",
            "address,tags\n10.2.0.9,voice=1\n",
            (2, 2, "INVALID_TAG", "a tag of the plan is a plain word"),
        ),
        bad(
            "an address of two clients",
            "address,hardware_address,duid\n10.2.0.9,02:00:00:00:00:09,00:03:00:01:02:00\n",
            (2, 2, "INVALID_VALUE", "one client"),
        ),
        bad(
            "a range of no scope",
            "start,end,kind\n10.2.0.9,10.2.0.10,pool\n",
            (2, 1, "SCOPE_NOT_FOUND", "name the scope"),
        ),
        bad(
            "a range outside of its scope",
            "scope,start,end,kind\nyard,10.2.0.9,10.2.0.10,pool\n",
            (2, 2, "SCOPE_OUTSIDE_NETWORK", "10.2.0.9"),
        ),
        bad(
            "a reservation of no scope",
            "scope,address,hardware_address\nnone,10.1.0.80,02:00:00:00:00:80\n",
            (2, 1, "SCOPE_NOT_FOUND", "none"),
        ),
        bad("a scope that moves", "scope,network\nyard,10.2.0.0/24\n", (2, 2, "FIELD_IMMUTABLE", "make another scope")),
        bad(
            "a scope on no server",
            "scope,network,server\nnew,10.2.0.0/24,berlin-1/kea4\n",
            (2, 3, "SERVER_NOT_FOUND", "berlin-1"),
        ),
        bad(
            "a lease",
            "server,address,last_transaction,valid_seconds\nb/kea4,10.1.0.99,2026-01-01,60\n",
            (2, 2, "NOT_IMPORTABLE", "reservation or a claim"),
        ),
    ]
}

#[tokio::test]
async fn a_bad_file_is_refused_by_line_and_column() {
    let house = House::furnished().await;
    let before = house.revision().await;
    let mut wrong = Vec::new();
    for Bad { what, file, told: (line, column, reason, part) } in files() {
        let file = || vec![(ImportFile::default(), file.clone())];
        let (plan, lines) = plan(&house, file()).await;
        let refused: Vec<_> = lines.iter().filter(|line| line.outcome() == Outcome::Refused).collect();
        let first = refused.first().map(|told| (told.line, told.column, told.reason.as_str()));
        if first != Some((line, column, reason)) || !refused[0].message.contains(part) || plan.refused == 0 {
            wrong.push(format!("{what}: {lines:?}"));
        }
        let status = apply(&house, file()).await.expect_err(what);
        assert_eq!(answer(&status), super::refused(Code::FailedPrecondition, "IMPORT_REFUSED"), "{what}");
        assert!(status.message().contains(&format!("file 1, line {line}")), "{what}: {}", status.message());
        assert!(status.message().len() < 2_000);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(house.revision().await, before, "something was stored");
}

#[tokio::test]
async fn pieces_that_make_no_import() {
    use plan_import_request::{Part, Settings};
    let house = House::furnished().await;
    let settings = || Part::Settings(Settings::default());
    let file = || Part::File(ImportFile::default());
    let of_space = |space: &str| Part::File(ImportFile { space: space.to_owned(), ..ImportFile::default() });
    let of_format = |format| Part::File(ImportFile { format, ..ImportFile::default() });
    let many: Vec<_> = std::iter::once(settings()).chain((0..101).map(|_| file())).collect();
    let cases: Vec<(&str, Vec<Part>, &str)> = vec![
        ("nothing", vec![], "FIELD_REQUIRED"),
        ("no settings", vec![file()], "FIELD_REQUIRED"),
        ("no file", vec![settings()], "FIELD_REQUIRED"),
        ("settings twice", vec![settings(), settings()], "INVALID_VALUE"),
        ("bytes of no file", vec![settings(), Part::Data(b"x".to_vec())], "FIELD_REQUIRED"),
        ("a space that is no name", vec![settings(), of_space("lab")], "INVALID_NAME"),
        ("a format that there is not", vec![settings(), of_format(99)], "INVALID_VALUE"),
        ("too many files", many, "TOO_MANY"),
    ];
    for (what, parts, reason) in cases {
        let requests: Vec<_> = parts.into_iter().map(|part| PlanImportRequest { part: Some(part) }).collect();
        let answers = client(&house.api).plan_import(futures_util::stream::iter(requests)).await;
        let status = match answers {
            Ok(answers) => answers.into_inner().message().await.expect_err(what),
            Err(status) => status,
        };
        assert_eq!(answer(&status), super::refused(Code::InvalidArgument, reason), "{what}");
    }
    let request = ApplyImportRequest::default();
    let answers = client(&house.api).apply_import(futures_util::stream::iter([request])).await.expect("begun");
    let status = answers.into_inner().message().await.expect_err("a piece without a part");
    assert_eq!(answer(&status), super::refused(Code::InvalidArgument, "FIELD_REQUIRED"));
    let settings = apply_import_request::Settings { request_id: "two words".to_owned(), ..Default::default() };
    let status = apply_as(&house.api, settings, vec![csv("prefix\n10.7.0.0/16\n")]).await.expect_err("no id");
    assert_eq!(answer(&status), super::refused(Code::InvalidArgument, "INVALID_REQUEST_ID"));
}

#[tokio::test]
async fn exports_that_there_are_not() {
    let house = House::furnished().await;
    let request = |kind: i32, parent: &str, filter: &str| ExportRequest {
        kind,
        parent: parent.to_owned(),
        filter: filter.to_owned(),
    };
    let prefixes = Kind::Prefixes.into();
    for (what, request, code, reason) in [
        ("no kind", request(0, "", ""), Code::InvalidArgument, "FIELD_REQUIRED"),
        ("a kind that there is not", request(99, "", ""), Code::InvalidArgument, "INVALID_VALUE"),
        ("a space that is not there", request(prefixes, "spaces/none", ""), Code::NotFound, "SPACE_NOT_FOUND"),
        (
            "a prefix that is not there",
            request(prefixes, "spaces/default/prefixes/10.99.0.0-16", ""),
            Code::NotFound,
            "PREFIX_NOT_FOUND",
        ),
        ("a parent that is no name", request(prefixes, "lab", ""), Code::InvalidArgument, "INVALID_NAME"),
        ("a filter that does not parse", request(prefixes, "", "kind ="), Code::InvalidArgument, "INVALID_FILTER"),
        ("a filter of leases", request(Kind::Leases.into(), "", "x = 1"), Code::InvalidArgument, "INVALID_FILTER"),
    ] {
        let status = export_of(&house.api, request).await.expect_err(what);
        assert_eq!(answer(&status), super::refused(code, reason), "{what}");
    }
}
