//! `freehold export`: one kind of thing as a CSV file on standard output.

use crate::connect::Api;
use crate::error::Failure;
use crate::names::{self, Prefix};
use crate::output::{Format, Screen};
use clap::{Args, ValueEnum};
use freehold_core::name::SpaceName;
use freehold_proto::v1::{self, export_request::Kind};
use std::time::Duration;
use tokio::time::timeout;

/// How long the controller may be silent.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);

/// Write prefixes, addresses, ranges, reservations, scopes or leases as CSV, at one revision
///
/// `freehold import` takes the file back; unchanged, it changes nothing.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// What to write
    #[arg(long, value_enum, default_value = "prefixes")]
    kind: Table,
    /// Only of this space
    #[arg(long, value_parser = names::space)]
    space: Option<SpaceName>,
    /// Only what lies in this prefix
    #[arg(long, value_name = "PREFIX", value_parser = names::prefix)]
    within: Option<Prefix>,
    /// Only prefixes that this filter takes, such as 'kind = network AND tags:voice'
    #[arg(long)]
    filter: Option<String>,
}

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Table {
    /// Prefixes
    Prefixes,
    /// Claimed addresses
    Addresses,
    /// Ranges and exclusions of scopes, a line each
    Ranges,
    /// Reservations
    Reservations,
    /// Scopes
    Scopes,
    /// Leases
    Leases,
}

impl Export {
    fn request(&self) -> Result<v1::ExportRequest, Failure> {
        let kind = match self.kind {
            Table::Prefixes => Kind::Prefixes,
            Table::Addresses => Kind::Addresses,
            Table::Ranges => Kind::Ranges,
            Table::Reservations => Kind::Reservations,
            Table::Scopes => Kind::Scopes,
            Table::Leases => Kind::Leases,
        };
        let parent = match &self.within {
            Some(prefix) => prefix.name(self.space.as_ref())?.to_string(),
            None => self.space.as_ref().map(ToString::to_string).unwrap_or_default(),
        };
        Ok(v1::ExportRequest { kind: kind.into(), parent, filter: self.filter.clone().unwrap_or_default() })
    }
}

pub(crate) async fn run(export: &Export, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if screen.format == Format::Json {
        return Err(Failure::Usage("an export is CSV; leave `--output json` out".to_owned()));
    }
    let request = export.request()?;
    let mut pieces = api.call(request, async |request| api.exchange().export(request).await).await?;
    let late = |_| Failure::Late { endpoint: api.target().endpoint.clone(), limit: SILENCE_LIMIT };
    loop {
        match timeout(SILENCE_LIMIT, pieces.message()).await.map_err(late)? {
            Ok(Some(piece)) => screen.out.write_all(&piece.data)?,
            Ok(None) => return Ok(screen.out.flush()?),
            Err(status) => return Err(api.failure(status, 1).await),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command as Noun, testing};
    use super::*;

    fn request(line: &str) -> v1::ExportRequest {
        let Noun::Export(export) = testing::parse(line) else { panic!("another command") };
        export.request().expect("a request")
    }

    #[test]
    fn what_is_exported_can_be_narrowed() {
        let wanted = |kind: Kind, parent: &str, filter: &str| v1::ExportRequest {
            kind: kind.into(),
            parent: parent.to_owned(),
            filter: filter.to_owned(),
        };
        assert_eq!(request("export"), wanted(Kind::Prefixes, "", ""));
        assert_eq!(request("export --kind addresses --space lab"), wanted(Kind::Addresses, "spaces/lab", ""));
        let within = "spaces/lab/prefixes/10.1.0.0-16";
        assert_eq!(request("export --kind ranges --space lab --within 10.1.0.0/16"), wanted(Kind::Ranges, within, ""));
        assert_eq!(request("export --filter kind=network"), wanted(Kind::Prefixes, "", "kind=network"));
        for kind in ["reservations", "scopes", "leases"] {
            assert_ne!(request(&format!("export --kind {kind}")), request("export"));
        }
    }
}
