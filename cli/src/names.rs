//! Names as people type them: short (`berlin-voice`, `10.1.0.0/16`, `berlin-1/kea4`) or whole (`scopes/berlin-voice`).
//!
//! Everything ends as one of core's name types, whose `Display` is the name that the API takes. A name of another
//! collection is refused rather than guessed at.

use freehold_core::access::{Grant, Place as GrantPlace};
use freehold_core::name::{
    AgentName, ConflictName, FieldName, OperatorName, PrefixName, ReservationName, ScopeName, ServerName, SpaceName,
    TokenName, ViewName,
};
use freehold_core::net::{Cidr, parse_address};
use freehold_core::refusal::{Reason, Refusal};
use std::net::IpAddr;

/// The space that is meant where none is named.
pub const DEFAULT_SPACE: &str = "default";

macro_rules! short_or_whole {
    ($(#[$doc:meta] $function:ident -> $name:ident;)*) => {
        $(
            #[$doc]
            pub fn $function(text: &str) -> Result<$name, Refusal> {
                if text.contains('/') { text.parse() } else { $name::from_id(text) }
            }
        )*
    };
}

short_or_whole! {
    /// `default` or `spaces/default`
    space -> SpaceName;
    /// `berlin-voice` or `scopes/berlin-voice`
    scope -> ScopeName;
    /// `berlin-1` or `agents/berlin-1`
    agent -> AgentName;
    /// `alice` or `operators/alice`
    operator -> OperatorName;
    /// `site` or `fieldDefinitions/site`
    field -> FieldName;
    /// `3f9a02c1d4e5b607` or `conflicts/3f9a02c1d4e5b607`
    conflict -> ConflictName;
    /// `voice-berlin` or `views/voice-berlin`
    view -> ViewName;
    /// `7f3a…` or `enrolmentTokens/7f3a…`
    token -> TokenName;
}

/// `berlin-1/kea4` or `servers/berlin-1/kea4`
pub fn server(text: &str) -> Result<ServerName, Refusal> {
    match text.split('/').count() {
        2 => format!("servers/{text}").parse(),
        _ => text.parse(),
    }
    .map_err(|refusal: Refusal| match refusal.message.contains("of the form") {
        true => Refusal::new(
            Reason::InvalidName,
            format!("{text:?} is not of the form AGENT/SERVER, such as berlin-1/kea4"),
        ),
        false => refusal,
    })
}

/// A prefix that may still lack its space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prefix {
    /// `spaces/default/prefixes/10.1.0.0-16`
    Whole(PrefixName),
    /// `10.1.0.0/16`
    InSpace(Cidr),
}

/// `10.1.0.0/16` or `spaces/default/prefixes/10.1.0.0-16`
pub fn prefix(text: &str) -> Result<Prefix, Refusal> {
    match text.starts_with("spaces/") {
        true => text.parse().map(Prefix::Whole),
        false => text.parse().map(Prefix::InSpace),
    }
}

impl Prefix {
    /// The whole name; `space` is what `--space` said, the default space if it said nothing.
    pub fn name(&self, space: Option<&SpaceName>) -> Result<PrefixName, Refusal> {
        match (self, space) {
            (Self::Whole(name), Some(space)) if name.space != *space => {
                Err(Refusal::new(Reason::InvalidName, format!("{name} is not in {space}; leave --space out")))
            }
            (Self::Whole(name), _) => Ok(name.clone()),
            (Self::InSpace(cidr), space) => Ok(PrefixName { space: space_or_default(space), cidr: *cidr }),
        }
    }
}

/// A role within a place: `asm-administrator=10.1.0.0/16`, `viewer=spaces/berlin` or `viewer=spaces/berlin/prefixes/10.1.0.0-16`.
pub fn grant(text: &str) -> Result<Grant, Refusal> {
    let (role, place) = text.split_once('=').ok_or_else(|| {
        let message = format!("{text:?} is not of the form ROLE=PLACE, such as asm-administrator=spaces/berlin");
        Refusal::new(Reason::InvalidValue, message)
    })?;
    let place = match place.starts_with("spaces/") {
        true => place.parse()?,
        false => GrantPlace { space: space_or_default(None), cidr: Some(place.parse()?) },
    };
    Ok(Grant { role: role.parse()?, place })
}

