//! `freehold ip stale`: addresses whose clients nobody has heard of for long, and taking them back.

use crate::command::ip::request::whole;
use crate::connect::Api;
use crate::error::Failure;
use crate::names::{self, Place};
use crate::output::{Screen, Shown, time, word, yes};
use crate::page::{Limit, all};
use clap::Args;
use freehold_core::name::SpaceName;
use freehold_proto::v1;
use std::time::Duration;

/// Addresses given back in one call.
const TOGETHER: usize = 500;

#[derive(Debug, Args)]
pub(crate) struct Stale {
    /// Where: 10.0.0.0/8, a scope such as berlin-voice, or spaces/NAME; the default space if not given
    #[arg(value_parser = names::place, value_name = "PLACE")]
    place: Option<Place>,
    /// The space of a prefix; the default space if not given
    #[arg(long, value_parser = names::space)]
    space: Option<SpaceName>,
    /// Not seen for so many days. Hosts that do not use DHCP are never seen
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    /// Release the claims and delete the reservations that are shown; with --yes, else only say which would be
    #[arg(long)]
    reclaim: bool,
    /// Do so
    #[arg(long, requires = "reclaim")]
    yes: bool,
    #[command(flatten)]
    limit: Limit,
}

impl Stale {
    fn not_seen_for(&self) -> prost_types::Duration {
        whole(Duration::from_secs(u64::from(self.days) * 24 * 60 * 60))
    }

    fn list(&self) -> Result<v1::ListStaleAddressesRequest, Failure> {
        let place = self.place.clone().unwrap_or_else(|| Place::Space(names::space_or_default(self.space.as_ref())));
        let parent = place.name(self.space.as_ref())?;
        if matches!(place, Place::View(_) | Place::Server(_)) {
            return Err(Failure::Usage(format!("{parent} is no place to look in; name a space, a prefix or a scope")));
        }
        Ok(v1::ListStaleAddressesRequest { parent, not_seen_for: Some(self.not_seen_for()), ..Default::default() })
    }

    fn reclaim(&self, names: &[String], request_id: String) -> v1::ReclaimAddressesRequest {
        v1::ReclaimAddressesRequest {
            names: names.to_vec(),
            not_seen_for: Some(self.not_seen_for()),
            request_id,
            validate_only: !self.yes,
        }
    }
}

pub(super) async fn run(stale: &Stale, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let list = stale.list()?;
    let found = all(stale.limit, async |page_size, page_token| {
        let request = v1::ListStaleAddressesRequest { page_size, page_token, ..list.clone() };
        let page = api.call(request, async |request| api.reclaim().list_stale_addresses(request).await).await?;
        Ok((page.addresses, page.next_page_token))
    });
    let found = found.await?;
    screen.list(&found)?;
    if !stale.reclaim {
        return Ok(());
    }
    let names: Vec<String> = found
        .iter()
        .filter(|found| found.reclaimable)
        .filter_map(|found| Some(found.address.as_ref()?.name.clone()))
        .collect();
    let mut reclaimed = 0;
    for names in names.chunks(TOGETHER) {
        let request = stale.reclaim(names, api.request_id());
        let done = api.call(request, async |request| api.reclaim().reclaim_addresses(request).await).await?;
        reclaimed += done.reclaimed.len();
    }
    match stale.yes {
        true => screen.note(&format!("{reclaimed} reclaimed")),
        false => screen.note(&format!("{reclaimed} would be reclaimed; nothing was changed, --yes does it")),
    }
}

impl Shown for v1::StaleAddress {
    const MESSAGE: &'static str = "freehold.v1.StaleAddress";
    const COLUMNS: &'static [&'static str] =
        &["ADDRESS", "STATE", "LAST SEEN", "UNSEEN SINCE", "RECLAIMABLE", "HOST NAMES", "WHY"];

    fn row(&self) -> Vec<String> {
        let address = self.address.clone().unwrap_or_default();
        let seen = time(self.last_seen_time.as_ref());
        vec![
            address.address.clone(),
            word(address.state().as_str_name(), "STATE_"),
            if seen.is_empty() { "never".to_owned() } else { seen },
            time(self.unseen_since_time.as_ref()),
            yes(self.reclaimable),
            address.host_names.join(", "),
            address.reasons.first().map(|reason| reason.message.clone()).unwrap_or_default(),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let labels = ["address", "state", "last seen", "unseen since", "reclaimable", "host names", "why"];
        labels.into_iter().zip(self.row()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use crate::command::{Command as Noun, testing};
    use freehold_proto::v1;

    #[test]
    fn nothing_is_reclaimed_without_yes() {
        let stale = |line: &str| match testing::parse(line) {
            Noun::Ip(Command::Stale(stale)) => stale,
            _ => panic!("another command"),
        };
        let shown = stale("ip stale 10.1.0.0/16 --days 30");
        let wanted = v1::ListStaleAddressesRequest {
            parent: "spaces/default/prefixes/10.1.0.0-16".to_owned(),
            not_seen_for: Some(prost_types::Duration { seconds: 30 * 24 * 3600, nanos: 0 }),
            ..Default::default()
        };
        assert_eq!(shown.list().expect("a request"), wanted);
        let names = ["spaces/default/addresses/10.1.2.3".to_owned()];
        assert!(stale("ip stale --reclaim").reclaim(&names, "id".to_owned()).validate_only);
        let meant = stale("ip stale --reclaim --yes").reclaim(&names, "id".to_owned());
        assert_eq!((meant.validate_only, meant.not_seen_for.map(|d| d.seconds)), (false, Some(90 * 24 * 3600)));
        assert!(testing::refused("ip stale --yes").contains("required arguments were not provided"));
    }
}
