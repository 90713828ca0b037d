//! `freehold ip history` and `freehold ip who`: what happened to an address, and who had it when.

use super::Which;
use crate::command::event;
use crate::connect::Api;
use crate::duration;
use crate::error::Failure;
use crate::output::{Screen, Shown, time};
use crate::page::{Limit, all};
use clap::Args;
use freehold_proto::convert::time::{from_system, message};
use freehold_proto::v1;
use prost_types::Timestamp;
use std::time::SystemTime;

const DAY: i64 = 86_400;

#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    which: Which,
    /// Only from then on: 2026-11-21T14:05:00Z, 14:05 (today, UTC) or -2h
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    since: Option<String>,
    /// Only before then
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    until: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Args)]
pub(crate) struct Who {
    #[command(flatten)]
    which: Which,
    /// When: 2026-11-21T14:05:00Z, 14:05 (today, UTC) or -2h; now if not given
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<String>,
}

/// A point in time as people write it, of the past if it says no day.
pub(super) fn moment(text: &str, now: &Timestamp) -> Result<Timestamp, Failure> {
    let wrong =
        || Failure::Usage(format!("{text:?} is not a time: give 2026-11-21T14:05:00Z, 14:05 (today, UTC) or -2h"));
    if let Some(distance) = text.strip_prefix('-') {
        let distance = duration::parse(distance).map_err(|_| wrong())?;
        let seconds = i64::try_from(distance.as_secs()).map_err(|_| wrong())?;
        return Ok(Timestamp { seconds: now.seconds.saturating_sub(seconds), nanos: now.nanos });
    }
    if let Some((hour, minute)) = text.split_once(':').filter(|(hour, _)| hour.len() <= 2) {
        let number = |text: &str, below: i64| text.parse::<i64>().ok().filter(|number| (0..below).contains(number));
        let (hour, minute) = number(hour, 24).zip(number(minute, 60)).ok_or_else(wrong)?;
        return Ok(Timestamp { seconds: now.seconds.div_euclid(DAY) * DAY + hour * 3600 + minute * 60, nanos: 0 });
    }
    text.parse().map_err(|_| wrong())
}

fn optional(text: Option<&String>, now: &Timestamp) -> Result<Option<Timestamp>, Failure> {
    text.map(|text| moment(text, now)).transpose()
}

pub(crate) async fn history(history: &History, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let now = message(from_system(SystemTime::now()));
    let (start_time, end_time) = (optional(history.since.as_ref(), &now)?, optional(history.until.as_ref(), &now)?);
    let rows = all(history.limit, async |page_size, page_token| {
        let name = history.which.name()?;
        let request = v1::ListAddressHistoryRequest { name, page_size, page_token, start_time, end_time };
        let page = api.call(request, async |request| api.history().list_address_history(request).await).await?;
        Ok((page.rows, page.next_page_token))
    });
    screen.list(&rows.await?)
}

pub(crate) async fn who(who: &Who, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let now = message(from_system(SystemTime::now()));
    let request = v1::WhoHadRequest { name: who.which.name()?, time: optional(who.at.as_ref(), &now)? };
    screen.one(&api.call(request, async |request| api.history().who_had(request).await).await?)
}

impl Shown for v1::AddressHistoryRow {
    const MESSAGE: &'static str = "freehold.v1.AddressHistoryRow";
    const COLUMNS: &'static [&'static str] = &["TIME", "WHAT", "WHO", "REVISION", "RUNS SINCE"];

    fn row(&self) -> Vec<String> {
        let revision = if self.revision == 0 { String::new() } else { self.revision.to_string() };
        let since = self.applied.as_ref().map(|applied| time(applied.time.as_ref())).unwrap_or_default();
        let who = self.principal.strip_prefix("operators/").unwrap_or(&self.principal);
        vec![time(self.time.as_ref()), self.what.clone(), who.to_owned(), revision, since]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("time", time(self.time.as_ref())),
            ("what", self.what.clone()),
            ("who", self.principal.clone()),
            ("method", self.method.clone()),
            ("fields", self.change.as_ref().map(event::lines).unwrap_or_default().join("\n")),
        ]
    }
}

impl Shown for v1::WhoHadResponse {
    const MESSAGE: &'static str = "freehold.v1.WhoHadResponse";
    const COLUMNS: &'static [&'static str] = &["ADDRESS", "TIME", "ANSWER"];

    fn row(&self) -> Vec<String> {
        vec![self.name.clone(), time(self.time.as_ref()), self.answer.clone()]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let leases = self.leases.iter().map(|tenure| {
            let lease = tenure.lease.clone().unwrap_or_default();
            let since = if tenure.from_earlier { "since at the latest" } else { "since" };
            let (from, until) = (time(tenure.from_time.as_ref()), time(tenure.until_time.as_ref()));
            format!("{} {} by {}, {since} {from}, until {until}", lease.hardware_address, lease.host_name, lease.server)
        });
        let name = |name: Option<&String>| name.cloned().unwrap_or_default();
        let change = self.last_change.as_ref();
        vec![
            ("address", self.name.clone()),
            ("time", time(self.time.as_ref())),
            ("answer", self.answer.clone()),
            ("leases", leases.collect::<Vec<_>>().join("\n")),
            ("scope", name(self.scope.as_ref().map(|scope| &scope.name))),
            ("network", name(self.network.as_ref().map(|network| &network.cidr))),
            (
                "last change",
                change
                    .map(|row| format!("{} by {}, {}", row.what, row.principal, time(row.time.as_ref())))
                    .unwrap_or_default(),
            ),
            ("not known", self.unknown.join("\n")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_as_people_write_them() {
        let now: Timestamp = "2026-11-21T16:00:30Z".parse().expect("a time");
        for (text, meant) in [
            ("14:05", "2026-11-21T14:05:00Z"),
            ("-2h", "2026-11-21T14:00:30Z"),
            ("2026-11-20T09:00:00+01:00", "2026-11-20T08:00:00Z"),
        ] {
            assert_eq!(moment(text, &now).expect(text), meant.parse().expect("a time"), "{text}");
        }
        for wrong in ["", "25:00", "14:60", "-", "-2x", "yesterday", "1405"] {
            assert!(moment(wrong, &now).is_err(), "{wrong}");
        }
    }
}
