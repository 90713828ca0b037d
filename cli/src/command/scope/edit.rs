//! Changes of a scope as it stands: from the scope that was read to the update that is sent.

use super::super::{mask, some_change};
use super::{Update, fields};
use crate::error::Failure;
use freehold_core::name::PrefixName;
use freehold_core::net::{AddressRange, Family, parse_address, subtract};
use freehold_proto::v1;

/// New values of the fields that are named.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Edit {
    scope: v1::Scope,
    paths: Vec<&'static str>,
}

impl Edit {
    /// The update that carries it out on the scope as it was read.
    pub(crate) fn request(
        self,
        read: &v1::Scope,
        etag: String,
        request_id: String,
        validate_only: bool,
    ) -> Result<v1::UpdateScopeRequest, Failure> {
        some_change(&self.paths)?;
        Ok(v1::UpdateScopeRequest {
            scope: Some(v1::Scope { name: read.name.clone(), etag, ..self.scope }),
            update_mask: mask(self.paths),
            request_id,
            validate_only,
        })
    }
}

/// More exclusions, beside those that are there.
pub(crate) fn exclude(read: &v1::Scope, ranges: &[AddressRange], comment: &str) -> Result<Edit, Failure> {
    let mut exclusions = read.exclusions.clone();
    exclusions.extend(fields::exclusions(ranges, comment));
    Ok(Edit { scope: v1::Scope { exclusions, ..Default::default() }, paths: vec!["exclusions"] })
}

/// The exclusions less these addresses; what is left of one keeps its comment.
pub(crate) fn include(read: &v1::Scope, ranges: &[AddressRange]) -> Result<Edit, Failure> {
    let present = read.exclusions.iter().map(|e| Ok((core_range(e)?, e))).collect::<Result<Vec<_>, Failure>>()?;
    if let Some(free) = ranges.iter().find(|range| !present.iter().any(|(excluded, _)| excluded.overlaps(range))) {
        let message = format!("nothing of {free} is excluded in {}; `freehold scope show` lists what is", read.name);
        return Err(Failure::Usage(message));
    }
    let left = present.iter().flat_map(|(excluded, exclusion)| {
        let parts = subtract(&[*excluded], ranges);
        parts.into_iter().flat_map(|part| fields::exclusions(&[part], &exclusion.comment))
    });
    let exclusions = left.collect();
    Ok(Edit { scope: v1::Scope { exclusions, ..Default::default() }, paths: vec!["exclusions"] })
}

fn core_range(exclusion: &v1::Exclusion) -> Result<AddressRange, Failure> {
    let range = exclusion.range.clone().unwrap_or_default();
    Ok(AddressRange::new(parse_address(&range.start)?, parse_address(&range.end)?)?)
}

/// The family of a scope that was read.
fn family_of(read: &v1::Scope) -> Result<Family, Failure> {
    let network: PrefixName = read.network.parse()?;
    Ok(network.cidr.family())
}

impl Update {
    /// What the arguments change of the scope.
    pub(super) fn edit(&self, read: &v1::Scope) -> Result<Edit, Failure> {
        let mut scope = v1::Scope::default();
        let mut paths = Vec::new();
        if !self.fields.range.is_empty() || self.no_range {
            scope.ranges = fields::ranges(&self.fields.range);
            paths.push("ranges");
        }
        if !self.fields.prefix_pool.is_empty() || self.no_prefix_pool {
            scope.prefix_pools = self.fields.prefix_pools();
            paths.push("prefix_pools");
        }
        if self.fields.has_options() || !self.unset_option.is_empty() {
            let family = family_of(read)?;
            scope.options = self.options(family, &read.options, self.fields.options(family)?)?;
            paths.push("options");
        }
        if let Some(link) = self.fields.link(read.link.as_ref()) {
            scope.link = Some(link);
            paths.push("link");
        } else if self.no_link {
            paths.push("link");
        }
        if let Some(times) = self.fields.lease_times(read.lease_times.as_ref())? {
            scope.lease_times = Some(times);
            paths.push("lease_times");
        }
        if self.active || self.inactive {
            let status = if self.active { v1::scope::Status::Active } else { v1::scope::Status::Inactive };
            scope.status = status.into();
            paths.push("status");
        }
        if self.fields.server.is_some() || self.no_server {
            scope.server = self.fields.server.as_ref().map(ToString::to_string).unwrap_or_default();
            paths.push("server");
        }
        if let Some(description) = &self.fields.description {
            scope.description = description.clone();
            paths.push("description");
        }
        Ok(Edit { scope, paths })
    }

