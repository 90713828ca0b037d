//! `freehold usage`: how full a place is, and which places are over- or under-used.

use crate::connect::Api;
use crate::error::Failure;
use crate::names::{self, Place};
use crate::output::{Screen, Shown, word};
use crate::page::{Limit, all};
use clap::{Args, ValueEnum};
use freehold_core::name::SpaceName;
use freehold_proto::v1;
use freehold_proto::v1::{AddressCounts, CarvedSpace};

/// How full a space, prefix, scope, server or view is, or which places are over- and under-used
///
/// Without options, the figures of one place. With --over, --under, --sort or --filter, the prefixes and scopes in it that match.
#[derive(Debug, Args)]
pub(crate) struct Usage {
    /// 10.1.0.0/16, a scope such as berlin-voice, servers/AGENT/SERVER, views/NAME or spaces/NAME; the default space if not given
    #[arg(value_parser = names::place, value_name = "PLACE")]
    place: Option<Place>,
    /// The space of a prefix; the default space if not given
    #[arg(long, value_parser = names::space)]
    space: Option<SpaceName>,
    /// Only what is used for so many percent, or more
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    over: Option<f64>,
    /// Only what is used for so many percent, or less; with --over, either
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    under: Option<f64>,
    /// Only what matches: kind = network tags:voice available < 10
    #[arg(long, default_value = "")]
    filter: String,
    /// By which figure, the largest first; the order of the plan if not given
    #[arg(long)]
    sort: Option<Figure>,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Figure {
    Percent,
    Used,
    Available,
    Leased,
}

/// `90`, `90%` or `99.5`
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse().ok();
    let number = number.filter(|number: &f64| (0.0..=100.0).contains(number));
    number.ok_or_else(|| format!("{text:?} is not a percentage from 0 to 100"))
}

/// What is asked for.
#[derive(Debug, PartialEq)]
enum Asked {
    One(v1::GetUtilisationRequest),
    List(v1::ListUtilisationRequest),
}

impl Usage {
    fn asked(&self) -> Result<Asked, Failure> {
        let place = self.place.clone().unwrap_or_else(|| Place::Space(names::space_or_default(self.space.as_ref())));
        let lists = self.over.is_some() || self.under.is_some() || self.sort.is_some() || !self.filter.is_empty();
        if !lists {
            let name = place.name(self.space.as_ref())?;
            return Ok(Asked::One(v1::GetUtilisationRequest { name }));
        }
        let (parent, view) = match &place {
            Place::View(view) => ("spaces/-".to_owned(), view.to_string()),
            Place::Scope(_) | Place::Server(_) => {
                return Err(Failure::Usage(format!(
                    "{} has no places in it; name a space, a prefix or a view",
                    place.name(None)?
                )));
            }
            Place::Space(_) | Place::Prefix(_) => (place.name(self.space.as_ref())?, String::new()),
        };
        let bound = |operator: &str, bound: Option<f64>| bound.map(|bound| format!("used_percent {operator} {bound}"));
        let bounds: Vec<_> = [bound(">=", self.over), bound("<=", self.under)].into_iter().flatten().collect();
        let bounds = Some(bounds.join(" OR ")).filter(|bounds| !bounds.is_empty());
        let filter = Some(self.filter.clone()).filter(|filter| !filter.is_empty());
        let filter = match (filter, bounds) {
            (Some(filter), Some(bounds)) => format!("({filter}) AND ({bounds})"),
            (filter, bounds) => filter.or(bounds).unwrap_or_default(),
        };
        let by = self.sort.or((self.over.is_some() || self.under.is_some()).then_some(Figure::Percent));
        let order_by = match by {
            None => "",
            Some(Figure::Percent) => "used_percent desc",
            Some(Figure::Used) => "used desc",
            Some(Figure::Available) => "available desc",
            Some(Figure::Leased) => "leased desc",
        };
        let order_by = order_by.to_owned();
        Ok(Asked::List(v1::ListUtilisationRequest { parent, filter, order_by, view, ..Default::default() }))
    }
}

pub(crate) async fn run(usage: &Usage, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match usage.asked()? {
        Asked::One(request) => {
            screen.one(&api.call(request, async |request| api.usage().get_utilisation(request).await).await?)
        }
        Asked::List(list) => {
            let found = all(usage.limit, async |page_size, page_token| {
                let request = v1::ListUtilisationRequest { page_size, page_token, ..list.clone() };
                let page = api.call(request, async |request| api.usage().list_utilisation(request).await).await?;
                Ok((page.utilisations, page.next_page_token))
            });
            screen.list(&found.await?)
        }
    }
}

/// `87.5 %`; empty where a percentage says nothing.
pub(super) fn shown_percent(percent: Option<f64>) -> String {
    percent.map(|percent| format!("{percent:.1} %")).unwrap_or_default()
}

