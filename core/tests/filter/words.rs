//! What is read, in its canonical form, and what is refused, in the exact words.

use crate::rows::{NOW, schema};
use freehold_core::filter::{DEPTH_MAX, Expression, LENGTH_MAX, Schema, TERMS_MAX};
use freehold_core::{Reason, Refusal};

fn refusal(text: &str) -> Refusal {
    let bound = Expression::parse(text).and_then(|expression| expression.bind(&schema(), NOW));
    bound.err().unwrap_or_else(|| panic!("{text} is taken"))
}

/// Written, and as it is printed.
const READ: &[(&str, &str)] = &[
    ("", ""),
    ("  ", ""),
    ("title=x", "title = x"),
    ("title=\"x\"", "title = x"),
    ("title='x y'", "title = \"x y\""),
    ("title='it\\'s \"x\"'", "title = \"it's \\\"x\\\"\""),
    ("title = \"\\*x\\\\\"", "title = \"\\*x\\\\\""),
    ("title = \"ber*\"", "title = ber*"),
    ("title = ber***lin**", "title = ber*lin*"),
    ("title = \"\"", "title = \"\""),
    ("title = \"AND\"", "title = \"AND\""),
    ("a b", "a AND b"),
    ("a  AND\tb\nc", "a AND b AND c"),
    ("a AND (b AND c)", "a AND b AND c"),
    ("a AND b OR c", "a AND b OR c"),
    ("a AND (b OR c)", "a AND b OR c"),
    ("(a AND b) OR c", "(a AND b) OR c"),
    ("a OR (b OR c)", "a OR b OR c"),
    ("-a", "NOT a"),
    ("NOT(a)", "NOT a"),
    ("-(a b)", "NOT (a AND b)"),
    ("NOT (NOT a)", "NOT (NOT a)"),
    ("((((a))))", "a"),
    ("(a) (b)", "a AND b"),
    ("a-b", "a-b"),
    ("\"-a\"", "\"-a\""),
    ("x = -5", "x = -5"),
    ("x=2001:db8::1", "x = 2001:db8::1"),
    ("2001:db8::1", "2001:db8::1"),
    ("fe80::1", "fe80::1"),
    ("fe80::/10", "fe80::/10"),
    ("aa:bb:cc:dd:ee:ff", "aa:bb:cc:dd:ee:ff"),
    ("02:00", "02:00"),
    ("aa:bb", "aa : bb"),
    ("\"aa:bb\"", "\"aa:bb\""),
    ("tags.site:*", "tags.site : *"),
    ("tags.\"rack no\"=7", "tags.\"rack no\" = 7"),
    ("tags.\"site\"=7", "tags.site = 7"),
    ("größe = µ", "größe = µ"),
];

#[test]
fn what_is_read_is_printed_in_one_form() {
    for (text, printed) in READ {
        let expression = Expression::parse(text).unwrap_or_else(|refusal| panic!("{text}: {refusal}"));
        assert_eq!(expression.to_string(), *printed, "{text}");
        assert_eq!(Expression::parse(printed), Ok(expression), "{text}");
    }
}

/// The fields of the rows, as a refusal lists them.
const FIELDS: &str =
    "address, cidr, critical, fields.floor, fields.owner, hardware_address, names, status, tags.KEY, title, updated";

