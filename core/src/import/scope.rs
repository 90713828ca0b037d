use super::labels::{whole, with};
use super::{Context, Planner, Want, differing};
use crate::command::{Command, NewScope, ScopePatch};
use crate::exchange::{ScopeRow, Sheet};
use crate::labels::Labels;
use crate::model::{LabelledKind, LeaseTimes, Link, Scope};
use crate::option::Options;
use crate::refusal::{Reason, Refusal};

impl Planner {
    pub(super) fn scope(&mut self, context: Context<'_>, line: u64, row: &ScopeRow) -> Result<Want, Refusal> {
        let there = self.state.scope(&row.scope.name).cloned();
        let labels = there.as_ref().map_or(Labels::NONE, |there| there.labels.clone());
        let labelling = self.labels(context, line, LabelledKind::Scope, &row.labels, &labels)?;
        let Some(there) = there else {
            let scope = NewScope { labels: whole(&labelling.patch), ..row.scope.clone() };
            let mut commands = labelling.commands;
            commands.push(Command::CreateScope(scope));
            return Ok(Want::Make(commands));
        };
        stays(row, &there)?;
        let (sheet, mut columns, said) = (context.sheet, Vec::new(), &row.scope);
        let (mut ranges, mut exclusions) = (said.ranges.clone(), said.exclusions.clone());
        let mut prefix_pools = said.prefix_pools.clone();
        ranges.sort();
        exclusions.sort();
        prefix_pools.sort();
        let link = link(sheet, &there.link, &said.link);
        columns.extend((link != there.link).then(|| "link".to_owned()));
        let lease_times = lease_times(sheet, there.lease_times, said.lease_times)?;
        let options = options(sheet, &there.options, &said.options)?;
        columns.extend((lease_times != there.lease_times).then(|| "valid_seconds".to_owned()));
        columns.extend((options != there.options).then(|| "options".to_owned()));
        let patch = ScopePatch {
            ranges: differing(&mut columns, sheet, "ranges", &there.ranges, &ranges),
            exclusions: differing(&mut columns, sheet, "exclusions", &there.exclusions, &exclusions),
            prefix_pools: differing(&mut columns, sheet, "prefix_pools", &there.prefix_pools, &prefix_pools),
            options: (options != there.options).then_some(options),
            lease_times: (lease_times != there.lease_times).then_some(lease_times),
            link: (link != there.link).then_some(link),
            status: differing(&mut columns, sheet, "status", &there.status, &said.status),
            server: differing(&mut columns, sheet, "server", &there.server, &said.server),
            description: differing(&mut columns, sheet, "description", &there.description, &said.description),
            labels: labelling.patch.clone(),
        };
        let columns = with(columns, &labelling);
        let etag = self.etag(there.stamp.revision);
        let mut commands = labelling.commands;
        commands.push(Command::UpdateScope { name: there.name.clone(), etag, patch });
        Ok(Want::change(there.stamp.revision, columns, commands))
    }
}

/// A scope serves the network that it was made for.
fn stays(row: &ScopeRow, there: &Scope) -> Result<(), Refusal> {
    if (&row.scope.space, row.scope.network) == (&there.space, there.network) {
        return Ok(());
    }
    let message = format!("{} serves {}; to serve another network, make another scope", there.name, there.prefix());
    Err(Refusal::new(Reason::FieldImmutable, message).at("network").about(&there.name))
}

/// The times that a scope has with what the file has columns for.
fn lease_times(sheet: &Sheet, there: LeaseTimes, said: LeaseTimes) -> Result<LeaseTimes, Refusal> {
    let valid = if sheet.has("valid_seconds") { said.valid_seconds() } else { there.valid_seconds() };
    let renew = if sheet.has("renew_seconds") { said.renew_seconds() } else { there.renew_seconds() };
    let rebind = if sheet.has("rebind_seconds") { said.rebind_seconds() } else { there.rebind_seconds() };
    let preferred = if sheet.has("preferred_seconds") { said.preferred_seconds() } else { there.preferred_seconds() };
    LeaseTimes::new(valid, renew, rebind)?.preferred(preferred)
}

/// The link that a scope has with what the file has columns for.
fn link(sheet: &Sheet, there: &Link, said: &Link) -> Link {
    let of = |column: &str| if sheet.has(column) { said } else { there };
    let mut relays = of("relay_addresses").relays.clone();
    relays.sort();
    Link { interface: of("interface").interface.clone(), relays, interface_id: of("interface_id").interface_id.clone() }
}

/// The options that a scope has with those that the file has columns for.
fn options(sheet: &Sheet, there: &Options, said: &Options) -> Result<Options, Refusal> {
    let family = there.family();
    let named: Vec<_> = sheet.options().filter_map(|name| name.code(family?).ok()).collect();
    let mut options = said.clone();
    for (code, value) in there.iter().filter(|(code, _)| !named.contains(code)) {
        options.add(code, value.clone()).map_err(|refusal| refusal.at("options"))?;
    }
    Ok(options)
}
