//! Which column a refusal of the rules is about: they name fields of requests, and who imports sees columns.

use crate::exchange::{Column, Sheet};
use crate::refusal::Refusal;

/// Fields of requests, by the last word of their path, and the columns of Freehold's own tables that they come from.
const COLUMNS: &[(&str, &[&str])] = &[
    ("address", &["address"]),
    ("addresses", &["address"]),
    ("parent", &["scope", "space"]),
    ("cidr", &["prefix"]),
    ("network", &["network", "address", "start"]),
    ("kind", &["kind"]),
    ("status", &["status"]),
    ("title", &["title"]),
    ("description", &["description"]),
    ("tags", &["tags"]),
    ("client", &["hardware_address", "client_id", "duid"]),
    ("hardware_address", &["hardware_address"]),
    ("client_id", &["client_id"]),
    ("duid", &["duid"]),
    ("host_name", &["host_name"]),
    ("owner", &["owner"]),
    ("comment", &["comment"]),
    ("expires", &["expires"]),
    ("scope", &["scope"]),
    ("scope_id", &["scope"]),
    ("name", &["scope", "prefix", "address"]),
    ("ranges", &["ranges", "start"]),
    ("start", &["start"]),
    ("exclusions", &["exclusions", "start"]),
    ("valid_seconds", &["valid_seconds"]),
    ("renew_seconds", &["renew_seconds"]),
    ("rebind_seconds", &["rebind_seconds"]),
    ("preferred_seconds", &["preferred_seconds"]),
    ("prefix_pools", &["prefix_pools"]),
    ("interface", &["interface"]),
    ("relay_addresses", &["relay_addresses"]),
    ("interface_id", &["interface_id"]),
    ("delegated_prefixes", &["delegated_prefixes"]),
    ("server", &["server"]),
    ("space", &["space"]),
];

/// The column of the file that a field of a request came from; `None` if it is about the whole line.
pub(super) fn column(sheet: &Sheet, field: &str) -> Option<Column> {
    if let Some((_, id)) = field.split_once("fields.") {
        return sheet.column_of(&format!("field:{id}"));
    }
    let words = field.rsplit('.').map(|word| word.split('[').next().unwrap_or(word));
    let known = words.filter_map(|word| COLUMNS.iter().find(|(known, _)| *known == word));
    let mut columns = known.flat_map(|(_, columns)| columns.iter());
    columns.find_map(|column| sheet.column_of(column))
}

/// The refusal without what only makes sense to who sent the request it was about.
pub(super) fn told(refusal: Refusal) -> Refusal {
    Refusal { obstacles: Vec::new(), ..refusal }
}