/// What is wrong in itself, then what is wrong with these fields; the column, and the words behind it.
const REFUSED: &[(&str, usize, &str)] = &[
    ("(", 2, "expected a comparison or a word to search for, found the end"),
    (")", 1, "expected a comparison or a word to search for, found \")\""),
    ("a)", 2, "expected AND, OR, or the end: no parenthesis is open, found \")\""),
    ("(a", 1, "the parenthesis that opens here is never closed; add )"),
    ("(a b) (c OR d", 7, "the parenthesis that opens here is never closed; add )"),
    ("(a)(b)", 4, "expected a space, found \"(\""),
    ("()", 2, "expected a comparison or a word to search for, found \")\""),
    ("AND", 1, "expected a comparison or a word to search for, found \"AND\""),
    ("a AND", 6, "expected a comparison or a word to search for, found the end"),
    ("a AND AND b", 7, "expected a comparison or a word to search for, found \"AND\""),
    ("a OR", 5, "expected a comparison or a word to search for, found the end"),
    ("OR a", 1, "expected a comparison or a word to search for, found \"OR\""),
    ("a OR AND b", 6, "expected a comparison or a word to search for, found \"AND\""),
    ("NOT", 4, "expected a comparison or a word to search for, found the end"),
    ("NOT NOT a", 5, "expected a comparison or a word to search for, found \"NOT\""),
    ("--a", 2, "expected a comparison or a word to search for, found \"-a\""),
    ("- -a", 3, "expected a comparison or a word to search for, found \"-a\""),
    ("a and b", 3, "operators are written in capitals: AND, or \"and\" in quotes for the word"),
    ("a Or b", 3, "operators are written in capitals: OR, or \"Or\" in quotes for the word"),
    ("not a", 1, "operators are written in capitals: NOT, or \"not\" in quotes for the word"),
    ("title = and", 9, "operators are written in capitals: AND, or \"and\" in quotes for the word"),
    ("title = AND", 9, "expected a value after =, found \"AND\""),
    ("title =", 8, "expected a value after =, found the end"),
    ("title = ", 9, "expected a value after =, found the end"),
    ("title ==x", 8, "expected a value after =, found \"=\""),
    ("title = = x", 9, "expected a value after =, found \"=\""),
    ("title = (a OR b)", 9, "expected a value after =, found \"(\"; write alternatives out: (a = x OR a = y)"),
    ("title = )", 9, "expected a value after =, found \")\""),
    ("= x", 1, "expected a comparison or a word to search for, found \"=\""),
    ("\"title\" = x", 1, "expected a field to compare, found a quoted text; fields stand without quotes"),
    ("10.1.2.3 = x", 1, "there is no field \"10.1.2.3\"; the fields are FIELDS"),
    ("title = \"x", 9, "the quoted text that begins here has no end; close the quote"),
    ("title = 'x\"", 9, "the quoted text that begins here has no end; close the quote"),
    ("\"a\\nb\"", 3, "a backslash stands before \\ \" ' or * alone; write \\\\ for one"),
    ("\"a\\\"", 1, "the quoted text that begins here has no end; close the quote"),
    ("title = \"a\u{1b}b\"", 11, "the control character '\\u{1b}'; remove it"),
    ("a\u{202e}b", 2, "expected a space, found \"\\u{202e}\"; remove it"),
    ("\"x\"y", 4, "expected a space, found \"y\""),
    ("x\"y\"", 2, "expected a space, found \"\\\"\""),
    ("x'y", 2, "expected a space, found \"'\""),
    ("title = a=b", 10, "expected a space, found \"=\""),
    ("a && b", 3, "expected a comparison or a word to search for, found \"&\"; quote a text that has it"),
    ("a || b", 3, "expected a comparison or a word to search for, found \"|\"; quote a text that has it"),
    ("a, b", 2, "expected a space, found \",\"; quote a text that has it"),
    ("!a", 1, "expected a comparison or a word to search for, found \"!\""),
    ("[a]", 1, "expected a comparison or a word to search for, found \"[\"; quote a text that has it"),
    ("within(10.0.0.0/8)", 1, "\"within\" is called, but there are no functions; compare a field"),
    ("title = f(x)", 10, "expected a space, found \"(\""),
    (".a = b", 1, "expected a field such as title or tags.site, found \".a\""),
    ("a. = b", 1, "expected a field such as title or tags.site, found \"a.\""),
    (".\"o\" = t", 1, "expected a field such as title or tags.site, found \"\""),
    ("a..b = c", 1, "expected a field such as title or tags.site, found \"a..b\""),
    ("a* = b", 1, "expected a field such as title or tags.site, found \"a*\""),
    ("tags.\"\" = b", 6, "expected a key, found an empty text or a wildcard"),
    ("tags.\"a*\" = b", 6, "expected a key, found an empty text or a wildcard"),
    ("tags.\"rack no\"", 15, "expected an operator after the field: one of = != < <= > >= :, found the end"),
    ("tags.\"rack no\".x = 1", 15, "expected an operator after the field: one of = != < <= > >= :, found \".x\""),
    ("größe = 1", 1, "there is no field \"größe\"; the fields are FIELDS"),
    ("titel = x", 1, "there is no field \"titel\"; the fields are FIELDS"),
    ("aa:bb", 1, "there is no field \"aa\"; the fields are FIELDS; a text with a colon is searched for in quotes"),
    ("title.x = y", 1, "there is no field \"title.x\"; the fields are FIELDS"),
    ("fields = y", 1, "there is no field \"fields\"; the fields are FIELDS"),
    ("tags = x", 8, "\"tags\" is a set of tags: write tags.KEY = TEXT, or tags : KEY"),
    ("tags = *", 8, "\"tags\" is a set of tags: write tags.KEY = TEXT, or tags : KEY"),
    ("tags : s*", 8, "a key has no wildcard; tags : * takes what has any tag"),
    ("tags < x", 8, "\"tags\" is a set of tags: write tags.KEY = TEXT, or tags : KEY"),
    ("title < ber*", 9, "< takes no wildcard; write \\* in quotes for a star"),
    ("fields.floor = three", 16, "\"fields.floor\" is a number, such as 42 or 0.95, not \"three\""),
    ("fields.floor = inf", 16, "\"fields.floor\" is a number, such as 42 or 0.95, not \"inf\""),
    ("fields.floor = NaN", 16, "\"fields.floor\" is a number, such as 42 or 0.95, not \"NaN\""),
    ("fields.floor = 1e999", 16, "\"fields.floor\" is a number, such as 42 or 0.95, not \"1e999\""),
    ("fields.floor = 3*", 16, "a wildcard stands in texts alone, and \"fields.floor\" is a number, such as 42 or 0.95"),
    ("critical = yes", 12, "\"critical\" is true or false, not \"yes\""),
    ("critical = TRUE", 12, "\"critical\" is true or false, not \"TRUE\""),
    ("critical < true", 12, "\"critical\" is true or false: it has no order for <"),
    ("critical = t*", 12, "a wildcard stands in texts alone, and \"critical\" is true or false"),
    ("status = ACTIV", 10, "\"status\" is one of ACTIVE, INACTIVE, not \"ACTIV\""),
    ("status > ACTIVE", 10, "\"status\" is one of ACTIVE, INACTIVE: it has no order for >"),
    ("status = A*", 10, "a wildcard stands in texts alone, and \"status\" is one of ACTIVE, INACTIVE"),
    (
        "updated = yesterday",
        11,
        "\"updated\" is a time, such as 2026-03-01T12:00:00Z, 2026-03-01 or -30d, not \"yesterday\"",
    ),
    ("updated > 30d", 11, "\"updated\" is a time, such as 2026-03-01T12:00:00Z, 2026-03-01 or -30d, not \"30d\""),
    (
        "updated < 2026-02-30",
        11,
        "\"updated\" is a time, such as 2026-03-01T12:00:00Z, 2026-03-01 or -30d, not \"2026-02-30\"",
    ),
    (
        "updated = 2026-*",
        11,
        "a wildcard stands in texts alone, and \"updated\" is a time, such as 2026-03-01T12:00:00Z, 2026-03-01 or -30d",
    ),
    (
        "address = berlin",
        11,
        "\"address\" is an address, such as 10.1.2.3, or all of a CIDR, such as 10.1.0.0/16, not \"berlin\"",
    ),
    (
        "address = 10.1.2.3/16",
        11,
        "\"address\" is an address, such as 10.1.2.3, or all of a CIDR, such as 10.1.0.0/16, not \"10.1.2.3/16\": 10.1.2.3/16 has bits set behind its length; did you mean 10.1.0.0/16?",
    ),
    (
        "address < 10.0.0.0/8",
        11,
        "< takes one address: \"10.0.0.0/8\" is not an IPv4 or IPv6 address, such as 10.1.2.3 or 2001:db8::1",
    ),
    (
        "address = 10.1.*",
        11,
        "a wildcard stands in texts alone, and \"address\" is an address, such as 10.1.2.3, or all of a CIDR, such as 10.1.0.0/16",
    ),
    (
        "address = ::ffff:10.0.0.1",
        11,
        "\"address\" is an address, such as 10.1.2.3, or all of a CIDR, such as 10.1.0.0/16, not \"::ffff:10.0.0.1\": ::ffff:10.0.0.1 is an IPv4-mapped IPv6 address; give it in IPv4 notation",
    ),
    ("cidr = 10.1.2.3", 8, "\"cidr\" is a CIDR, such as 10.1.0.0/16, not \"10.1.2.3\""),
    (
        "cidr = 10.1.2.3/16",
        8,
        "\"cidr\" is a CIDR, such as 10.1.0.0/16, not \"10.1.2.3/16\": 10.1.2.3/16 has bits set behind its length; did you mean 10.1.0.0/16?",
    ),
    ("cidr <= 10.1.2.3", 9, "\"cidr\" is a CIDR, such as 10.1.0.0/16, not \"10.1.2.3\""),
    ("cidr : berlin", 8, "\"cidr\" is a CIDR, such as 10.1.0.0/16, not \"berlin\""),
    (
        "hardware_address = 02:00-5e",
        20,
        "\"hardware_address\" is a hardware address, such as 02:00:5e:10:00:01, or a beginning of one, not \"02:00-5e\"",
    ),
    (
        "hardware_address : xyz",
        20,
        "\"hardware_address\" is a hardware address, such as 02:00:5e:10:00:01, or a beginning of one, not \"xyz\"",
    ),
    (
        "hardware_address > 02:00:5e:10:00:01",
        20,
        "\"hardware_address\" is a hardware address, such as 02:00:5e:10:00:01, or a beginning of one: it has no order for >",
    ),
    (
        "hardware_address = 02*01",
        20,
        "\"hardware_address\" is a hardware address, such as 02:00:5e:10:00:01, or a beginning of one, not \"02*01\"",
    ),
    (
        "hardware_address = *01",
        20,
        "\"hardware_address\" is a hardware address, such as 02:00:5e:10:00:01, or a beginning of one, not \"*01\"",
    ),
];

