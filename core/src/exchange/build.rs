//! A line into a row, a function for each table.

use super::cells::Cells;
use super::instant;
use super::layout::{Role, Source, Table};
use super::row::{AddressKind, AddressRow, Item, LeaseRow, PrefixRow, RangeKind, RangeRow, ReservationRow, ScopeRow};
use crate::client::ClientIdentity;
use crate::command::NewScope;
use crate::lease::{Lease, LeaseState};
use crate::model::{Exclusion, LeaseTimes, Link, PrefixKind, PrefixPool, PrefixStatus, ScopeStatus};
use crate::name::{PrefixName, ReservationName, ScopeName, ServerName, SpaceName};
use crate::net::{AddressRange, Cidr, Family, family, parse_address};
use crate::option::{OptionValue, Options};
use crate::refusal::{Reason, Refusal};
use crate::text::{HostName, Text, shown};
use std::net::{IpAddr, Ipv4Addr};

/// The row of a line; `None` if there is a fault, or nothing in it for us.
pub(super) fn item(cells: &mut Cells<'_>, space: &SpaceName) -> Option<Item> {
    let mut item = match cells.sheet.layout.table {
        Table::Prefixes => prefix(cells, space).map(Item::Prefix),
        Table::Addresses => address(cells, space).map(Item::Address),
        Table::Ranges => range(cells, space).map(Item::Range),
        Table::Reservations => reservation(cells).map(Item::Reservation),
        Table::Scopes => scope(cells, space).map(Item::Scope),
        Table::Leases => lease(cells).map(Item::Lease),
    };
    // Not before all else is parsed: what did not fit elsewhere is among the fields.
    let labels = cells.labels();
    if let Some(place) = item.as_mut().and_then(Item::labels_mut) {
        *place = labels;
    }
    item.filter(|_| !cells.failed())
}

fn prefix(cells: &mut Cells<'_>, default: &SpaceName) -> Option<PrefixRow> {
    let folder = cells.source() == Source::PhpIpam && cells.text(Role::Prefix).trim_end().ends_with("(folder)");
    if folder {
        cells.pass_over(Role::Prefix, "a folder and no subnet: left out");
        return None;
    }
    let space = cells.space(default);
    let mask = cells.text(Role::Mask).trim();
    let own = cells.own();
    let cidr = cells.need(Role::Prefix, |text| if own { text.parse() } else { any_cidr(text, mask) });
    let (kind, status) = match own {
        true => {
            let kinds = [("container", PrefixKind::Container), ("network", PrefixKind::Network)];
            let kind = cells.parse(Role::Kind, |text| one_of(text, &kinds));
            (kind, cells.parse(Role::Status, |text| one_of(text, &PrefixStatus::ALL.map(|s| (s.word(), s)))))
        }
        false => foreign_prefix_status(cells),
    };
    let (title, description) = (cells.words(Role::Title, "title"), cells.words(Role::Description, "description"));
    Some(PrefixRow {
        name: PrefixName { space: space?, cidr: cidr? },
        kind,
        status,
        title,
        description,
        labels: Default::default(),
    })
}

/// NetBox has containers; that its other prefixes hold no prefixes is not said by any source. A status that Freehold has too is
/// that one, any other a custom field.
fn foreign_prefix_status(cells: &mut Cells<'_>) -> (Option<PrefixKind>, Option<PrefixStatus>) {
    let status = cells.text(Role::Status).trim();
    if status.eq_ignore_ascii_case("container") {
        return (Some(PrefixKind::Container), None);
    }
    let known = PrefixStatus::ALL.into_iter().find(|known| known.word().eq_ignore_ascii_case(status));
    if known.is_none() {
        cells.keep("status", status);
    }
    (cells.sheet.layout.prefix_kind, known)
}