/// A line for each figure that is not 0, and how much is left.
fn lines(counts: Option<&AddressCounts>) -> String {
    let Some(counts) = counts else { return String::new() };
    let figures = [
        ("held", counts.held.to_string()),
        ("claimed", counts.claimed.to_string()),
        ("reserved", counts.reserved.to_string()),
        ("leased", counts.leased.to_string()),
        ("excluded", counts.excluded.clone()),
        ("not usable", counts.not_usable.to_string()),
        ("in no network", counts.unplanned.clone()),
    ];
    let mut lines = vec![format!("{} of {} available", counts.available, counts.total)];
    lines.extend(figures.iter().filter(|(_, count)| count != "0").map(|(what, count)| format!("{count} {what}")));
    if counts.used_percent.is_some() {
        lines.push(format!("{} used", shown_percent(counts.used_percent)));
    }
    lines.join("\n")
}

fn carved(carved: Option<&CarvedSpace>) -> String {
    let Some(carved) = carved.filter(|carved| carved.prefixes > 0) else { return String::new() };
    let percent = carved.percent.map(|percent| format!(", {percent:.1} %")).unwrap_or_default();
    format!("{} prefixes with {} addresses{percent}", carved.prefixes, carved.addresses)
}

/// The name as people write it.
fn short(name: &str) -> String {
    if name.contains("/prefixes/") { names::short_prefix(name) } else { name.to_owned() }
}

impl Shown for v1::Utilisation {
    const MESSAGE: &'static str = "freehold.v1.Utilisation";
    const COLUMNS: &'static [&'static str] =
        &["PLACE", "KIND", "USED", "LEASED", "RESERVED", "CLAIMED", "HELD", "AVAILABLE", "OF", "%", "TITLE"];

    fn row(&self) -> Vec<String> {
        let counts = self.ipv4.as_ref().or(self.ipv6.as_ref()).cloned().unwrap_or_default();
        vec![
            short(&self.name),
            word(self.kind().as_str_name(), "KIND_"),
            counts.used.to_string(),
            counts.leased.to_string(),
            counts.reserved.to_string(),
            counts.claimed.to_string(),
            counts.held.to_string(),
            counts.available,
            counts.total,
            shown_percent(self.used_percent),
            self.title.clone(),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let number = |number: u64| if number > 0 { number.to_string() } else { String::new() };
        let sixty_fours = match self.total_64s.as_str() {
            "" => String::new(),
            total => format!("{} of {total} used", self.used_64s),
        };
        vec![
            ("place", short(&self.name)),
            ("kind", word(self.kind().as_str_name(), "KIND_")),
            ("title", self.title.clone()),
            ("used", shown_percent(self.used_percent)),
            ("ipv4", lines(self.ipv4.as_ref())),
            ("ipv4 pools", lines(self.ipv4_pools.as_ref())),
            ("ipv4 carved", carved(self.ipv4_carved.as_ref())),
            ("ipv6", lines(self.ipv6.as_ref())),
            ("ipv6 pools", lines(self.ipv6_pools.as_ref())),
            ("ipv6 carved", carved(self.ipv6_carved.as_ref())),
            ("/64s", sixty_fours),
            ("networks", number(self.networks)),
            ("scopes", number(self.scopes)),
            ("inactive scopes", number(self.inactive_scopes)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command as Noun, testing};
    use super::*;

    fn asked(line: &str) -> Asked {
        let Noun::Usage(usage) = testing::parse(line) else { panic!("another command") };
        usage.asked().expect("asked rightly")
    }

    #[test]
    fn one_place_or_a_list() {
        let one = |name: &str| Asked::One(v1::GetUtilisationRequest { name: name.to_owned() });
        assert_eq!(asked("usage"), one("spaces/default"));
        assert_eq!(asked("usage 10.1.0.0/16 --space lab"), one("spaces/lab/prefixes/10.1.0.0-16"));
        assert_eq!(asked("usage berlin-voice"), one("scopes/berlin-voice"));
        assert_eq!(asked("usage views/voice"), one("views/voice"));
        let list = |parent: &str, view: &str, filter: &str, order_by: &str| {
            let (parent, view) = (parent.to_owned(), view.to_owned());
            let (filter, order_by) = (filter.to_owned(), order_by.to_owned());
            Asked::List(v1::ListUtilisationRequest { parent, view, filter, order_by, ..Default::default() })
        };
        assert_eq!(
            asked("usage --over 90 --under 10%"),
            list("spaces/default", "", "used_percent >= 90 OR used_percent <= 10", "used_percent desc")
        );
        assert_eq!(
            asked("usage views/voice --over 90 --filter kind=network --sort leased"),
            list("spaces/-", "views/voice", "(kind=network) AND (used_percent >= 90)", "leased desc")
        );
        assert_eq!(
            asked("usage 10.0.0.0/8 --filter used>0"),
            list("spaces/default/prefixes/10.0.0.0-8", "", "used>0", "")
        );
        let refused = testing::refused("usage --over 101");
        assert!(refused.contains("is not a percentage from 0 to 100"), "{refused}");
    }

    #[test]
    fn figures_that_are_nothing_are_left_out() {
        let counts = AddressCounts {
            total: "256".into(),
            unplanned: "0".into(),
            leased: 64,
            excluded: "0".into(),
            not_usable: 2,
            available: "190".into(),
            used: 64,
            used_percent: Some(25.196),
            ..AddressCounts::default()
        };
        assert_eq!(lines(Some(&counts)), "190 of 256 available\n64 leased\n2 not usable\n25.2 % used");
        assert_eq!(lines(None), "");
    }
}
