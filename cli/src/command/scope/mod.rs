//! `freehold scope`: what DHCP serves of a network.
//!
//! - this file: the arguments, and sending
//! - [`fields`]: from arguments to the fields of a scope
//! - [`edit`]: changes of a scope as it stands, pure functions from the scope read to the update sent
//! - [`shown`]: how a scope is shown

mod edit;
mod fields;
mod shown;

use super::{Change, Guard, Only, review};
use crate::connect::Api;
use crate::error::Failure;
use crate::names::{self, Prefix};
use crate::output::Screen;
use crate::page::{Limit, all};
use crate::wait::{Wait, for_deletion, for_release, servers_of, then_show};
use clap::{Args, Subcommand};
use edit::Edit;
use fields::Fields;
use freehold_core::name::{ScopeName, ServerName, SpaceName};
use freehold_core::net::AddressRange;
use freehold_proto::v1;

/// How often a change is made again because the scope changed between reading and writing.
const REWRITES: u32 = 5;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a scope
    Create(Box<Create>),
    /// List scopes
    List(List),
    /// Show a scope
    Show {
        /// Which
        #[arg(value_parser = names::scope)]
        scope: ScopeName,
    },
    /// Change a scope: what is given replaces what was there, option by option
    Update(Box<Update>),
    /// Keep addresses from being leased
    Exclude(Exclude),
    /// Take exclusions back, in whole or in part
    Include(Include),
    /// Delete a scope
    Delete(Delete),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// Its name
    #[arg(value_parser = names::scope)]
    scope: ScopeName,
    /// The network that it serves, such as 10.1.2.0/24
    #[arg(long, value_parser = names::prefix, value_name = "CIDR")]
    network: Prefix,
    /// The network's space; the default space if not given
    #[arg(long, value_parser = names::space)]
    space: Option<SpaceName>,
    #[command(flatten)]
    fields: Fields,
    /// Addresses that are never leased, such as 10.1.2.50-10.1.2.60
    #[arg(long, value_name = "RANGE", value_delimiter = ',')]
    exclude: Vec<AddressRange>,
    /// Keep it in the plan only: no server gets it
    #[arg(long)]
    inactive: bool,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those of this server
    #[arg(long, value_parser = names::server)]
    server: Option<ServerName>,
    #[command(flatten)]
    only: Only,
    #[command(flatten)]
    limit: Limit,
}