/// A place that has a utilisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// `spaces/lab`
    Space(SpaceName),
    /// `10.1.0.0/16` or `spaces/default/prefixes/10.1.0.0-16`
    Prefix(Prefix),
    /// `berlin-voice` or `scopes/berlin-voice`
    Scope(ScopeName),
    /// `servers/berlin-1/kea4`
    Server(ServerName),
    /// `views/voice-berlin`
    View(ViewName),
}

/// A space, a prefix, a scope, a server or a view; only prefixes and scopes may be named short.
pub fn place(text: &str) -> Result<Place, Refusal> {
    match text.split_once('/') {
        Some(("spaces", rest)) if !rest.contains('/') => text.parse().map(Place::Space),
        Some(("views", _)) => text.parse().map(Place::View),
        Some(("servers", _)) => server(text).map(Place::Server),
        Some(("scopes", _)) | None => scope(text).map(Place::Scope),
        Some(_) => prefix(text).map(Place::Prefix),
    }
}

impl Place {
    /// The whole name; `space` is what `--space` said.
    pub fn name(&self, space: Option<&SpaceName>) -> Result<String, Refusal> {
        Ok(match self {
            Self::Space(name) => name.to_string(),
            Self::Prefix(prefix) => prefix.name(space)?.to_string(),
            Self::Scope(name) => name.to_string(),
            Self::Server(name) => name.to_string(),
            Self::View(name) => name.to_string(),
        })
    }
}

/// The space that `--space` said, or the default space.
pub fn space_or_default(space: Option<&SpaceName>) -> SpaceName {
    space.cloned().unwrap_or_else(|| SpaceName::from_id(DEFAULT_SPACE).expect("the default space's id is a name"))
}

/// `berlin-voice 10.1.2.20` or `scopes/berlin-voice/reservations/10.1.2.20`, where the second word is left out.
pub fn reservation(scope_or_whole: &str, address: Option<IpAddr>) -> Result<ReservationName, Refusal> {
    match address {
        Some(address) => Ok(ReservationName { scope: scope(scope_or_whole)?, address }),
        None if scope_or_whole.contains("/reservations/") => scope_or_whole.parse(),
        None => Err(Refusal::new(
            Reason::InvalidName,
            format!("{scope_or_whole:?} names no address; give SCOPE ADDRESS, or scopes/SCOPE/reservations/ADDRESS"),
        )),
    }
}

/// One address.
pub fn address(text: &str) -> Result<IpAddr, Refusal> {
    parse_address(text)
}

/// `4711` or `events/4711`
pub fn event(text: &str) -> Result<String, Refusal> {
    let number = text.strip_prefix("events/").unwrap_or(text);
    let revision: u64 = number.parse().map_err(|_| {
        Refusal::new(Reason::InvalidName, format!("{text:?} is not an event; give its revision, such as 4711"))
    })?;
    Ok(format!("events/{revision}"))
}

/// Who did something: `alice`, `operators/alice`, `agents/berlin-1` or `system`.
pub fn principal(text: &str) -> Result<String, Refusal> {
    match text {
        "system" => Ok(text.to_owned()),
        _ if text.starts_with("agents/") => agent(text).map(|name| name.to_string()),
        _ => operator(text).map(|name| name.to_string()),
    }
}

/// A whole name of anything that events are about; a short one could be of several kinds.
pub fn resource(text: &str) -> Result<String, Refusal> {
    let collections =
        ["spaces/", "scopes/", "servers/", "agents/", "operators/", "enrolmentTokens/", "fieldDefinitions/", "views/"];
    match collections.iter().any(|collection| text.starts_with(collection)) {
        true => Ok(text.to_owned()),
        false => Err(Refusal::new(
            Reason::InvalidName,
            format!("{text:?} is not a whole name, such as scopes/berlin-voice or spaces/default/prefixes/10.1.0.0-16"),
        )),
    }
}

/// The last part of a name, for tables: `scopes/berlin-voice` → `berlin-voice`. Servers keep both parts.
pub fn short(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, rest)| rest)
}

