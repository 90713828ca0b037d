//! Where a permission holds for somebody, and where records lie: the two that every decision on a place is made of.

use super::{Permission, Place};
use crate::change::Record;
use crate::lease::Lease;
use crate::model::Scope;
use crate::name::{PrefixName, ReservationName, ScopeName, SpaceName};
use crate::net::{AddressRange, Cidr};
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Where a permission holds for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// For everything. What asks for it costs nothing then.
    Everywhere,
    /// In these places, none of them in another, in order. Without one: nowhere.
    Within(Vec<Place>),
}

impl Reach {
    /// For nothing.
    pub const NOWHERE: Self = Self::Within(Vec::new());

    /// In these places.
    pub fn within(places: impl IntoIterator<Item = Place>) -> Self {
        let mut places: Vec<_> = places.into_iter().collect();
        // What holds another comes before it.
        places.sort();
        let mut outer: Vec<Place> = Vec::new();
        for place in places {
            if !outer.last().is_some_and(|last| last.holds(&place)) {
                outer.push(place);
            }
        }
        Self::Within(outer)
    }

    /// Whether it is for everything, the house's own things among it: servers, agents, operators.
    pub fn is_everywhere(&self) -> bool {
        matches!(self, Self::Everywhere)
    }

    /// Whether it is for nothing.
    pub fn is_nowhere(&self) -> bool {
        matches!(self, Self::Within(places) if places.is_empty())
    }

    fn any(&self, fits: impl Fn(&Place) -> bool) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Within(places) => places.iter().any(fits),
        }
    }

    /// Whether all of a CIDR lies in it.
    pub fn covers(&self, space: &SpaceName, cidr: &Cidr) -> bool {
        self.any(|place| place.covers(space, cidr))
    }

    /// Whether a prefix lies in it.
    pub fn covers_prefix(&self, name: &PrefixName) -> bool {
        self.covers(&name.space, &name.cidr)
    }

    /// Whether an address lies in it.
    pub fn covers_address(&self, space: &SpaceName, address: IpAddr) -> bool {
        self.any(|place| place.space == *space && place.cidr.is_none_or(|cidr| cidr.contains(address)))
    }

    /// Whether all of a space lies in it, and so the space itself.
    pub fn covers_space(&self, space: &SpaceName) -> bool {
        self.any(|place| place.space == *space && place.cidr.is_none())
    }

    /// Whether it has an address of a CIDR.
    pub fn meets(&self, space: &SpaceName, cidr: &Cidr) -> bool {
        self.any(|place| place.meets(space, cidr))
    }

    /// Whether it has a part of a space.
    pub fn meets_space(&self, space: &SpaceName) -> bool {
        self.any(|place| place.space == *space)
    }

    /// Whether what lies there lies in it.
    pub fn takes(&self, spot: &Spot) -> bool {
        match spot {
            Spot::House => self.is_everywhere(),
            Spot::Space(space) => self.covers_space(space),
            Spot::Plan(place) => self.covers_prefix(place),
        }
    }

    /// Whether what lies there, or a part of it, lies in it.
    pub fn touches(&self, spot: &Spot) -> bool {
        match spot {
            Spot::Plan(place) => self.meets(&place.space, &place.cidr),
            Spot::House | Spot::Space(_) => self.takes(spot),
        }
    }

    /// Whether a reservation lies in it.
    pub fn takes_reservation(&self, state: &State, name: &ReservationName) -> bool {
        self.is_everywhere() || self.takes(&Spot::reservation(state, name))
    }

    /// Whether a lease lies in it: a server's own subnets lie nowhere in the plan.
    pub fn takes_lease(&self, state: &State, lease: &Lease) -> bool {
        self.is_everywhere() || {
            state.space_of_lease(lease).is_some_and(|space| self.covers_address(space, lease.address))
        }
    }

    /// The CIDRs of a space that it has, in order; none if it has all of the space.
    pub fn cidrs_in(&self, space: &SpaceName) -> impl Iterator<Item = Cidr> {
        let places = match self {
            Self::Everywhere => &[][..],
            Self::Within(places) => places,
        };
        places.iter().filter(move |place| place.space == *space).filter_map(|place| place.cidr)
    }

    /// What of some addresses of a space lies in it, in order.
    pub fn cut(&self, space: &SpaceName, ranges: Vec<AddressRange>) -> Vec<AddressRange> {
        let Self::Within(places) = self else { return ranges };
        let mut parts = Vec::new();
        for range in ranges {
            for place in places.iter().filter(|place| place.space == *space) {
                parts.extend(match place.cidr.map(|cidr| cidr.range()) {
                    None => Some(range),
                    Some(own) if !own.overlaps(&range) => None,
                    Some(own) => AddressRange::new(own.start().max(range.start()), own.end().min(range.end())).ok(),
                });
            }
        }
        parts
    }

    /// The refusal of what lies outside.
    pub fn refuse(&self, who: impl fmt::Display, permission: Permission, what: impl fmt::Display) -> Refusal {
        let message = match self.is_nowhere() {
            true => format!("{who} lacks the permission {permission}, which {what} needs"),
            false => format!("{who} has the permission {permission} {self}, and not for {what}"),
        };
        Refusal::new(Reason::PermissionDenied, message).about(what)
    }
}