    /// The options that were there, with those that were given in their place and without those that were unset.
    fn options(
        &self,
        family: Family,
        present: &[v1::DhcpOption],
        given: Vec<v1::DhcpOption>,
    ) -> Result<Vec<v1::DhcpOption>, Failure> {
        let unset = self.unset_option.iter().map(|name| name.code(family).map(|code| u32::from(code.number())));
        let unset: Vec<u32> = unset.collect::<Result<_, _>>()?;
        let unset = |code: u32| unset.contains(&code);
        if let Some(both) = given.iter().find(|option| unset(option.code)) {
            return Err(Failure::Usage(format!("option {} is both set and unset", both.code)));
        }
        let replaced = |code: u32| given.iter().any(|option| option.code == code);
        let kept = present.iter().filter(|option| !unset(option.code) && !replaced(option.code)).cloned();
        let mut options: Vec<_> = kept.collect();
        options.extend(given);
        options.sort_by_key(|option| option.code);
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::{Command as Noun, testing};
    use super::super::Command;
    use super::*;
    use freehold_proto::v1::dhcp_option::Value;

    fn ranges(texts: &[&str]) -> Vec<AddressRange> {
        texts.iter().map(|text| text.parse().expect("a range")).collect()
    }

    fn exclusion(start: &str, end: &str, comment: &str) -> v1::Exclusion {
        v1::Exclusion {
            range: Some(v1::AddressRange { start: start.into(), end: end.into() }),
            comment: comment.into(),
        }
    }

    fn option(code: u32, name: &str, text: &str) -> v1::DhcpOption {
        v1::DhcpOption { code, name: name.into(), value: Some(Value::Text(text.into())) }
    }

    fn scope() -> v1::Scope {
        v1::Scope {
            name: "scopes/voice".into(),
            network: "spaces/default/prefixes/10.0.0.0-24".into(),
            exclusions: vec![
                exclusion("10.0.0.50", "10.0.0.60", "printers"),
                exclusion("10.0.0.70", "10.0.0.75", "cameras"),
            ],
            options: vec![option(66, "tftp-server-name", "old"), option(67, "boot-file-name", "pxe")],
            lease_times: Some(v1::LeaseTimes { valid_seconds: 7200, renew_seconds: 600, ..Default::default() }),
            etag: "41".into(),
            ..Default::default()
        }
    }

    fn update(line: &str) -> Result<v1::UpdateScopeRequest, Failure> {
        let Noun::Scope(Command::Update(update)) = testing::parse(&format!("scope update voice {line}")) else {
            panic!("another command")
        };
        let read = scope();
        update.edit(&read)?.request(&read, read.etag.clone(), "id".into(), false)
    }

    fn sent(scope: v1::Scope, paths: &[&str]) -> v1::UpdateScopeRequest {
        v1::UpdateScopeRequest {
            scope: Some(v1::Scope { name: "scopes/voice".into(), etag: "41".into(), ..scope }),
            update_mask: mask(paths.to_vec()),
            request_id: "id".into(),
            validate_only: false,
        }
    }

    #[test]
    fn an_exclusion_joins_those_that_are_there() {
        let edit = exclude(&scope(), &ranges(&["10.0.0.80", "10.0.0.90-10.0.0.91"]), "doors").expect("an edit");
        let mut want = scope().exclusions;
        want.push(exclusion("10.0.0.80", "10.0.0.80", "doors"));
        want.push(exclusion("10.0.0.90", "10.0.0.91", "doors"));
        assert_eq!(
            edit.request(&scope(), "41".into(), "id".into(), false).expect("a request"),
            sent(v1::Scope { exclusions: want, ..Default::default() }, &["exclusions"])
        );
    }

    #[test]
    fn including_splits_what_it_must_and_keeps_comments() {
        let edit = include(&scope(), &ranges(&["10.0.0.53-10.0.0.54", "10.0.0.70-10.0.0.75"])).expect("an edit");
        assert_eq!(
            edit.scope.exclusions,
            [exclusion("10.0.0.50", "10.0.0.52", "printers"), exclusion("10.0.0.55", "10.0.0.60", "printers")]
        );
        let nothing = include(&scope(), &ranges(&["10.0.0.50", "10.0.0.61-10.0.0.69"])).expect_err("not excluded");
        assert_eq!(
            nothing.report(),
            "error: nothing of 10.0.0.61-10.0.0.69 is excluded in scopes/voice; `freehold scope show` lists what is\n"
        );
    }

    #[test]
    fn an_option_replaces_its_own_kind_and_leaves_the_others() {
        let options = vec![
            option(66, "tftp-server-name", "new"),
            v1::DhcpOption {
                code: 42,
                name: "ntp-servers".into(),
                value: Some(Value::Addresses(v1::AddressList { items: vec!["10.0.0.1".into()] })),
            },
        ];
        let mut want = options;
        want.reverse();
        assert_eq!(
            update("--option 66=new --ntp 10.0.0.1 --unset-option boot-file-name").expect("a request"),
            sent(v1::Scope { options: want, ..Default::default() }, &["options"])
        );
        assert_eq!(
            update("--unset-option 66 --option 66=x").expect_err("both").report(),
            "error: option 66 is both set and unset\n"
        );
    }

    #[test]
    fn a_lease_time_keeps_the_others_and_fits_them() {
        let times = v1::LeaseTimes { valid_seconds: 3600, renew_seconds: 600, ..Default::default() };
        assert_eq!(
            update("--lease-time 1h").expect("a request"),
            sent(v1::Scope { lease_times: Some(times), ..Default::default() }, &["lease_times"])
        );
        assert!(matches!(update("--lease-time 5m"), Err(Failure::Usage(_))));
    }

    #[test]
    fn taking_away_is_said_by_the_mask() {
        assert_eq!(
            update("--no-range --no-server --inactive --description=").expect("a request"),
            sent(
                v1::Scope { status: v1::scope::Status::Inactive.into(), ..Default::default() },
                &["ranges", "status", "server", "description"]
            )
        );
        assert!(matches!(update(""), Err(Failure::Usage(_))));
    }
}
