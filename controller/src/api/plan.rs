use super::Api;
use super::call::{at_most, missing, mutation, not_found_at, open, refuse, there};
use super::page::Page;
use super::prefixes::{draft, shown};
use super::sight::Sight;
use super::usage;
use freehold_core::access::{Reach, Spot};
use freehold_core::command::Etag;
use freehold_core::decide::{PARTS_MAX, find_free_subnets};
use freehold_core::model::Prefix as CorePrefix;
use freehold_core::name::{PrefixName, SpaceName};
use freehold_core::net::Cidr;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::{Change, Command, Record, State};
use freehold_proto::convert::event::change_message;
use freehold_proto::convert::time::parse_etag;
use freehold_proto::v1::plan_service_server::PlanService;
use freehold_proto::v1::{
    CarvePrefixesRequest, CarvePrefixesResponse, FindFreeSubnetsRequest, FindFreeSubnetsResponse, JoinPrefixesRequest,
    JoinPrefixesResponse, ListPrefixTreeRequest, ListPrefixTreeResponse, Prefix, PrefixTreeRow, ResizePrefixRequest,
    ResizePrefixResponse, ResourceChange, SplitPrefixRequest, SplitPrefixResponse,
};
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// The deepest tree: a prefix of every length of IPv6.
const DEPTH_MAX: i32 = 128;

/// Whose inside a tree shows.
fn parse_root(parent: &str) -> Result<(SpaceName, Option<PrefixName>), Refusal> {
    let parse = || match parent.contains("/prefixes/") {
        true => parent.parse().map(|name: PrefixName| (name.space.clone(), Some(name))),
        false => parent.parse().map(|space| (space, None)),
    };
    parse().map_err(|refusal: Refusal| refusal.at("parent"))
}

fn parse_depth(depth: i32) -> Result<usize, Refusal> {
    match depth {
        0 => Ok(1),
        1..=DEPTH_MAX => Ok(usize::try_from(depth).expect("positive")),
        _ => {
            let message = format!("{depth} levels; give 1 to {DEPTH_MAX}");
            Err(Refusal::new(Reason::InvalidValue, message).at("depth"))
        }
    }
}

fn parse_length(length: i32) -> Result<u8, Refusal> {
    u8::try_from(length).ok().filter(|length| *length > 0).ok_or_else(|| {
        let message = format!("{length} is not the length of a part; give 1 to 32 in IPv4, 1 to 128 in IPv6");
        Refusal::new(Reason::InvalidLength, message).at("length")
    })
}

fn parse_count(count: i32) -> Result<u32, Refusal> {
    match u32::try_from(count) {
        Ok(0) => Ok(1),
        Ok(count) if u64::from(count) <= PARTS_MAX => Ok(count),
        _ => {
            let message = format!("{count} prefixes at once; ask for 1 to {PARTS_MAX}");
            Err(Refusal::new(Reason::TooMany, message).at("count"))
        }
    }
}

fn parse_parent(parent: &str) -> Result<PrefixName, Refusal> {
    parent.parse().map_err(|refusal: Refusal| refusal.at("parent"))
}

fn carve(message: &CarvePrefixesRequest) -> Result<Command, Refusal> {
    let prefix = message.prefix.as_ref().ok_or_else(|| missing("prefix"))?;
    if !prefix.cidr.is_empty() || !prefix.name.is_empty() {
        let message = "the CIDR of a carved prefix is found for you; leave prefix.name and prefix.cidr out";
        return Err(Refusal::new(Reason::InvalidValue, message).at("prefix.cidr"));
    }
    Ok(Command::CarvePrefixes {
        parent: parse_parent(&message.parent)?,
        length: parse_length(message.length)?,
        count: parse_count(message.count)?,
        draft: draft(prefix)?,
    })
}

fn split(message: &SplitPrefixRequest) -> Result<(PrefixName, u8, Command), Refusal> {
    let name: PrefixName = message.name.parse().map_err(|refusal: Refusal| refusal.at("name"))?;
    let length = parse_length(message.length)?;
    let etag = parse_etag(&message.etag)?;
    let command = Command::SplitPrefix { name: name.clone(), etag, length, remove_original: message.remove_original };
    Ok((name, length, command))
}