/// A prefix's name as people write it: `spaces/default/prefixes/10.1.0.0-16` → `10.1.0.0/16`, with its space if that is another.
pub fn short_prefix(name: &str) -> String {
    match name.parse::<PrefixName>() {
        Ok(parsed) if parsed.space.id() == DEFAULT_SPACE => parsed.cidr.to_string(),
        Ok(parsed) => format!("{} in {}", parsed.cidr, parsed.space.id()),
        Err(_) => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<N: ToString>(got: Result<N, Refusal>, want: Result<&str, &str>) {
        assert_eq!(
            got.map(|name| name.to_string()).map_err(|refusal| refusal.message),
            want.map(str::to_owned).map_err(str::to_owned)
        );
    }

    #[test]
    fn short_names_become_whole() {
        check(space("default"), Ok("spaces/default"));
        check(scope("berlin-voice"), Ok("scopes/berlin-voice"));
        check(scope("scopes/berlin-voice"), Ok("scopes/berlin-voice"));
        check(agent("berlin-1"), Ok("agents/berlin-1"));
        check(operator("operators/alice"), Ok("operators/alice"));
        check(token("7f3a"), Ok("enrolmentTokens/7f3a"));
        check(server("berlin-1/kea4"), Ok("servers/berlin-1/kea4"));
        check(server("servers/berlin-1/kea4"), Ok("servers/berlin-1/kea4"));
        check(server("servers/kea4"), Ok("servers/servers/kea4"));
        check(event("4711"), Ok("events/4711"));
        check(event("events/4711"), Ok("events/4711"));
        check(principal("alice"), Ok("operators/alice"));
        check(principal("agents/berlin-1"), Ok("agents/berlin-1"));
        check(principal("system"), Ok("system"));
        check(resource("scopes/x/reservations/10.0.0.1"), Ok("scopes/x/reservations/10.0.0.1"));
    }

    #[test]
    fn a_prefix_takes_the_space_that_was_said() {
        let lab = space("lab").expect("a name");
        let named = |text: &str, space| prefix(text).and_then(|prefix| prefix.name(space));
        check(named("10.1.0.0/16", None), Ok("spaces/default/prefixes/10.1.0.0-16"));
        check(named("10.1.0.0/16", Some(&lab)), Ok("spaces/lab/prefixes/10.1.0.0-16"));
        check(named("spaces/lab/prefixes/10.1.0.0-16", None), Ok("spaces/lab/prefixes/10.1.0.0-16"));
        check(named("spaces/lab/prefixes/10.1.0.0-16", Some(&lab)), Ok("spaces/lab/prefixes/10.1.0.0-16"));
        check(
            named("spaces/x/prefixes/10.1.0.0-16", Some(&lab)),
            Err("spaces/x/prefixes/10.1.0.0-16 is not in spaces/lab; leave --space out"),
        );
        check(named("10.1.2.3/16", None), Err("10.1.2.3/16 has bits set behind its length; did you mean 10.1.0.0/16?"));
    }

    #[test]
    fn a_reservation_is_named_in_one_word_or_two() {
        let at = "10.1.2.20".parse().ok();
        check(reservation("voice", at), Ok("scopes/voice/reservations/10.1.2.20"));
        check(reservation("scopes/voice/reservations/10.1.2.20", None), Ok("scopes/voice/reservations/10.1.2.20"));
        check(
            reservation("voice", None),
            Err("\"voice\" names no address; give SCOPE ADDRESS, or scopes/SCOPE/reservations/ADDRESS"),
        );
    }

    #[test]
    fn names_of_another_kind_are_refused() {
        check(scope("agents/berlin-1"), Err("\"agents/berlin-1\" is not of the form scopes/NAME"));
        check(scope("Berlin"), Err("\"Berlin\" is not a name: use 1 to 63 characters of a-z, 0-9 and inner hyphens"));
        check(server("kea4"), Err("\"kea4\" is not of the form AGENT/SERVER, such as berlin-1/kea4"));
        check(event("x"), Err("\"x\" is not an event; give its revision, such as 4711"));
        check(
            resource("berlin"),
            Err("\"berlin\" is not a whole name, such as scopes/berlin-voice or spaces/default/prefixes/10.1.0.0-16"),
        );
    }

    #[test]
    fn tables_show_what_can_be_typed_back() {
        assert_eq!(short("servers/berlin-1/kea4"), "berlin-1/kea4");
        assert_eq!(short_prefix("spaces/default/prefixes/10.1.0.0-16"), "10.1.0.0/16");
        assert_eq!(short_prefix("spaces/lab/prefixes/2001:db8::-32"), "2001:db8::/32 in lab");
        assert_eq!(short(""), "");
    }
}