#[test]
fn what_is_wrong_is_named_with_its_column() {
    for (text, column, message) in REFUSED {
        let refusal = refusal(text);
        assert_eq!((refusal.reason, refusal.field.as_str()), (Reason::InvalidFilter, "filter"), "{text}");
        let message = message.replace("FIELDS", FIELDS);
        assert_eq!(refusal.message, format!("column {column} of the filter: {message}"), "{text}");
    }
}

#[test]
fn a_list_that_is_not_searched_says_so() {
    let expression = Expression::parse("berlin").expect("a word");
    let schema = Schema::new().field("title", freehold_core::filter::Kind::Text);
    assert_eq!(
        expression.bind(&schema, NOW).expect_err("no field is searched").message,
        "column 1 of the filter: this list is not searched by words alone; compare one of title"
    );
}

#[test]
fn every_limit_is_reached_and_not_passed() {
    let taken = |text: &str| Expression::parse(text).map(|_| ()).map_err(|refusal| refusal.message);
    let deep = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
    assert_eq!(taken(&deep(DEPTH_MAX)), Ok(()));
    assert_eq!(
        taken(&deep(DEPTH_MAX + 1)),
        Err("column 33 of the filter: more than 32 parentheses are open; simplify the filter".into())
    );
    // Siblings are not deep.
    assert_eq!(taken(&"(a) ".repeat(TERMS_MAX)), Ok(()));
    assert_eq!(
        taken(&"a ".repeat(TERMS_MAX + 1)),
        Err("column 201 of the filter: more than 100 comparisons and words; ask with several filters".into())
    );
    let long = |n: usize| format!("\"{}\"", "x".repeat(n - 2));
    assert_eq!(taken(&long(LENGTH_MAX)), Ok(()));
    assert_eq!(
        taken(&long(LENGTH_MAX + 1)),
        Err("the filter has 4097 bytes; at most 4096 are taken, shorten it".into())
    );
    assert_eq!(
        taken(&format!("-{}", "x".repeat(LENGTH_MAX - 1))),
        Err("the filter has 4099 bytes with every AND and NOT spelled out; at most 4096 are taken, shorten it".into())
    );
    // Each of these would be deep for a reader that goes down where it need not.
    for opening in ["(", "-", "NOT ", "-(", "NOT (", "a OR (", "a=("] {
        assert!(taken(&opening.repeat(LENGTH_MAX / opening.len())).is_err(), "{opening}");
    }
}
