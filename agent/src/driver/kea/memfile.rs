//! Kea's lease file (`memfile`) of either protocol: what a line says, and what a set of files adds up to.
//!
//! The file is comma separated with a header. Kea 2.2 writes eleven columns, 2.4 and later add `pool_id`, and a file from before 1.6
//! lacks the last ones: columns are found by the names in the header, never by position, and so is the protocol: only leases of DHCPv6 have a `duid`. A comma inside a host name or a
//! user context is written `&#x2c` (`src/lib/util/csv_file.cc`). Every change of a lease is one line; the last line of an
//! address is its lease. Pure: [`super::follow`] does the reading.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use freehold_core::net::{family, width};
use serde_json::{Map, Value};

use super::protocol::Protocol;

/// What is leased. An address and a prefix that begins with it are two things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseKey {
    /// The address, or the first one of a delegated prefix.
    pub address: IpAddr,
    /// 32 or 128 for an address, else the length of the delegated prefix.
    pub prefix_len: u8,
}

impl LeaseKey {
    /// An address.
    pub fn of(address: impl Into<IpAddr>) -> Self {
        let address = address.into();
        Self { address, prefix_len: width(family(address)) }
    }
}

/// A lease as one line of the file has it.
#[derive(Debug, Clone, PartialEq)]
pub struct LeaseRow {
    pub key: LeaseKey,
    /// Hardware address, without its type; empty for a declined address.
    pub hw_address: Vec<u8>,
    /// Client identifier (option 61), type byte included; empty when the client sent none.
    pub client_id: Vec<u8>,
    /// The client's DUID; empty in DHCPv4 and for a declined address.
    pub duid: Vec<u8>,
    /// The identity association; 0 in DHCPv4.
    pub iaid: u32,
    /// Lifetime in seconds; 0 says that the lease was released or deleted.
    pub valid_seconds: u32,
    /// When it ends, seconds since 1970.
    pub expire: i64,
    pub subnet_id: u32,
    pub fqdn_fwd: bool,
    pub fqdn_rev: bool,
    pub hostname: String,
    pub state: LeaseState,
    pub user_context: Option<Map<String, Value>>,
    /// Kea 2.4 and later, else 0.
    pub pool_id: u32,
}

impl LeaseRow {
    /// When the client last spoke, seconds since 1970.
    pub fn client_last_seen(&self) -> i64 {
        self.expire - i64::from(self.valid_seconds)
    }
}

/// Kea's lease state (`Lease::STATE_…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseState {
    /// 0: assigned; whether it has ended is told by `expire`.
    Assigned,
    /// 1: a client said that somebody else uses it, or Freehold holds it.
    Declined,
    /// 2: ended and reclaimed.
    Reclaimed,
    /// 3: released (Kea 2.7 and later).
    Released,
    /// A number that this agent does not know.
    Other(u32),
}

impl LeaseState {
    fn from_number(number: u32) -> Self {
        match number {
            0 => Self::Assigned,
            1 => Self::Declined,
            2 => Self::Reclaimed,
            3 => Self::Released,
            other => Self::Other(other),
        }
    }
}

/// A line that is not a lease.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("lease file line {line:?}: {what}")]
pub struct BadRow {
    /// The line, without its end, shortened to 400 characters.
    pub line: String,
    pub what: String,
}

/// Where each column is, from a file's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    protocol: Protocol,
    count: usize,
    at: [Option<usize>; COLUMNS.len()],
}

/// Every column this agent knows, in the order of [`Column`].
const COLUMNS: [&str; 16] = [
    "address",
    "hwaddr",
    "client_id",
    "valid_lifetime",
    "expire",
    "subnet_id",
    "fqdn_fwd",
    "fqdn_rev",
    "hostname",
    "state",
    "user_context",
    "pool_id",
    "duid",
    "iaid",
    "lease_type",
    "prefix_len",
];

