use super::Api;
use super::call::refuse;
use super::page::{self, Page};
use super::sight::Sight;
use freehold_core::search::{Match, Rank, search};
use freehold_proto::v1::search_service_server::SearchService;
use freehold_proto::v1::{SearchMatch, SearchRequest, SearchResponse, search_match};
use tonic::{Request, Response, Status};

fn shown(found: Match) -> SearchMatch {
    let rank = match found.rank {
        Rank::Exact => search_match::Rank::Exact,
        Rank::Begins => search_match::Rank::Begins,
        Rank::Contains => search_match::Rank::Contains,
    };
    SearchMatch {
        kind: found.kind.to_owned(),
        name: found.name,
        rank: rank.into(),
        field: found.field.to_owned(),
        value: found.value,
        place: found.place,
    }
}

#[tonic::async_trait]
impl SearchService for Api {
    async fn search(&self, request: Request<SearchRequest>) -> Result<Response<SearchResponse>, Status> {
        let state = self.engine.state();
        let sight = Sight::of(request.extensions(), &state)?;
        let request = request.into_inner();
        let page = Page::parse(request.page_size, &request.page_token, &format!("search for {}", request.query))?;
        let skip: usize = page.after.as_deref().map_or(Ok(0), str::parse).map_err(|_| page::invalid())?;
        let found = search(&state, &self.leases.book(), &sight.reach, &request.query).map_err(refuse)?;
        let end = skip.saturating_add(page.size);
        let next_page_token = if end < found.matches.len() { page.token(&end.to_string()) } else { String::new() };
        let matches = found.matches.into_iter().skip(skip).take(page.size).map(shown).collect();
        let cut_off = found.cut_off.into_iter().map(str::to_owned).collect();
        Ok(Response::new(SearchResponse { matches, next_page_token, cut_off }))
    }
}
