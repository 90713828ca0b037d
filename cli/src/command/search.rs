//! `freehold search`: one question over everything.

use crate::connect::Api;
use crate::error::Failure;
use crate::output::{Screen, Shown, word};
use crate::page::{Limit, all};
use clap::Args;
use freehold_proto::v1;

/// Find addresses, prefixes, scopes, reservations and leases by whatever they are known by
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// An address, CIDR, hardware address (any notation, or its beginning), client identifier, host name, owner or comment
    query: String,
    #[command(flatten)]
    limit: Limit,
}

pub(crate) async fn run(search: &Search, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let mut cut_off = Vec::new();
    let found = all(search.limit, async |page_size, page_token| {
        let request = v1::SearchRequest { query: search.query.clone(), page_size, page_token };
        let page = api.call(request, async |request| api.search().search(request).await).await?;
        cut_off = page.cut_off;
        Ok((page.matches, page.next_page_token))
    });
    screen.list(&found.await?)?;
    match cut_off.is_empty() {
        true => Ok(()),
        false => screen.note(&format!("not looked through to the end: {}; ask more exactly", cut_off.join(", "))),
    }
}

impl Shown for v1::SearchMatch {
    const MESSAGE: &'static str = "freehold.v1.SearchMatch";
    const COLUMNS: &'static [&'static str] = &["PLACE", "KIND", "NAME", "MATCH", "FIELD", "VALUE"];

    fn row(&self) -> Vec<String> {
        let rank = word(self.rank().as_str_name(), "RANK_");
        vec![self.place.clone(), self.kind.clone(), self.name.clone(), rank, self.field.clone(), self.value.clone()]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        let labels = ["place", "kind", "name", "match", "field", "value"];
        labels.into_iter().zip(self.row()).collect()
    }
}