fn address(cells: &mut Cells<'_>, default: &SpaceName) -> Option<AddressRow> {
    let space = cells.space(default);
    let address =
        if cells.own() { cells.need(Role::Address, parse_address) } else { foreign_address(cells, Role::Address) };
    let kind = match cells.own() {
        true => cells
            .parse(Role::Kind, |text| one_of(text, &[("claim", AddressKind::Claim), ("dynamic", AddressKind::Dynamic)]))
            .unwrap_or(AddressKind::Claim),
        false => foreign_address_kind(cells),
    };
    let own = cells.own();
    Some(AddressRow {
        kind,
        hardware: cells.fit(Role::Hardware, "hardware-address", str::parse),
        client_id: cells.fit(Role::ClientId, "client-id", str::parse),
        duid: cells.fit(Role::Duid, "duid", str::parse),
        host_name: cells.fit(Role::HostName, "host-name", |text| {
            HostName::parse(if own { text } else { text.strip_suffix('.').unwrap_or(text) })
        }),
        owner: cells.words(Role::Owner, "owner"),
        comment: cells.words(Role::Description, "description"),
        expires: cells.fit(Role::Expires, "expiry-date", instant::parse),
        space: space?,
        address: address?,
        labels: Default::default(),
    })
}

/// What DHCP or SLAAC gave is no claim: that would take it out of its pool, and from its client.
fn foreign_address_kind(cells: &mut Cells<'_>) -> AddressKind {
    let status = cells.text(Role::Status).trim();
    match status.to_ascii_lowercase().as_str() {
        "dhcp" | "slaac" | "dynamic" => {
            cells.keep("status", status);
            cells.note(Role::Status, "given out by DHCP or SLAAC: no claim");
            AddressKind::Dynamic
        }
        _ => {
            cells.keep("status", status);
            AddressKind::Claim
        }
    }
}

fn range(cells: &mut Cells<'_>, default: &SpaceName) -> Option<RangeRow> {
    let space = cells.space(default);
    let (start, end) = if cells.own() {
        (cells.need(Role::Start, parse_address), cells.need(Role::End, parse_address))
    } else {
        (foreign_address(cells, Role::Start), foreign_address(cells, Role::End))
    };
    let scope = cells.parse(Role::Scope, scope_name);
    let kind = if cells.own() {
        let words = [("pool", RangeKind::Pool), ("exclusion", RangeKind::Exclusion), ("note", RangeKind::Note)];
        cells.need(Role::Kind, |text| one_of(text, &words))
    } else {
        let status = cells.text(Role::Status).trim();
        cells.keep("status", status);
        Some(RangeKind::Note)
    };
    let comment = cells.words(Role::Description, "description");
    let range = match AddressRange::new(start?, end?) {
        Ok(range) => range,
        Err(refusal) => {
            cells.fault(Role::Start, refusal);
            return None;
        }
    };
    Some(RangeRow { space: space?, scope, range, kind: kind?, comment, labels: Default::default() })
}

fn reservation(cells: &mut Cells<'_>) -> Option<ReservationRow> {
    let scope = cells.need(Role::Scope, scope_name);
    let address = cells.need(Role::Address, parse_address);
    let given = [
        cells.parse(Role::Hardware, |text| text.parse().map(ClientIdentity::Hardware)),
        cells.parse(Role::ClientId, |text| text.parse().map(ClientIdentity::ClientId)),
        cells.parse(Role::Duid, |text| text.parse().map(ClientIdentity::Duid)),
    ];
    let host_name = cells.parse(Role::HostName, HostName::parse);
    let description = cells.words(Role::Description, "description");
    let prefixes = cells.parse(Role::Delegated, |text| listed(text, str::parse)).unwrap_or_default();
    let mut clients = given.into_iter().flatten();
    let client = match (clients.next(), clients.next()) {
        (Some(client), None) => client,
        (one, _) if !cells.failed() => {
            let what = if one.is_some() { "more than one of" } else { "none of" };
            let message = format!("there is {what} hardware_address, client_id and duid; give exactly one");
            cells.fault_at(None, Refusal::new(Reason::FieldRequired, message));
            return None;
        }
        _ => return None,
    };
    let name = ReservationName { scope: scope?, address: address? };
    Some(ReservationRow { name, client, prefixes, host_name, description, labels: Default::default() })
}

