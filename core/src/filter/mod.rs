//! Which rows of a list a caller wants: one small language, the same in the API, the command line and the console.
//!
//! It is AIP-160 (<https://google.aip.dev/160>). [`Expression`] is what was written, [`Filter`] what it means for one
//! list: [`Expression::parse`] knows the grammar, [`Expression::bind`] the fields ([`Schema`]) and the time, and
//! [`Filter::matches`] asks a row for its values ([`Lookup`]). [`Filter::needs`] says what every matching row must
//! have in one field, so that a list can go by an index instead of a scan.
//!
//! ```text
//! filter      = [ expression ]                           nothing written takes every row
//! expression  = factor { [ "AND" ] factor }              a space is AND
//! factor      = term { "OR" term }                       OR binds tighter: a AND b OR c is a AND (b OR c)
//! term        = [ "NOT" | "-" ] ( "(" expression ")" | comparison | value )
//! comparison  = field operator value
//! operator    = "=" | "!=" | "<" | "<=" | ">" | ">=" | ":"
//! field       = name { "." name } [ "." string ]         title, fields.owner, tags.site, tags."rack no"
//! value       = word | string                            alone it is searched for
//! string      = '"' … '"' | "'" … "'"                    with \\ \" \' \* for the character itself
//! word        = characters other than white space, ( ) , " ' \ = < > ! & | ; ? [ ] { } ^ `
//! ```
//!
//! AND, OR and NOT are written in capitals; in other letters they are refused, since they are meant as operators more
//! often than as words to search for. In both kinds of value `*` stands for any text. A word after an operator may hold
//! colons (`address = 2001:db8::1`). Elsewhere a colon is the operator, unless the word begins with a digit or reads
//! whole as an address, a CIDR or a hardware address of six bytes or more: those are searched for.
//!
//! What the operators do depends on the field:
//!
//! | field | `=` `!=` | `<` `<=` `>` `>=` | `:` |
//! |---|---|---|---|
//! | text | the whole text, `*` for any part | order of the text | a part of the text |
//! | number, timestamp | the value | order | as `=` |
//! | bool, enum | the value | – | as `=` |
//! | address | an address; a CIDR: lies in it | order within a family | as `=` |
//! | CIDR | exactly it | `<=` lies in, `>=` covers; `<`, `>` and is not it | covers the address or CIDR |
//! | hardware address | any notation; `02:00:5e*` begins with | – | begins with |
//! | tags | `tags.KEY`: as text | as text | `tags : KEY` has it; `tags.KEY : x` a part of its value |
//!
//! `field : *` takes the rows that have a value, an empty text being none. A field with several values matches if one
//! of them does. `a != x` is `NOT a = x`, so it also takes the rows without a value. Text is compared without regard to
//! case, letter by letter. Numbers are IEEE 754 doubles. A timestamp is RFC 3339 (`2026-03-01T12:00:00Z`), a date (its
//! beginning in UTC), or an age relative to now (`-30d`, `+12h`; s, m, h, d, w). A value alone is searched for in the
//! fields that the list names: in text and tags as a part, elsewhere as a whole, an address also in a CIDR, a hardware
//! address by its beginning of six digits or more.
//!
//! Left out on purpose: functions, regular expressions, and AIP-160's `a = (x OR y)`; write `(a = x OR a = y)`.
//!
//! Limits, each with its refusal: [`LENGTH_MAX`], [`DEPTH_MAX`], [`TERMS_MAX`]. Every refusal is
//! [`Reason::InvalidFilter`], on the field `filter`, and names the column. Nothing recurses deeper than [`DEPTH_MAX`]
//! times a small constant, and the work for a row is bounded by the terms and the text of the row.

mod bind;
mod bound;
mod condition;
mod expression;
mod literal;
pub(crate) mod moment;
mod pattern;
mod schema;
mod syntax;

pub use bound::{Filter, Need};
pub use expression::{Comparison, Expression, Operator};
pub use literal::{Column, Literal};
pub use schema::{Datum, Kind, Lookup, Schema};

use crate::refusal::{Reason, Refusal};
use std::fmt;

/// The most bytes of a filter, as written and as printed.
pub const LENGTH_MAX: usize = 4096;

/// The most parentheses open at once.
pub const DEPTH_MAX: usize = 32;

/// The most comparisons and searched words.
pub const TERMS_MAX: usize = 100;

fn refuse(column: Column, what: impl fmt::Display) -> Refusal {
    Refusal::new(Reason::InvalidFilter, format!("column {column} of the filter: {what}")).at("filter")
}