/// How many places are named.
const NAMED_MAX: usize = 5;

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere => f.write_str("everywhere"),
            Self::Within(places) if places.is_empty() => f.write_str("nowhere"),
            Self::Within(places) => {
                let named: Vec<_> = places.iter().take(NAMED_MAX).map(ToString::to_string).collect();
                write!(f, "in {}", named.join(", "))?;
                match places.len() - named.len() {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
        }
    }
}

/// Where something lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spot {
    /// Nowhere in the plan: it is everybody's, or it is not there.
    House,
    /// It is a space.
    Space(SpaceName),
    /// Within this, which need not be a prefix of the plan.
    Plan(PrefixName),
}

impl Spot {
    /// An address.
    pub fn address(space: &SpaceName, address: IpAddr) -> Self {
        Self::Plan(PrefixName { space: space.clone(), cidr: Cidr::of_one(address) })
    }

    /// A scope, if it is there.
    pub fn scope(scope: Option<&Arc<Scope>>) -> Self {
        scope.map_or(Self::House, |scope| Self::Plan(scope.prefix()))
    }

    /// A reservation, if its scope is there.
    pub fn reservation(state: &State, name: &ReservationName) -> Self {
        state.scope(&name.scope).map_or(Self::House, |scope| Self::address(&scope.space, name.address))
    }

    /// A record. Reservations lie where their scope does, which `scopes` knows.
    pub fn of<'s>(record: &Record, scopes: impl FnOnce(&ScopeName) -> Option<&'s Arc<Scope>>) -> Self {
        match record {
            Record::Space(space) => Self::Space(space.name.clone()),
            Record::Prefix(prefix) => Self::Plan(prefix.name.clone()),
            Record::Scope(scope) => Self::Plan(scope.prefix()),
            Record::Reservation(reservation) => match scopes(&reservation.name.scope) {
                Some(scope) => Self::address(&scope.space, reservation.name.address),
                None => Self::House,
            },
            Record::Address(assignment) => Self::address(&assignment.name.space, assignment.name.address),
            Record::Sighting(sighting) => Self::address(&sighting.name.space, sighting.name.address),
            Record::Server(_)
            | Record::ServerStatus(_)
            | Record::Agent(_)
            | Record::Token(_)
            | Record::Operator(_)
            | Record::Field(_)
            | Record::View(_)
            | Record::NextSubnetId(_) => Self::House,
        }
    }

    /// A record of the past. A reservation lies where its scope does now; one of an earlier scope of that name lies nowhere.
    pub fn of_past(state: &State, record: &Record) -> Self {
        let made = match record {
            Record::Reservation(reservation) => reservation.stamp.created,
            _ => Default::default(),
        };
        Self::of(record, |name| state.scope(name).filter(|scope| scope.stamp.created <= made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(places: &[&str]) -> Reach {
        Reach::within(places.iter().map(|place| place.parse().expect("a place")))
    }

    fn cidr(text: &str) -> Cidr {
        text.parse().expect("a CIDR")
    }

    #[test]
    fn what_lies_in_another_place_adds_nothing() {
        let berlin = "spaces/berlin/prefixes/10.1.0.0-16";
        let inner = "spaces/berlin/prefixes/10.1.2.0-24";
        assert_eq!(reach(&[inner, berlin, "spaces/a", "spaces/a/prefixes/10.0.0.0-8"]), reach(&[berlin, "spaces/a"]));
        assert_eq!(reach(&[inner, berlin]).to_string(), format!("in {berlin}"));
    }

    #[test]
    fn a_place_has_itself_and_what_is_in_it_in_its_space_alone() {
        let (berlin, other) = (SpaceName::from_id("berlin").expect("a name"), SpaceName::from_id("x").expect("a name"));
        let here = reach(&["spaces/berlin/prefixes/10.1.0.0-16"]);
        let all = reach(&["spaces/berlin"]);
        assert!(here.covers(&berlin, &cidr("10.1.0.0/16")) && here.covers(&berlin, &cidr("10.1.2.0/24")));
        assert!(!here.covers(&berlin, &cidr("10.0.0.0/8")) && here.meets(&berlin, &cidr("10.0.0.0/8")));
        assert!(!here.covers(&other, &cidr("10.1.2.0/24")) && !here.meets(&other, &cidr("10.0.0.0/8")));
        assert!(!here.covers_space(&berlin) && here.meets_space(&berlin) && all.covers_space(&berlin));
        assert!(all.covers(&berlin, &cidr("2001:db8::/32")) && !all.covers_space(&other));
        assert!(!here.takes(&Spot::House) && Reach::Everywhere.takes(&Spot::House) && Reach::NOWHERE.is_nowhere());
    }

    #[test]
    fn addresses_are_cut_to_what_lies_in_the_places() {
        let berlin = SpaceName::from_id("berlin").expect("a name");
        let here = reach(&["spaces/berlin/prefixes/10.1.2.0-28", "spaces/berlin/prefixes/10.1.2.32-28"]);
        let parts = here.cut(&berlin, vec!["10.1.2.10-10.1.2.40".parse().expect("a range")]);
        let told: Vec<_> = parts.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["10.1.2.10-10.1.2.15", "10.1.2.32-10.1.2.40"]);
        assert_eq!(here.cut(&SpaceName::from_id("x").expect("a name"), vec![cidr("10.0.0.0/8").range()]), []);
    }
}