fn scope(cells: &mut Cells<'_>, default: &SpaceName) -> Option<ScopeRow> {
    let name = cells.need(Role::Scope, scope_name);
    let space = cells.space(default);
    let network = cells.need(Role::Network, str::parse);
    let ranges = cells.parse(Role::Ranges, ranges).unwrap_or_default();
    let exclusions = cells.parse_whole(Role::Exclusions, exclusions).unwrap_or_default();
    let options = network.map(|network: Cidr| options(cells, network.family())).unwrap_or_default();
    let prefix_pools = cells.parse(Role::PrefixPools, prefix_pools).unwrap_or_default();
    let link = Link {
        interface: cells.words(Role::Interface, "interface"),
        relays: cells.parse(Role::Relays, |text| listed(text, parse_address)).unwrap_or_default(),
        interface_id: cells.words(Role::InterfaceId, "interface_id"),
    };
    let lease_times = lease_times(cells);
    let words = [("active", ScopeStatus::Active), ("inactive", ScopeStatus::Inactive)];
    let status = cells.parse(Role::Status, |text| one_of(text, &words)).unwrap_or(ScopeStatus::Active);
    let server = cells.parse(Role::Server, server_name);
    let description = cells.words(Role::Description, "description");
    let scope = NewScope {
        name: name?,
        space: space?,
        network: network?,
        ranges,
        exclusions,
        prefix_pools,
        options,
        lease_times: lease_times?,
        link,
        status,
        server,
        description,
        labels: crate::labels::Labels::NONE,
    };
    Some(ScopeRow { scope, labels: Default::default() })
}

/// `10.1.2.10-10.1.2.99; 10.1.2.120`, split by semicolons or line breaks.
fn ranges(text: &str) -> Result<Vec<AddressRange>, Refusal> {
    listed(text, str::parse)
}

/// What is split by semicolons or line breaks.
fn listed<T>(text: &str, parse: impl Fn(&str) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
    text.split([';', '\n']).map(str::trim).filter(|item| !item.is_empty()).map(parse).collect()
}

/// `2001:db8:8000::/36 by /56`, split by semicolons or line breaks.
fn prefix_pools(text: &str) -> Result<Vec<PrefixPool>, Refusal> {
    listed(text, str::parse)
}

/// A line for each: the range, then after one space the comment.
fn exclusions(text: &str) -> Result<Vec<Exclusion>, Refusal> {
    let exclusion = |line: &str| {
        let (range, comment) = line.split_once(' ').unwrap_or((line, ""));
        Ok(Exclusion { range: range.parse()?, comment: Text::parse(comment)? })
    };
    text.split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .filter(|line| !line.is_empty())
        .map(exclusion)
        .collect()
}

fn options(cells: &mut Cells<'_>, family: Family) -> Options {
    let mut options = Options::default();
    for (index, name) in &cells.sheet.options {
        let text = cells.cell(*index);
        if text.is_empty() {
            continue;
        }
        let add = |code| OptionValue::from_text(code, text).and_then(|value| options.add(code, value));
        if let Err(refusal) = name.code(family).and_then(add) {
            cells.fault_at(Some(*index), refusal);
        }
    }
    options
}

fn lease_times(cells: &mut Cells<'_>) -> Option<LeaseTimes> {
    let valid = cells.parse(Role::Valid, number).unwrap_or(LeaseTimes::default().valid_seconds());
    let (renew, rebind) = (cells.parse(Role::Renew, number), cells.parse(Role::Rebind, number));
    let preferred = cells.parse(Role::Preferred, number);
    match LeaseTimes::new(valid, renew, rebind).and_then(|times| times.preferred(preferred)) {
        Ok(times) => Some(times),
        Err(refusal) => {
            let role = match refusal.field.as_str() {
                "renew_seconds" => Role::Renew,
                "rebind_seconds" => Role::Rebind,
                "preferred_seconds" => Role::Preferred,
                _ => Role::Valid,
            };
            cells.fault(role, refusal);
            None
        }
    }
}

fn lease(cells: &mut Cells<'_>) -> Option<LeaseRow> {
    let server = cells.need(Role::Server, server_name);
    let address = cells.need(Role::Address, parse_address);
    let full = address.map_or(32, |address| length_of(family(address)));
    let words = [("granted", LeaseState::Granted), ("declined", LeaseState::Declined)];
    let prefix_len = cells.parse(Role::Length, |text| length(text, full)).unwrap_or(full);
    let subnet_id = cells.parse(Role::SubnetId, number).unwrap_or_default();
    let hardware = cells.parse(Role::Hardware, hexadecimal).unwrap_or_default();
    let client_id = cells.parse(Role::ClientId, hexadecimal).unwrap_or_default();
    let duid = cells.parse(Role::Duid, hexadecimal).unwrap_or_default();
    let iaid = cells.parse(Role::Iaid, number).unwrap_or_default();
    let host_name = cells.text(Role::HostName).to_owned();
    let cltt = cells.need(Role::Transacted, instant::parse);
    let valid_seconds = cells.need(Role::Valid, number);
    let state = cells.parse(Role::Status, |text| one_of(text, &words)).unwrap_or(LeaseState::Granted);
    let lease = Lease {
        address: address?,
        prefix_len,
        subnet_id,
        hardware,
        client_id,
        duid,
        iaid,
        host_name,
        cltt: cltt?,
        valid_seconds: valid_seconds?,
        state,
    };
    Some(LeaseRow { server: server?, lease })
}