fn join(message: &JoinPrefixesRequest) -> Result<Vec<(PrefixName, Etag)>, Refusal> {
    at_most(message.prefixes.len(), usize::try_from(PARTS_MAX).expect("small"), "prefixes")?;
    let piece = |(i, piece): (usize, &freehold_proto::v1::JoinedPrefix)| {
        let parse = || {
            let name = piece.name.parse().map_err(|refusal: Refusal| refusal.at("name"))?;
            Ok((name, parse_etag(&piece.etag)?))
        };
        parse().map_err(|refusal: Refusal| refusal.under(&format!("prefixes[{i}]")))
    };
    message.prefixes.iter().enumerate().map(piece).collect()
}

fn resize(message: &ResizePrefixRequest) -> Result<(PrefixName, Command), Refusal> {
    let name: PrefixName = message.name.parse().map_err(|refusal: Refusal| refusal.at("name"))?;
    let cidr: Cidr = message.cidr.parse().map_err(|refusal: Refusal| refusal.at("cidr"))?;
    let resized = PrefixName { space: name.space.clone(), cidr };
    Ok((resized, Command::ResizePrefix { name, etag: parse_etag(&message.etag)?, cidr }))
}

/// The rows of a tree that are seen. Where nothing but some places are, each is shown as if it were all there is: from the prefix of
/// the place down, or else from what lies in it.
fn tree(
    state: &State,
    reach: &Reach,
    (space, root): (&SpaceName, Option<&PrefixName>),
    depth: usize,
    after: Option<&PrefixName>,
    most: usize,
) -> Vec<(usize, Arc<CorePrefix>)> {
    if root.map_or(reach.covers_space(space), |root| reach.covers_prefix(root)) {
        let rows = state.tree(space, root, depth, after).take(most);
        return rows.map(|(level, prefix)| (level, Arc::clone(prefix))).collect();
    }
    let mut rows = Vec::new();
    for cidr in reach.cidrs_in(space).filter(|cidr| root.is_none_or(|root| root.cidr.covers(cidr))) {
        let place = PrefixName { space: space.clone(), cidr };
        let begun = after.filter(|after| cidr.covers(&after.cidr));
        if after.is_some_and(|after| begun.is_none() && place < *after) {
            continue;
        }
        let top = state.prefix(&place);
        rows.extend(top.filter(|_| begun.is_none()).map(|top| (1, Arc::clone(top))));
        let above = usize::from(top.is_some());
        if depth > above && rows.len() < most {
            let inside = state.tree(space, Some(&place), depth - above, begun.filter(|after| **after != place));
            let inside = inside.take(most - rows.len());
            rows.extend(inside.map(|(level, prefix)| (level + above, Arc::clone(prefix))));
        }
        if rows.len() >= most {
            break;
        }
    }
    rows
}

fn messages(changes: &[Change]) -> Vec<ResourceChange> {
    changes.iter().map(change_message).collect()
}

fn shown_named(state: &State, name: &PrefixName) -> Result<Prefix, Status> {
    Ok(shown(state, &*there(state.prefix(name))?))
}

#[tonic::async_trait]
impl PlanService for Api {
    async fn list_prefix_tree(
        &self,
        request: Request<ListPrefixTreeRequest>,
    ) -> Result<Response<ListPrefixTreeResponse>, Status> {
        let usage = self.usage.now();
        let state = usage.state();
        let sight = Sight::of(request.extensions(), state)?;
        let message = request.into_inner();
        let (space, root) = parse_root(&message.parent).map_err(refuse)?;
        let depth = parse_depth(message.depth).map_err(refuse)?;
        let list = format!("tree of {} to {depth}", message.parent);
        let page = Page::parse(message.page_size, &message.page_token, &list)?;
        match &root {
            Some(root) => sight.part_of(&Spot::Plan(root.clone()), root)?,
            None => sight.part_of_space(&space)?,
        }
        if state.space(&space).is_none() {
            return Err(not_found_at("parent", Reason::SpaceNotFound, &space));
        }
        if let Some(root) = root.as_ref().filter(|root| state.prefix(root).is_none()) {
            return Err(not_found_at("parent", Reason::PrefixNotFound, root));
        }
        let after = page.after::<PrefixName>()?;
        let place = (&space, root.as_ref());
        let rows = tree(state, &sight.reach, place, depth, after.as_ref(), page.size + 1);
        let rows = rows.iter().map(|(depth, prefix)| PrefixTreeRow {
            prefix: Some(shown(state, prefix)),
            depth: i32::try_from(*depth).expect("at most 128"),
            used_percent: usage::percent(&usage.of_prefix(&prefix.name)),
        });
        let name = |row: &PrefixTreeRow| row.prefix.as_ref().map(|prefix| prefix.name.clone()).unwrap_or_default();
        let (rows, next_page_token) = page.cut(rows.collect(), name);
        Ok(Response::new(ListPrefixTreeResponse { rows, next_page_token }))
    }