#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Which
    #[arg(value_parser = names::scope)]
    scope: ScopeName,
    #[command(flatten)]
    fields: Fields,
    /// Lease nothing but reservations
    #[arg(long, conflicts_with = "range")]
    no_range: bool,
    /// Take an option out, by code or name
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    unset_option: Vec<freehold_core::option::OptionName>,
    /// Delegate no prefixes
    #[arg(long, conflicts_with = "prefix_pool")]
    no_prefix_pool: bool,
    /// Tell its clients by its network alone
    #[arg(long, conflicts_with_all = ["interface", "relay", "interface_id"])]
    no_link: bool,
    /// Take it from its server
    #[arg(long, conflicts_with = "server")]
    no_server: bool,
    /// Serve it
    #[arg(long, conflicts_with = "inactive")]
    active: bool,
    /// Keep it in the plan only: no server has it
    #[arg(long)]
    inactive: bool,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct Exclude {
    /// Of which scope
    #[arg(value_parser = names::scope)]
    scope: ScopeName,
    /// The addresses, such as 10.1.2.70-10.1.2.75
    #[arg(required = true, value_name = "RANGE")]
    ranges: Vec<AddressRange>,
    /// Why
    #[arg(long, default_value = "")]
    comment: String,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct Include {
    /// Of which scope
    #[arg(value_parser = names::scope)]
    scope: ScopeName,
    /// The addresses, such as 10.1.2.70-10.1.2.75
    #[arg(required = true, value_name = "RANGE")]
    ranges: Vec<AddressRange>,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    wait: Wait,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Which
    #[arg(value_parser = names::scope)]
    scope: ScopeName,
    /// Its reservations too
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
    #[command(flatten)]
    wait: Wait,
}

pub(crate) async fn run(command: Command, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    match command {
        Command::Create(create) => {
            let request = create.request(api.request_id())?;
            let scope = api.call(request, async |request| api.scopes().create_scope(request).await).await?;
            let name = scope.name.clone();
            let shown = show(api, screen, (create.wait, create.change), scope).await;
            warn(api, screen, create.change, &name).await?;
            shown
        }
        Command::List(list) => {
            let scopes = all(list.limit, async |page_size, page_token| {
                let request = v1::ListScopesRequest {
                    page_size,
                    page_token,
                    server: list.server(),
                    filter: list.only.filter.clone(),
                    view: list.only.view(),
                };
                let page = api.call(request, async |request| api.scopes().list_scopes(request).await).await?;
                Ok((page.scopes, page.next_page_token))
            });
            screen.list(&scopes.await?)
        }
        Command::Show { scope } => screen.one(&get(api, &scope).await?),
        Command::Update(update) => {
            let wait = update.wait;
            let edit = |scope: &v1::Scope| update.edit(scope);
            let (before, scope) = rewrite(api, &update.scope, &update.guard, update.change, edit).await?;
            let moved = wait.wait && before.server != scope.server;
            let released = if moved { for_release(api, screen, wait, &before, &scope.etag).await } else { Ok(()) };
            let shown = show(api, screen, (wait, update.change), scope).await;
            warn(api, screen, update.change, &update.scope.to_string()).await?;
            shown.and(released)
        }
        Command::Exclude(exclude) => {
            let edit = |scope: &v1::Scope| edit::exclude(scope, &exclude.ranges, &exclude.comment);
            let (_, scope) = rewrite(api, &exclude.scope, &exclude.guard, exclude.change, edit).await?;
            show(api, screen, (exclude.wait, exclude.change), scope).await
        }
        Command::Include(include) => {
            let edit = |scope: &v1::Scope| edit::include(scope, &include.ranges);
            let (_, scope) = rewrite(api, &include.scope, &include.guard, include.change, edit).await?;
            show(api, screen, (include.wait, include.change), scope).await
        }
        Command::Delete(delete) => {
            let name = delete.scope.to_string();
            let request = delete.request(api.request_id());
            let gone = async { api.call(request, async |request| api.scopes().delete_scope(request).await).await };
            let servers = if delete.wait.wait { servers_of(&get(api, &delete.scope).await?.sync) } else { Vec::new() };
            for_deletion(api, screen, delete.wait, ("scope", &name), &servers, gone).await?;
            screen.deleted(&name, delete.change.validate_only)
        }
    }
}

async fn get(api: &Api, scope: &ScopeName) -> Result<v1::Scope, Failure> {
    let request = v1::GetScopeRequest { name: scope.to_string() };
    api.call(request, async |request| api.scopes().get_scope(request).await).await
}

/// Warns of what is doubtful at a scope that was changed.
async fn warn(api: &Api, screen: &mut Screen<'_>, change: Change, scope: &str) -> Result<(), Failure> {
    if change.validate_only { Ok(()) } else { review::warn(api, screen, scope).await }
}

async fn show(api: &Api, screen: &mut Screen<'_>, how: (Wait, Change), scope: v1::Scope) -> Result<(), Failure> {
    let name = scope.name.clone();
    then_show(api, screen, how, &name, scope, |scope, sync| scope.sync = sync).await
}

/// Reads the scope, edits it, and writes it back guarded by its etag; again if somebody else was faster, unless the
/// caller brought an etag. Gives the scope before and after.
async fn rewrite(
    api: &Api,
    name: &ScopeName,
    guard: &Guard,
    change: Change,
    edit: impl Fn(&v1::Scope) -> Result<Edit, Failure>,
) -> Result<(v1::Scope, v1::Scope), Failure> {
    let mut left = if guard.etag.is_some() { 1 } else { REWRITES };
    loop {
        let present = get(api, name).await?;
        let etag = guard.etag.clone().unwrap_or_else(|| present.etag.clone());
        let request = edit(&present)?.request(&present, etag, api.request_id(), change.validate_only)?;
        left -= 1;
        match api.call(request, async |request| api.scopes().update_scope(request).await).await {
            Err(failure) if failure.is_etag_mismatch() && left > 0 => {}
            done => return done.map(|scope| (present, scope)),
        }
    }
}

impl List {
    fn server(&self) -> String {
        self.server.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

impl Create {
    fn request(&self, request_id: String) -> Result<v1::CreateScopeRequest, Failure> {
        let network = self.network.name(self.space.as_ref())?;
        let status = if self.inactive { v1::scope::Status::Inactive } else { v1::scope::Status::Active };
        let scope = v1::Scope {
            network: network.to_string(),
            ranges: fields::ranges(&self.fields.range),
            exclusions: fields::exclusions(&self.exclude, ""),
            prefix_pools: self.fields.prefix_pools(),
            options: self.fields.options(network.cidr.family())?,
            link: self.fields.link(None),
            lease_times: self.fields.lease_times(None)?,
            status: status.into(),
            server: self.fields.server.as_ref().map(ToString::to_string).unwrap_or_default(),
            description: self.fields.description.clone().unwrap_or_default(),
            ..Default::default()
        };
        Ok(v1::CreateScopeRequest {
            scope_id: self.scope.id().to_owned(),
            scope: Some(scope),
            request_id,
            validate_only: self.change.validate_only,
        })
    }
}

impl Delete {
    fn request(&self, request_id: String) -> v1::DeleteScopeRequest {
        v1::DeleteScopeRequest {
            name: self.scope.to_string(),
            etag: self.guard.text(),
            request_id,
            validate_only: self.change.validate_only,
            force: self.force,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command as Noun, testing};
    use super::*;
    use freehold_proto::v1::dhcp_option::Value;

    fn create(line: &str) -> Result<v1::CreateScopeRequest, Failure> {
        let Noun::Scope(Command::Create(create)) = testing::parse(line) else { panic!("another command") };
        create.request("id".into())
    }

    #[test]
    fn a_whole_scope_is_typed_in_a_line() {
        let line = "scope create berlin-voice --network 10.1.2.0/24 --range 10.1.2.10-10.1.2.200 \
            --exclude 10.1.2.50-10.1.2.60 --exclude 10.1.2.99 --router 10.1.2.1 --dns 10.0.0.53,10.0.0.54 \
            --domain berlin.example --ntp 10.0.0.123 --option 150=0a000001 --option interface-mtu=1400 --lease-time 1h \
            --renew-time 15m --server berlin-1/kea4 --description Phones --wait";
        let addresses = |code: u32, name: &str, items: &[&str]| v1::DhcpOption {
            code,
            name: name.into(),
            value: Some(Value::Addresses(v1::AddressList { items: items.iter().map(|i| i.to_string()).collect() })),
        };
        let option = |code, name: &str, value| v1::DhcpOption { code, name: name.into(), value: Some(value) };
        let range = |start: &str, end: &str| v1::AddressRange { start: start.into(), end: end.into() };
        assert_eq!(
            create(line).expect("a request"),
            v1::CreateScopeRequest {
                scope_id: "berlin-voice".into(),
                scope: Some(v1::Scope {
                    network: "spaces/default/prefixes/10.1.2.0-24".into(),
                    ranges: vec![range("10.1.2.10", "10.1.2.200")],
                    exclusions: vec![
                        v1::Exclusion { range: Some(range("10.1.2.50", "10.1.2.60")), comment: String::new() },
                        v1::Exclusion { range: Some(range("10.1.2.99", "10.1.2.99")), comment: String::new() },
                    ],
                    options: vec![
                        addresses(3, "routers", &["10.1.2.1"]),
                        addresses(6, "domain-name-servers", &["10.0.0.53", "10.0.0.54"]),
                        option(15, "domain-name", Value::Names(v1::NameList { items: vec!["berlin.example".into()] })),
                        option(26, "interface-mtu", Value::Unsigned(1400)),
                        addresses(42, "ntp-servers", &["10.0.0.123"]),
                        option(150, "", Value::Bytes(vec![10, 0, 0, 1])),
                    ],
                    lease_times: Some(v1::LeaseTimes { valid_seconds: 3600, renew_seconds: 900, ..Default::default() }),
                    status: v1::scope::Status::Active.into(),
                    server: "servers/berlin-1/kea4".into(),
                    description: "Phones".into(),
                    ..Default::default()
                }),
                request_id: "id".into(),
                validate_only: false,
            }
        );
    }

    #[test]
    fn the_rules_own_words_refuse_bad_input_here() {
        let start = "scope create x --network 10.1.2.0/24";
        let wrong = |line: &str| create(&format!("{start} {line}")).expect_err(line).report();
        assert_eq!(wrong("--router 10.1.2.1 --option routers=10.1.2.2"), "error: option 3 (routers) is given twice\n");
        assert_eq!(
            wrong("--option interface-mtu=70000"),
            "error: option 26 (interface-mtu) takes a number of at most 16 bits, not \"70000\"\n"
        );
        assert_eq!(wrong("--lease-time 5s"), "error: a lease of 5 s: give 10 to 31536000 seconds\n");
        assert_eq!(
            testing::refused(&format!("{start} --range 10.1.2.9-10.1.2.1")),
            "error: invalid value '10.1.2.9-10.1.2.1' for '--range <RANGE>': the range starts at 10.1.2.9, after its end 10.1.2.1; swap them"
        );
        assert_eq!(
            wrong("--option 51=3600"),
            "error: option 51 is decided by the server or sent by clients; it cannot be set (lease times have fields of their own)\n"
        );
        assert_eq!(
            testing::refused(&format!("{start} --option router=10.1.2.1")),
            "error: invalid value 'router=10.1.2.1' for '--option <CODE=VALUE>': no option of DHCPv4 is called \"router\"; give its code, or a name such as ntp-servers"
        );
        let six =
            |line: &str| create(&format!("scope create x --network 2001:db8::/64 {line}")).expect_err(line).report();
        assert_eq!(six("--router fe80::1"), "error: DHCPv6 has no option for --router: routers advertise themselves\n");
        assert_eq!(
            six("--option routers=10.1.2.1"),
            "error: no option of DHCPv6 is called \"routers\"; give its code, or a name such as dns-servers\n"
        );
        assert_eq!(
            testing::refused("scope create x --network 2001:db8::/64 --prefix-pool 2001:db8:8000::/36"),
            "error: invalid value '2001:db8:8000::/36' for '--prefix-pool <BLOCK=LENGTH>': \"2001:db8:8000::/36 by /\" is not of the form 2001:db8:8000::/36 by /56"
        );
    }

    #[test]
    fn waiting_and_only_validating_exclude_each_other() {
        assert_eq!(
            testing::refused("scope delete x --wait --validate-only"),
            "error: the argument '--wait' cannot be used with '--validate-only'"
        );
    }
}