fn scope_name(text: &str) -> Result<ScopeName, Refusal> {
    ScopeName::from_id(text.strip_prefix("scopes/").unwrap_or(text))
}

/// `berlin-1/kea4`, with or without `servers/` before it.
fn server_name(text: &str) -> Result<ServerName, Refusal> {
    if text.starts_with("servers/") { text.parse() } else { format!("servers/{text}").parse() }
}

fn one_of<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Refusal> {
    let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        Refusal::new(Reason::InvalidValue, format!("{} is none of {}", shown(text), words.join(", ")))
    })
}

fn number(text: &str) -> Result<u32, Refusal> {
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain).ok_or_else(|| {
        Refusal::new(Reason::InvalidValue, format!("{} is not a whole number of 0 to {}", shown(text), u32::MAX))
    })
}

fn length(text: &str, most: u8) -> Result<u8, Refusal> {
    let length = number(text).ok().and_then(|number| u8::try_from(number).ok()).filter(|length| *length <= most);
    length.ok_or_else(|| Refusal::new(Reason::InvalidValue, format!("{} is not a length of 0 to {most}", shown(text))))
}

/// Bytes of a lease, at most 255, as its server told them: in pairs of digits, with or without colons.
fn hexadecimal(text: &str) -> Result<Vec<u8>, Refusal> {
    let digits: Vec<u8> = text.bytes().filter(|b| *b != b':').collect();
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let bytes: Option<Vec<u8>> =
        digits.chunks(2).map(|pair| Some(digit(pair[0])? * 16 + digit(*pair.get(1)?)?)).collect();
    bytes.filter(|bytes| bytes.len() <= 255).ok_or_else(|| {
        Refusal::new(
            Reason::InvalidValue,
            format!("{} is not at most 255 bytes in hexadecimal, such as 02:00:5e", shown(text)),
        )
    })
}

/// An address of a foreign file, with or without the length of its network behind it.
fn foreign_address(cells: &mut Cells<'_>, role: Role) -> Option<IpAddr> {
    let (mut masked, mut any) = (false, None);
    cells.need(role, |text| {
        let (address, mask) = text.split_once('/').map_or((text, None), |(address, mask)| (address, Some(mask)));
        let address = parse_address(address)?;
        if let Some(mask) = mask {
            masked = any_length(mask, family(address))? != length_of(family(address));
        }
        any = Some(address);
        Ok(())
    });
    if masked {
        cells.note(role, "the length behind the address is left out: its network is that of the plan");
    }
    any
}

/// A CIDR as other programs write it: `10.1.0.0/16`, `10.1.0.0/255.255.0.0`, or the length or mask in a column of its own.
fn any_cidr(text: &str, mask: &str) -> Result<Cidr, Refusal> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address.trim(), length.trim()),
        None if !mask.is_empty() => (text, mask),
        None => return text.parse(),
    };
    let address = parse_address(address)?;
    Cidr::new(address, any_length(length, family(address))?)
}

/// The length of a network: a number, or a mask in dotted notation.
fn any_length(text: &str, family: Family) -> Result<u8, Refusal> {
    if let Ok(mask) = text.parse::<Ipv4Addr>()
        && family == Family::V4
    {
        let bits = u32::from(mask);
        let length = bits.leading_ones();
        return match bits.checked_shl(length) {
            None | Some(0) => Ok(u8::try_from(length).expect("at most 32")),
            Some(_) => {
                Err(Refusal::new(Reason::InvalidCidr, format!("{mask} is not a mask: its ones are not all in front")))
            }
        };
    }
    length(text, length_of(family)).map_err(|refusal| Refusal { reason: Reason::InvalidCidr, ..refusal })
}

fn length_of(family: Family) -> u8 {
    match family {
        Family::V4 => 32,
        Family::V6 => 128,
    }
}