/// Files without these are not lease files of the protocol.
fn required(protocol: Protocol) -> &'static [Column] {
    use Column::{Address, ClientId, Duid, Expire, FqdnFwd, FqdnRev, Hostname, HwAddress};
    use Column::{Iaid, LeaseType, PrefixLen, SubnetId, ValidLifetime};
    match protocol {
        Protocol::V4 => &[Address, HwAddress, ClientId, ValidLifetime, Expire, SubnetId, FqdnFwd, FqdnRev, Hostname],
        Protocol::V6 => {
            &[Address, Duid, ValidLifetime, Expire, SubnetId, LeaseType, Iaid, PrefixLen, FqdnFwd, FqdnRev, Hostname]
        }
    }
}

/// How many columns the rows of the oldest files have.
fn columns_min(protocol: Protocol) -> usize {
    match protocol {
        Protocol::V4 => 9,
        // With `pref_lifetime`.
        Protocol::V6 => 12,
    }
}

/// Leases of addresses, for long or for a while, and of delegated prefixes (`Lease::Type`).
const IA_NA: u32 = 0;
const IA_TA: u32 = 1;
const IA_PD: u32 = 2;

#[derive(Clone, Copy)]
enum Column {
    Address,
    HwAddress,
    ClientId,
    ValidLifetime,
    Expire,
    SubnetId,
    FqdnFwd,
    FqdnRev,
    Hostname,
    State,
    UserContext,
    PoolId,
    Duid,
    Iaid,
    LeaseType,
    PrefixLen,
}

impl Columns {
    /// Reads a header line.
    pub fn from_header(line: &str) -> Result<Self, BadRow> {
        let names: Vec<&str> = line.split(',').collect();
        let at = COLUMNS.map(|column| names.iter().position(|name| *name == column));
        let protocol = if at[Column::Duid as usize].is_some() { Protocol::V6 } else { Protocol::V4 };
        match required(protocol).iter().find(|column| at[**column as usize].is_none()) {
            Some(missing) => {
                let missing = COLUMNS[*missing as usize];
                Err(bad(line, format!("not the header of a {protocol} lease file: no column {missing}")))
            }
            None => Ok(Self { protocol, count: names.len(), at }),
        }
    }

    /// Reads one line, without its end.
    pub fn row(&self, line: &str) -> Result<LeaseRow, BadRow> {
        self.fields(line).map_err(|what| bad(line, what))
    }

    fn fields(&self, line: &str) -> Result<LeaseRow, String> {
        let cells: Vec<&str> = line.split(',').collect();
        // Kea takes a row without the newest columns from a file of an older version, never one with more or without the old ones.
        if cells.len() > self.count || cells.len() < columns_min(self.protocol) {
            return Err(format!("{} fields where the header has {}", cells.len(), self.count));
        }
        let cell = |column: Column| self.at[column as usize].and_then(|at| cells.get(at).copied()).unwrap_or("");
        let user_context = unescape(cell(Column::UserContext));
        Ok(LeaseRow {
            key: self.key(cell)?,
            hw_address: colon_hex(cell(Column::HwAddress))?,
            client_id: colon_hex(cell(Column::ClientId))?,
            duid: duid(cell(Column::Duid))?,
            iaid: number_or_zero("iaid", cell(Column::Iaid))?,
            valid_seconds: number("valid_lifetime", cell(Column::ValidLifetime))?,
            expire: number("expire", cell(Column::Expire))?,
            subnet_id: number("subnet_id", cell(Column::SubnetId))?,
            fqdn_fwd: flag("fqdn_fwd", cell(Column::FqdnFwd))?,
            fqdn_rev: flag("fqdn_rev", cell(Column::FqdnRev))?,
            hostname: unescape(cell(Column::Hostname)),
            state: LeaseState::from_number(number_or_zero("state", cell(Column::State))?),
            user_context: match user_context.as_str() {
                "" => None,
                text => Some(serde_json::from_str(text).map_err(|error| format!("user_context: {error}"))?),
            },
            pool_id: number_or_zero("pool_id", cell(Column::PoolId))?,
        })
    }
}

