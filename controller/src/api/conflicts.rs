use super::Api;
use super::call::{at_most, named, not_found, refuse};
use super::page::Page;
use freehold_core::access::Reach;
use freehold_core::conflict::{Clash, ConflictKind};
use freehold_core::name::{ConflictName, PrefixName, ServerName, SpaceName};
use freehold_core::refusal::{Reason, Refusal};
use freehold_proto::convert::conflict::{message, parse_kind};
use freehold_proto::v1::conflict_service_server::ConflictService;
use freehold_proto::v1::{Conflict, GetConflictRequest, ListConflictsRequest, ListConflictsResponse};
use std::collections::BTreeSet;
use std::str::FromStr;
use tonic::{Request, Response, Status};

/// Which conflicts are wanted.
struct Filter {
    kinds: BTreeSet<ConflictKind>,
    space: Option<SpaceName>,
    prefix: Option<PrefixName>,
    server: Option<ServerName>,
}

/// The name in a field that may be empty.
fn optional<N: FromStr<Err = Refusal>>(text: &str, field: &str) -> Result<Option<N>, Refusal> {
    (!text.is_empty()).then(|| text.parse()).transpose().map_err(|refusal: Refusal| refusal.at(field))
}

impl Filter {
    fn parse(message: &ListConflictsRequest) -> Result<Self, Refusal> {
        at_most(message.kinds.len(), ConflictKind::ALL.len(), "kinds")?;
        let kind = |(n, kind): (usize, &i32)| parse_kind(*kind).map_err(|refusal| refusal.at(format!("kinds[{n}]")));
        Ok(Self {
            kinds: message.kinds.iter().enumerate().map(kind).collect::<Result<_, _>>()?,
            space: optional(&message.space, "space")?,
            prefix: optional(&message.prefix, "prefix")?,
            server: optional(&message.server, "server")?,
        })
    }

    fn takes(&self, clash: &Clash) -> bool {
        let of_kind = self.kinds.is_empty() || self.kinds.contains(&clash.kind());
        let served = self.server.as_ref().is_none_or(|server| clash.servers().contains(&server));
        if !of_kind || !served {
            return false;
        }
        if self.space.is_none() && self.prefix.is_none() {
            return true;
        }
        let places = clash.places();
        let in_space = self.space.as_ref().is_none_or(|wanted| places.iter().any(|(space, _)| space == wanted));
        let shares = |wanted: &PrefixName| {
            places.iter().any(|(space, cidr)| *space == wanted.space && cidr.overlaps(&wanted.cidr))
        };
        in_space && self.prefix.as_ref().is_none_or(shares)
    }
}

/// Whether all that takes part in a conflict lies within a reach.
fn sees(reach: &Reach, clash: &Clash) -> bool {
    reach.is_everywhere() || clash.places().iter().all(|(space, cidr)| reach.covers(space, cidr))
}

#[tonic::async_trait]
impl ConflictService for Api {
    async fn list_conflicts(
        &self,
        request: Request<ListConflictsRequest>,
    ) -> Result<Response<ListConflictsResponse>, Status> {
        let sight = self.sight(request.extensions())?;
        let request = request.into_inner();
        let filter = Filter::parse(&request).map_err(refuse)?;
        let ListConflictsRequest { kinds, space, prefix, server, .. } = &request;
        let list = format!("conflicts of {kinds:?} in {space} {prefix} of {server}");
        let page = Page::parse(request.page_size, &request.page_token, &list)?;
        let conflicts = self.conflicts.at(self.engine.state().revision()).await;
        let seen = |clash: &Clash| sees(&sight.reach, clash);
        let found = conflicts.after(page.after.as_deref()).filter(|(_, found)| seen(&found.clash));
        let found = found.filter(|(_, conflict)| filter.takes(&conflict.clash));
        let (rows, next_page_token) = page.cut(found.take(page.size + 1).collect(), |(key, _)| (*key).clone());
        let now = self.engine.now();
        let total = match sight.reach.is_everywhere() {
            true => conflicts.len(),
            false => conflicts.after(None).filter(|(_, found)| seen(&found.clash)).count(),
        };
        Ok(Response::new(ListConflictsResponse {
            conflicts: rows.into_iter().map(|(_, conflict)| message(conflict, now)).collect(),
            next_page_token,
            total_size: i32::try_from(total).unwrap_or(i32::MAX),
        }))
    }

    async fn get_conflict(&self, request: Request<GetConflictRequest>) -> Result<Response<Conflict>, Status> {
        let name: ConflictName = named(&request.get_ref().name)?;
        let sight = self.sight(request.extensions())?;
        let conflicts = self.conflicts.at(self.engine.state().revision()).await;
        let seen = conflicts.get(&name).map_or(sight.reach.is_everywhere(), |found| sees(&sight.reach, &found.clash));
        sight.must(seen, &name)?;
        let found = conflicts.get(&name).ok_or_else(|| not_found(Reason::ConflictNotFound, &name))?;
        Ok(Response::new(message(found, self.engine.now())))
    }
}