    async fn find_free_subnets(
        &self,
        request: Request<FindFreeSubnetsRequest>,
    ) -> Result<Response<FindFreeSubnetsResponse>, Status> {
        let state = self.engine.state();
        let sight = Sight::of(request.extensions(), &state)?;
        let message = request.into_inner();
        let parent = parse_parent(&message.parent).map_err(refuse)?;
        sight.all_of(&Spot::Plan(parent.clone()), &parent)?;
        let length = parse_length(message.length).map_err(refuse)?;
        let count = parse_count(message.count).map_err(refuse)?;
        let free = find_free_subnets(&state, &parent, length, count as usize).map_err(refuse)?;
        Ok(Response::new(FindFreeSubnetsResponse { cidrs: free.iter().map(ToString::to_string).collect() }))
    }

    async fn carve_prefixes(
        &self,
        request: Request<CarvePrefixesRequest>,
    ) -> Result<Response<CarvePrefixesResponse>, Status> {
        let (actor, message) = open(request)?;
        let command = carve(&message).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.PlanService/CarvePrefixes", message);
        let (state, changes) = self.carry_out_and_tell(actor, mutation, command).await?;
        let made = changes.iter().filter_map(|change| match change.after() {
            Some(Record::Prefix(prefix)) => Some(shown_named(&state, &prefix.name)),
            _ => None,
        });
        let prefixes = made.collect::<Result<_, Status>>()?;
        Ok(Response::new(CarvePrefixesResponse { prefixes, changes: messages(&changes) }))
    }

    async fn split_prefix(
        &self,
        request: Request<SplitPrefixRequest>,
    ) -> Result<Response<SplitPrefixResponse>, Status> {
        let (actor, message) = open(request)?;
        let (name, length, command) = split(&message).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.PlanService/SplitPrefix", message);
        let (state, changes) = self.carry_out_and_tell(actor, mutation, command).await?;
        let parts = freehold_core::subnet::parts(name.cidr, length);
        let parts = parts.map(|cidr| shown_named(&state, &PrefixName { space: name.space.clone(), cidr }));
        let prefixes = parts.collect::<Result<_, Status>>()?;
        Ok(Response::new(SplitPrefixResponse { prefixes, changes: messages(&changes) }))
    }

    async fn join_prefixes(
        &self,
        request: Request<JoinPrefixesRequest>,
    ) -> Result<Response<JoinPrefixesResponse>, Status> {
        let (actor, message) = open(request)?;
        let pieces = join(&message).map_err(refuse)?;
        let cidrs: Vec<_> = pieces.iter().map(|(name, _)| name.cidr).collect();
        let space = pieces.first().map(|(name, _)| name.space.clone());
        let mutation = mutation!("/freehold.v1.PlanService/JoinPrefixes", message);
        let command = Command::JoinPrefixes { pieces };
        let (state, changes) = self.carry_out_and_tell(actor, mutation, command).await?;
        let whole = freehold_core::subnet::joined(&cidrs);
        let name = space.zip(whole).map(|(space, cidr)| PrefixName { space, cidr });
        let prefix = there(name.as_ref().and_then(|name| state.prefix(name)))?;
        Ok(Response::new(JoinPrefixesResponse { prefix: Some(shown(&state, &prefix)), changes: messages(&changes) }))
    }

    async fn resize_prefix(
        &self,
        request: Request<ResizePrefixRequest>,
    ) -> Result<Response<ResizePrefixResponse>, Status> {
        let (actor, message) = open(request)?;
        let (resized, command) = resize(&message).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.PlanService/ResizePrefix", message);
        let (state, changes) = self.carry_out_and_tell(actor, mutation, command).await?;
        let prefix = Some(shown_named(&state, &resized)?);
        Ok(Response::new(ResizePrefixResponse { prefix, changes: messages(&changes) }))
    }
}
