//! `freehold review`: what is doubtful in the plan and in what servers run, why, and what to do.

use crate::connect::Api;
use crate::error::Failure;
use crate::names::{self, Prefix};
use crate::output::{Format, Screen, Shown, printable, word};
use crate::page::{Limit, all};
use clap::{Args, Subcommand, ValueEnum};
use freehold_core::name::{ScopeName, ServerName, SpaceName};
use freehold_core::review::Check;
use freehold_proto::v1;

/// Findings, the worst first: what is doubtful although nothing forbids it
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Review {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: List,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List what is looked for
    Checks,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Severity {
    /// It works, and could be better
    Advice,
    /// It works today, or for some
    Warning,
    /// Clients suffer now
    Error,
}

impl Severity {
    fn message(self) -> v1::Severity {
        match self {
            Self::Advice => v1::Severity::Advice,
            Self::Warning => v1::Severity::Warning,
            Self::Error => v1::Severity::Error,
        }
    }
}

#[derive(Debug, Args)]
struct List {
    /// Only those at this scope
    #[arg(long, value_parser = names::scope, conflicts_with_all = ["server", "prefix", "space"])]
    scope: Option<ScopeName>,
    /// Only those at this server and its scopes, such as berlin-1/kea4
    #[arg(long, value_parser = names::server, conflicts_with_all = ["prefix", "space"])]
    server: Option<ServerName>,
    /// Only those at scopes in this prefix
    #[arg(long, value_name = "CIDR", value_parser = names::prefix)]
    prefix: Option<Prefix>,
    /// Only those at scopes in this space; of --prefix, its space
    #[arg(long, value_parser = names::space)]
    space: Option<SpaceName>,
    /// Only those of this check, such as no-router; may be given several times
    #[arg(long, value_name = "CHECK", value_delimiter = ',')]
    check: Vec<Check>,
    /// Only those that are at least so bad
    #[arg(long, value_enum)]
    severity: Option<Severity>,
    #[command(flatten)]
    limit: Limit,
}

impl List {
    fn parent(&self) -> Result<String, Failure> {
        if let Some(prefix) = &self.prefix {
            return Ok(prefix.name(self.space.as_ref())?.to_string());
        }
        let scope = self.scope.as_ref().map(ToString::to_string);
        let server = || self.server.as_ref().map(ToString::to_string);
        let space = || self.space.as_ref().map(ToString::to_string);
        Ok(scope.or_else(server).or_else(space).unwrap_or_default())
    }

    fn request(&self, page_size: i32, page_token: String) -> Result<v1::ListFindingsRequest, Failure> {
        Ok(v1::ListFindingsRequest {
            page_size,
            page_token,
            parent: self.parent()?,
            checks: self.check.iter().map(ToString::to_string).collect(),
            severity_min: self.severity.map(|severity| severity.message().into()).unwrap_or_default(),
        })
    }
}

pub(crate) async fn run(review: Review, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    if let Some(Command::Checks) = review.command {
        let request = v1::ListChecksRequest {};
        let checks = api.call(request, async |request| api.review().list_checks(request).await).await?.checks;
        return screen.list(&checks);
    }
    let findings = all(review.list.limit, async |page_size, page_token| {
        let request = review.list.request(page_size, page_token)?;
        let page = api.call(request, async |request| api.review().list_findings(request).await).await?;
        Ok((page.findings, page.next_page_token))
    });
    screen.list(&findings.await?)
}

/// Warns of what is doubtful at a scope that was just changed. Whoever reads JSON asks for it, and a change that was made is
/// not undone by a review that cannot be had.
pub(crate) async fn warn(api: &Api, screen: &mut Screen<'_>, scope: &str) -> Result<(), Failure> {
    if screen.format == Format::Json {
        return Ok(());
    }
    let request = v1::ListFindingsRequest {
        parent: scope.to_owned(),
        severity_min: v1::Severity::Warning.into(),
        ..v1::ListFindingsRequest::default()
    };
    match api.call(request, async |request| api.review().list_findings(request).await).await {
        Ok(page) => page.findings.iter().try_for_each(|finding| Ok(writeln!(screen.err, "{}", warning(finding))?)),
        Err(failure) => screen.note(&format!("no review of {scope}: {}", failure.report().trim_end())),
    }
}

fn warning(finding: &v1::Finding) -> String {
    printable(&format!("warning: {}: {}. {}", finding.check, finding.message, finding.fix))
}

impl Shown for v1::Finding {
    const MESSAGE: &'static str = "freehold.v1.Finding";
    const COLUMNS: &'static [&'static str] = &["SEVERITY", "CHECK", "RESOURCE", "WHAT", "DO"];

    fn row(&self) -> Vec<String> {
        vec![
            word(self.severity().as_str_name(), "SEVERITY_"),
            self.check.clone(),
            names::short(&self.resource).to_owned(),
            self.message.clone(),
            self.fix.clone(),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        vec![
            ("check", self.check.clone()),
            ("severity", word(self.severity().as_str_name(), "SEVERITY_")),
            ("resource", self.resource.clone()),
            ("related", self.related.join("\n")),
            ("what", self.message.clone()),
            ("why", self.reason.clone()),
            ("do", self.fix.clone()),
        ]
    }
}

impl Shown for v1::Check {
    const MESSAGE: &'static str = "freehold.v1.Check";
    const COLUMNS: &'static [&'static str] = &["CHECK", "SEVERITY", "LOOKS AT", "WHY", "DO"];

    fn row(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            word(self.severity().as_str_name(), "SEVERITY_"),
            word(self.subject().as_str_name(), "SUBJECT_"),
            self.reason.clone(),
            self.fix.clone(),
        ]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command as Noun, testing};
    use super::*;
    use crate::output::table;

    fn request(line: &str) -> v1::ListFindingsRequest {
        let Noun::Review(review) = testing::parse(line) else { panic!("another command") };
        review.list.request(5, "t".into()).expect("a request")
    }

    #[test]
    fn findings_are_asked_for_by_whole_names() {
        let asked = |parent: &str, checks: &[&str], severity: v1::Severity| v1::ListFindingsRequest {
            page_size: 5,
            page_token: "t".into(),
            parent: parent.into(),
            checks: checks.iter().map(|check| check.to_string()).collect(),
            severity_min: severity.into(),
        };
        let unsaid = v1::Severity::Unspecified;
        assert_eq!(request("review"), asked("", &[], unsaid));
        assert_eq!(request("review --server berlin-1/kea4"), asked("servers/berlin-1/kea4", &[], unsaid));
        assert_eq!(request("review --space lab"), asked("spaces/lab", &[], unsaid));
        let net = "spaces/lab/prefixes/10.1.0.0-16";
        assert_eq!(request("review --prefix 10.1.0.0/16 --space lab"), asked(net, &[], unsaid));
        assert_eq!(
            request("review --scope yard --check no-router,renew-storm --severity error"),
            asked("scopes/yard", &["no-router", "renew-storm"], v1::Severity::Error)
        );
        assert_eq!(
            testing::refused("review --check no-rooter"),
            "error: invalid value 'no-rooter' for '--check <CHECK>': no check is called \"no-rooter\""
        );
        assert_eq!(
            testing::refused("review --scope yard --server berlin-1/kea4"),
            "error: the argument '--scope <SCOPE>' cannot be used with '--server <SERVER>'"
        );
        let Noun::Review(checks) = testing::parse("review checks") else { panic!("another command") };
        assert!(matches!(checks.command, Some(Command::Checks)));
    }

    fn finding() -> v1::Finding {
        v1::Finding {
            check: "no-router".into(),
            severity: v1::Severity::Warning.into(),
            resource: "scopes/yard".into(),
            message: "scopes/yard leases 10.1.0.10-10.1.0.99 and names no router".into(),
            reason: "Why.".into(),
            fix: "Do.".into(),
            ..v1::Finding::default()
        }
    }

    #[test]
    fn a_finding_says_what_and_what_to_do() {
        assert_eq!(
            table::list(v1::Finding::COLUMNS, [finding().row()].into_iter(), false),
            "SEVERITY  CHECK      RESOURCE  WHAT                                                        DO\n\
             warning   no-router  yard      scopes/yard leases 10.1.0.10-10.1.0.99 and names no router  Do.\n"
        );
        assert_eq!(
            warning(&finding()),
            "warning: no-router: scopes/yard leases 10.1.0.10-10.1.0.99 and names no router. Do."
        );
    }
}
