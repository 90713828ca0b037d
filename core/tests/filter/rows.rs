//! Rows to filter: a list of places with a field of every kind.

use freehold_core::Timestamp;
use freehold_core::client::HardwareAddress;
use freehold_core::filter::{Datum, Expression, Filter, Kind, Lookup, Schema};
use freehold_core::net::Cidr;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// 2026-03-01T12:00:00Z
pub(crate) const NOW: Timestamp = Timestamp(1_772_366_400_000);

pub(crate) fn schema() -> Schema {
    Schema::new()
        .searched("title", Kind::Text)
        .field("fields.owner", Kind::Text)
        .field("fields.floor", Kind::Number)
        .field("critical", Kind::Bool)
        .field("updated", Kind::Timestamp)
        .searched("address", Kind::Address)
        .searched("cidr", Kind::Cidr)
        .searched("hardware_address", Kind::Hardware)
        .searched("status", Kind::words(&["ACTIVE", "INACTIVE"]))
        .searched("tags", Kind::Tags)
        .field("names", Kind::Text)
}

#[derive(Debug, Default, Clone)]
pub(crate) struct Place {
    pub(crate) title: String,
    pub(crate) owner: Option<String>,
    pub(crate) floor: Option<f64>,
    pub(crate) critical: bool,
    pub(crate) updated: Timestamp,
    pub(crate) address: Option<IpAddr>,
    pub(crate) cidr: Option<Cidr>,
    pub(crate) hardware: Option<HardwareAddress>,
    pub(crate) active: bool,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) names: Vec<String>,
}

impl Lookup for Place {
    fn look(&self, field: &str, key: Option<&str>) -> Datum<'_> {
        match (field, key) {
            ("title", None) => self.title.as_str().into(),
            ("fields.owner", None) => self.owner.as_deref().into(),
            ("fields.floor", None) => self.floor.map_or(Datum::Absent, Datum::Number),
            ("critical", None) => Datum::Bool(self.critical),
            ("updated", None) => Datum::Timestamp(self.updated),
            ("address", None) => self.address.map_or(Datum::Absent, Datum::Address),
            ("cidr", None) => self.cidr.map_or(Datum::Absent, Datum::Cidr),
            ("hardware_address", None) => self.hardware.as_ref().map_or(Datum::Absent, Datum::Hardware),
            ("status", None) => (if self.active { "ACTIVE" } else { "INACTIVE" }).into(),
            ("tags", Some(key)) => self.tags.get(key).map(String::as_str).into(),
            ("tags", None) => Datum::List(self.tags.iter().map(|(key, value)| Datum::Entry { key, value }).collect()),
            ("names", None) => {
                Datum::List(self.names.iter().map(|name| Datum::Text(Cow::Borrowed(name.as_str()))).collect())
            }
            other => panic!("the schema has no {other:?}"),
        }
    }
}

/// A floor of a hospital in Berlin.
pub(crate) fn berlin() -> Place {
    Place {
        title: "Berlin Über-Voice, 3rd floor".into(),
        owner: Some("it-ops".into()),
        floor: Some(3.0),
        critical: true,
        updated: Timestamp(NOW.0 - 10 * 86_400_000),
        address: Some([10, 1, 2, 3].into()),
        cidr: Some("10.1.0.0/16".parse().expect("a CIDR")),
        hardware: Some("02:00:5e:10:00:01".parse().expect("a hardware address")),
        active: true,
        tags: [("site", "Berlin"), ("rack no", "7"), ("a.b", "dotted")].map(|(k, v)| (k.into(), v.into())).into(),
        names: vec!["pbx.berlin.example".into(), "voice.example".into()],
    }
}

pub(crate) fn filter(text: &str) -> Filter {
    let expression = Expression::parse(text).unwrap_or_else(|refusal| panic!("{text}: {refusal}"));
    expression.bind(&schema(), NOW).unwrap_or_else(|refusal| panic!("{text}: {refusal}"))
}