impl Columns {
    fn key<'a>(&self, cell: impl Fn(Column) -> &'a str) -> Result<LeaseKey, String> {
        let (text, family_of_file) = (cell(Column::Address), self.protocol.family());
        let address = text.parse().ok().filter(|address: &IpAddr| family(*address) == family_of_file);
        let address = address.ok_or_else(|| format!("{text:?} is not an {family_of_file} address"))?;
        let key = LeaseKey::of(address);
        if self.protocol == Protocol::V4 {
            return Ok(key);
        }
        match number("lease_type", cell(Column::LeaseType))? {
            IA_NA | IA_TA => Ok(key),
            IA_PD => {
                let prefix_len = number("prefix_len", cell(Column::PrefixLen))?;
                if prefix_len > key.prefix_len {
                    return Err(format!("prefix_len {prefix_len} is more than an address has"));
                }
                Ok(LeaseKey { prefix_len, ..key })
            }
            other => Err(format!("lease_type {other} is none that this agent knows")),
        }
    }
}

/// A DUID; the zeros that Kea writes where there is no client are none.
fn duid(text: &str) -> Result<Vec<u8>, String> {
    let bytes = colon_hex(text)?;
    Ok(if bytes.iter().all(|byte| *byte == 0) { Vec::new() } else { bytes })
}

/// Which files Kea would load for `lease_file`, in its order, judged by which exist.
///
/// While its lease file clean-up (LFC) works, the state is spread over several files
/// (`Memfile_LeaseMgr::loadLeasesFromFiles`): `.completed` if there is one, else `.2` and `.1`; then the file itself.
pub fn files_to_replay(lease_file: &Path, exists: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let with = |suffix: &str| suffixed(lease_file, suffix);
    let before = if exists(&with(".completed")) { vec![with(".completed")] } else { vec![with(".2"), with(".1")] };
    before.into_iter().chain([lease_file.to_owned()]).filter(|path| exists(path)).collect()
}

