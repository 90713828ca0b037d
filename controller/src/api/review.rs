use super::Api;
use super::call::{at_most, not_found_at, refuse};
use super::page::Page;
use super::sight::Sight;
use freehold_core::State;
use freehold_core::access::Spot;
use freehold_core::model::Scope;
use freehold_core::name::{PrefixName, ScopeName, ServerName, SpaceName};
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::review::{Check, Finding, Review, Severity, in_order};
use freehold_core::text::shown;
use freehold_core::usage::Usage;
use freehold_proto::convert::review::{check_message, message, parse_severity};
use freehold_proto::v1::review_service_server::ReviewService;
use freehold_proto::v1::{ListChecksRequest, ListChecksResponse, ListFindingsRequest, ListFindingsResponse};
use std::collections::BTreeSet;
use tonic::{Request, Response, Status};

/// At what findings are wanted.
enum Parent {
    All,
    Scope(ScopeName),
    Server(ServerName),
    Prefix(PrefixName),
    Space(SpaceName),
}

impl Parent {
    fn parse(text: &str) -> Result<Self, Refusal> {
        let name = || match text.split('/').collect::<Vec<_>>()[..] {
            [""] | ["-"] => Ok(Self::All),
            ["scopes", ..] => text.parse().map(Self::Scope),
            ["servers", ..] => text.parse().map(Self::Server),
            ["spaces", _] => text.parse().map(Self::Space),
            ["spaces", ..] => text.parse().map(Self::Prefix),
            _ => {
                let what = "is not the name of a scope, a server, a prefix or a space";
                Err(Refusal::new(Reason::InvalidName, format!("{} {what}", shown(text))))
            }
        };
        name().map_err(|refusal: Refusal| refusal.at("parent"))
    }

    /// Goes on if the caller may see it and it is there.
    fn found(&self, state: &State, sight: &Sight) -> Result<(), Status> {
        let missing = |there: bool, reason, name: &dyn std::fmt::Display| match there {
            true => Ok(()),
            false => Err(not_found_at("parent", reason, &name)),
        };
        match self {
            Self::All => Ok(()),
            Self::Scope(name) => {
                sight.all_of(&Spot::scope(state.scope(name)), name)?;
                missing(state.scope(name).is_some(), Reason::ScopeNotFound, name)
            }
            Self::Server(name) => {
                sight.everything(name)?;
                missing(state.server(name).is_some(), Reason::ServerNotFound, name)
            }
            Self::Prefix(name) => {
                sight.part_of(&Spot::Plan(name.clone()), name)?;
                missing(state.space(&name.space).is_some(), Reason::SpaceNotFound, &name.space)
            }
            Self::Space(name) => {
                sight.part_of_space(name)?;
                missing(state.space(name).is_some(), Reason::SpaceNotFound, name)
            }
        }
    }

    /// What is found at it, the worst first.
    fn review(&self, usage: &Usage) -> Vec<Finding> {
        let (review, state) = (Review::of(usage), usage.state());
        let of_scopes = |takes: &dyn Fn(&Scope) -> bool| {
            let scopes = state.scopes().values().filter(|scope| takes(scope));
            scopes.flat_map(|scope| review.of_scope(scope)).collect::<Vec<_>>()
        };
        in_order(match self {
            Self::All => return review.all(),
            Self::Scope(name) => state.scope(name).map_or_else(Vec::new, |scope| review.of_scope(scope)),
            Self::Server(name) => {
                let own = state.server(name).into_iter().flat_map(|server| review.of_server(server));
                own.chain(state.scopes_of(name).flat_map(|scope| review.of_scope(scope))).collect()
            }
            Self::Prefix(name) => of_scopes(&|scope| scope.space == name.space && name.cidr.covers(&scope.network)),
            Self::Space(name) => of_scopes(&|scope| scope.space == *name),
        })
    }
}

/// Which findings are wanted.
struct Filter {
    checks: BTreeSet<Check>,
    severity_min: Severity,
}

impl Filter {
    fn parse(message: &ListFindingsRequest) -> Result<Self, Refusal> {
        at_most(message.checks.len(), Check::ALL.len(), "checks")?;
        let check = |(n, id): (usize, &String)| id.parse().map_err(|no: Refusal| no.at(format!("checks[{n}]")));
        Ok(Self {
            checks: message.checks.iter().enumerate().map(check).collect::<Result<_, _>>()?,
            severity_min: parse_severity(message.severity_min).map_err(|refusal| refusal.at("severity_min"))?,
        })
    }

    fn takes(&self, finding: &Finding) -> bool {
        let of_check = self.checks.is_empty() || self.checks.contains(&finding.check);
        of_check && finding.severity() >= self.severity_min
    }
}

#[tonic::async_trait]
impl ReviewService for Api {
    async fn list_findings(
        &self,
        request: Request<ListFindingsRequest>,
    ) -> Result<Response<ListFindingsResponse>, Status> {
        let usage = self.usage.now();
        let sight = Sight::of(request.extensions(), usage.state())?;
        let request = request.into_inner();
        let filter = Filter::parse(&request).map_err(refuse)?;
        let parent = Parent::parse(&request.parent).map_err(refuse)?;
        let ListFindingsRequest { checks, severity_min, parent: of, .. } = &request;
        let page = Page::parse(
            request.page_size,
            &request.page_token,
            &format!("findings of {of} {checks:?} {severity_min}"),
        )?;
        parent.found(usage.state(), &sight)?;
        // A plan of many thousand scopes takes tens of milliseconds: not on a thread that answers calls.
        let review = tokio::task::spawn_blocking(move || parent.review(&usage)).await;
        let mut findings = review.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()));
        findings.retain(|finding| finding.lies_in(&sight.reach));
        let total_size = i32::try_from(findings.len()).unwrap_or(i32::MAX);
        let behind = |finding: &&Finding| page.after.as_ref().is_none_or(|after| finding.key() > *after);
        let wanted = findings.iter().filter(|finding| filter.takes(finding)).filter(behind);
        let (rows, next_page_token) = page.cut(wanted.take(page.size + 1).collect(), |finding| finding.key());
        let findings = rows.into_iter().map(message).collect();
        Ok(Response::new(ListFindingsResponse { findings, next_page_token, total_size }))
    }

    async fn list_checks(&self, _: Request<ListChecksRequest>) -> Result<Response<ListChecksResponse>, Status> {
        let checks = Check::ALL.iter().copied().map(check_message).collect();
        Ok(Response::new(ListChecksResponse { checks }))
    }
}