/// `lease_file` with `suffix` behind its whole name: `kea-leases4.csv.1`.
pub fn suffixed(lease_file: &Path, suffix: &str) -> PathBuf {
    let mut name = lease_file.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// What rows in file order add up to: the last row of each address or prefix wins, and one without lifetime removes it.
pub fn replay(rows: impl IntoIterator<Item = LeaseRow>) -> BTreeMap<LeaseKey, LeaseRow> {
    let mut leases = BTreeMap::new();
    for row in rows {
        if row.valid_seconds == 0 {
            leases.remove(&row.key);
        } else {
            leases.insert(row.key, row);
        }
    }
    leases
}

fn bad(line: &str, what: String) -> BadRow {
    BadRow { line: line.chars().take(400).collect(), what }
}

/// Turns every `&#xHH` into its character; anything else stays.
fn unescape(text: &str) -> String {
    const TAG: &str = "&#x";
    let Some(_) = text.find(TAG) else {
        return text.to_owned();
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(TAG) {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let after = &rest[at + TAG.len()..];
        match after.get(..2).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(hex) => {
                bytes.push(u8::from_str_radix(hex, 16).expect("two hexadecimal digits"));
                rest = &after[2..];
            }
            None => {
                bytes.extend_from_slice(TAG.as_bytes());
                rest = after;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `02:00:0a` as bytes; nothing for nothing.
fn colon_hex(text: &str) -> Result<Vec<u8>, String> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    text.split(':')
        .map(|pair| match pair.len() {
            1 | 2 => u8::from_str_radix(pair, 16).ok(),
            _ => None,
        })
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(|| format!("{text:?} is not bytes in hexadecimal with colons"))
}

fn number<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{name} {text:?} is not a number in range"))
}

fn number_or_zero(name: &str, text: &str) -> Result<u32, String> {
    if text.is_empty() { Ok(0) } else { number(name, text) }
}

fn flag(name: &str, text: &str) -> Result<bool, String> {
    match text {
        "0" | "false" => Ok(false),
        "1" | "true" => Ok(true),
        other => Err(format!("{name} {other:?} is neither 0 nor 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER_2_2: &str =
        "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context";
    const HEADER_2_6: &str = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname,state,user_context,pool_id";
    const HEADER_6_2_2: &str = "address,duid,valid_lifetime,expire,subnet_id,pref_lifetime,lease_type,iaid,prefix_len,fqdn_fwd,fqdn_rev,hostname,hwaddr,state,user_context,hwtype,hwaddr_source";
    const HEADER_1_0: &str = "address,hwaddr,client_id,valid_lifetime,expire,subnet_id,fqdn_fwd,fqdn_rev,hostname";

    fn lease() -> LeaseRow {
        LeaseRow {
            key: LeaseKey::of([10, 77, 1, 0]),
            hw_address: vec![2, 0, 0, 0, 0, 9],
            client_id: vec![1, 2, 0, 0, 0, 0, 9],
            duid: vec![],
            iaid: 0,
            valid_seconds: 600,
            expire: 1_700_000_600,
            subnet_id: 7,
            fqdn_fwd: false,
            fqdn_rev: true,
            hostname: "ward-3".into(),
            state: LeaseState::Assigned,
            user_context: None,
            pool_id: 0,
        }
    }

    fn check(header: &str, line: &str, expected: LeaseRow) {
        assert_eq!(Columns::from_header(header).unwrap().row(line).unwrap(), expected);
    }

    #[test]
    fn the_files_of_every_version_are_read_by_the_names_in_their_header() {
        check(HEADER_2_2, "10.77.1.0,02:00:00:00:00:09,01:02:00:00:00:00:09,600,1700000600,7,0,1,ward-3,0,", lease());
        check(
            HEADER_2_6,
            "10.77.1.0,02:00:00:00:00:09,01:02:00:00:00:00:09,600,1700000600,7,0,1,ward-3,0,,5",
            LeaseRow { pool_id: 5, ..lease() },
        );
        check(HEADER_1_0, "10.77.1.0,02:00:00:00:00:09,01:02:00:00:00:00:09,600,1700000600,7,0,1,ward-3", lease());
        // Rows of an older file under a newer header, and a column from the future.
        check(HEADER_2_6, "10.77.1.0,02:00:00:00:00:09,01:02:00:00:00:00:09,600,1700000600,7,0,1,ward-3", lease());
        check(
            "state,hostname,future,fqdn_rev,fqdn_fwd,subnet_id,expire,valid_lifetime,client_id,hwaddr,address",
            "2,ward-3,x,1,0,7,1700000600,600,01:02:00:00:00:00:09,02:00:00:00:00:09,10.77.1.0",
            LeaseRow { state: LeaseState::Reclaimed, ..lease() },
        );
    }

    #[test]
    fn of_dhcpv6_an_address_and_the_prefix_that_begins_with_it_are_two_leases() {
        let address = LeaseRow {
            key: LeaseKey::of([0x2001, 0xdb8, 0x8000, 0, 0, 0, 0, 0]),
            client_id: vec![],
            duid: vec![0, 1, 0xbb],
            iaid: 4_000_000_000,
            ..lease()
        };
        let prefix = LeaseRow { key: LeaseKey { prefix_len: 56, ..address.key }, ..address.clone() };
        let nobodys =
            LeaseRow { hw_address: vec![], duid: vec![], iaid: 0, state: LeaseState::Declined, ..address.clone() };
        let later = format!("{HEADER_6_2_2},pool_id");
        let line = |kind: &str| {
            format!("2001:db8:8000::,00:01:bb,600,1700000600,7,400,{kind},0,1,ward-3,02:00:00:00:00:09,0,,1,0")
        };
        check(HEADER_6_2_2, &line("0,4000000000,128"), address.clone());
        check(HEADER_6_2_2, &line("1,4000000000,128"), address.clone());
        check(&later, &format!("{},5", line("2,4000000000,56")), LeaseRow { pool_id: 5, ..prefix.clone() });
        for duid in ["00", "00:00:00"] {
            let line = format!("2001:db8:8000::,{duid},600,1700000600,7,0,0,0,128,0,1,ward-3,,1,,,");
            check(HEADER_6_2_2, &line, nobodys.clone());
        }
        let released = LeaseRow { valid_seconds: 0, ..address.clone() };
        assert_eq!(replay([address, prefix.clone(), released]), BTreeMap::from([(prefix.key, prefix)]));
    }

    #[test]
    fn escaped_commas_come_back_in_names_and_contexts() {
        let context = serde_json::from_str(r#"{"hold":{"until":5,"by":"a,b"}}"#).unwrap();
        check(
            HEADER_2_2,
            r#"10.77.1.0,,,86400,1700000600,7,0,0,a&#x2cb&#x26#x2c&#xzz,1,{"hold":{"until":5&#x2c"by":"a&#x2cb"}}"#,
            LeaseRow {
                hw_address: vec![],
                client_id: vec![],
                valid_seconds: 86400,
                fqdn_rev: false,
                hostname: "a,b&#x2c&#xzz".into(),
                state: LeaseState::Declined,
                user_context: Some(context),
                ..lease()
            },
        );
    }

    #[test]
    fn what_is_no_lease_is_refused_with_its_line() {
        let columns = Columns::from_header(HEADER_2_2).unwrap();
        for (line, what) in [
            ("", "1 fields where the header has 11"),
            ("10.77.1.0,02:00,,600,1700000600,7,0,0,,0,,,", "13 fields where the header has 11"),
            ("10.77.1,02:00,,600,1700000600,7,0,0,,0,", r#""10.77.1" is not an IPv4 address"#),
            ("10.77.1.0,02:0000,,600,1700000600,7,0,0,,0,", r#""02:0000" is not bytes in hexadecimal with colons"#),
            ("10.77.1.0,02:00,,-1,1700000600,7,0,0,,0,", r#"valid_lifetime "-1" is not a number in range"#),
            ("10.77.1.0,02:00,,600,1700000600,7,x,0,,0,", r#"fqdn_fwd "x" is neither 0 nor 1"#),
        ] {
            assert_eq!(columns.row(line), Err(BadRow { line: line.into(), what: what.into() }));
        }
        let columns = Columns::from_header(HEADER_6_2_2).unwrap();
        for (line, what) in [
            ("10.77.1.0,00:01,600,1700000600,7,400,0,5,128,0,0,", r#""10.77.1.0" is not an IPv6 address"#),
            ("2001:db8::1,00:01,600,1700000600,7,400,3,5,128,0,0,", "lease_type 3 is none that this agent knows"),
            ("2001:db8::,00:01,600,1700000600,7,400,2,5,129,0,0,", "prefix_len 129 is more than an address has"),
        ] {
            assert_eq!(columns.row(line), Err(BadRow { line: line.into(), what: what.into() }));
        }
        for (header, what) in [
            ("address,client_id,valid_lifetime", "not the header of a DHCPv4 lease file: no column hwaddr"),
            ("address,duid,hwaddr", "not the header of a DHCPv6 lease file: no column valid_lifetime"),
        ] {
            assert_eq!(Columns::from_header(header).unwrap_err().what, what);
        }
    }

    #[test]
    fn the_last_row_of_an_address_wins_and_a_released_one_is_gone() {
        let other = LeaseRow { key: LeaseKey::of([10, 77, 1, 1]), ..lease() };
        let renewed = LeaseRow { expire: 1_700_000_900, ..lease() };
        let released = LeaseRow { valid_seconds: 0, ..other.clone() };
        let leases = replay([lease(), other.clone(), renewed.clone(), released]);
        assert_eq!(leases, BTreeMap::from([(renewed.key, renewed)]));
    }

    #[test]
    fn the_files_of_an_unfinished_clean_up_are_read_in_the_order_of_kea() {
        let check = |present: &[&str], expected: &[&str]| {
            let exists = |path: &Path| present.iter().any(|name| path == Path::new(name));
            assert_eq!(
                files_to_replay(Path::new("l.csv"), exists),
                expected.iter().map(PathBuf::from).collect::<Vec<_>>()
            );
        };
        check(&["l.csv"], &["l.csv"]);
        check(&["l.csv", "l.csv.1", "l.csv.2"], &["l.csv.2", "l.csv.1", "l.csv"]);
        check(&["l.csv", "l.csv.1", "l.csv.2", "l.csv.completed"], &["l.csv.completed", "l.csv"]);
        check(&["l.csv.2"], &["l.csv.2"]);
    }
}
