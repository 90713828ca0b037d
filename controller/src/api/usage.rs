//! Utilisation: core's tallies in answers.

mod list;
mod shown;

pub(super) use shown::percent;

use super::Api;
use super::call::{not_found, refuse};
use super::sight::Sight;
use freehold_core::access::Spot;
use freehold_core::model::ViewKind;
use freehold_core::name::{PrefixName, ScopeName, ServerName, SpaceName};
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::text::shown;
use freehold_proto::v1::utilisation_service_server::UtilisationService;
use freehold_proto::v1::{GetUtilisationRequest, ListUtilisationRequest, ListUtilisationResponse, Utilisation};
use tonic::{Request, Response, Status};

/// A place that has a utilisation.
enum Place {
    Space(SpaceName),
    Prefix(PrefixName),
}

/// The space or prefix of this name.
fn place(name: &str) -> Result<Place, Refusal> {
    if name.split('/').count() > 2 { name.parse().map(Place::Prefix) } else { name.parse().map(Place::Space) }
}

#[tonic::async_trait]
impl UtilisationService for Api {
    async fn get_utilisation(&self, request: Request<GetUtilisationRequest>) -> Result<Response<Utilisation>, Status> {
        let usage = self.usage.now();
        let state = usage.state();
        let sight = Sight::of(request.extensions(), state)?;
        let name = request.get_ref().name.as_str();
        let at_name = |refusal: Refusal| refuse(refusal.at("name"));
        let found = match name.split_once('/').map(|(collection, _)| collection) {
            Some("spaces") => match place(name).map_err(at_name)? {
                Place::Space(space) => {
                    sight.all_of(&Spot::Space(space.clone()), &space)?;
                    let found = state.space(&space).ok_or_else(|| not_found(Reason::SpaceNotFound, &space))?;
                    shown::space(&usage, found)
                }
                Place::Prefix(prefix) => {
                    sight.all_of(&Spot::Plan(prefix.clone()), &prefix)?;
                    let found = state.prefix(&prefix).ok_or_else(|| not_found(Reason::PrefixNotFound, &prefix))?;
                    shown::prefix(&usage, found)
                }
            },
            Some("scopes") => {
                let scope: ScopeName = name.parse().map_err(at_name)?;
                sight.all_of(&Spot::scope(state.scope(&scope)), &scope)?;
                let found = state.scope(&scope).ok_or_else(|| not_found(Reason::ScopeNotFound, &scope))?;
                shown::scope(&usage, found)
            }
            Some("servers") => {
                let server: ServerName = name.parse().map_err(at_name)?;
                sight.everything(&server)?;
                let found = state.server(&server).ok_or_else(|| not_found(Reason::ServerNotFound, &server))?;
                shown::server(&usage, found)
            }
            Some("views") => {
                let kinds = [ViewKind::Prefixes, ViewKind::Scopes];
                let view = self.saved(&sight.operator, state, name, "name", &kinds)?;
                let reach = sight.reach;
                let counted =
                    tokio::task::spawn_blocking(move || shown::view(&usage, &reach, &view.view, &view.filter)).await;
                counted.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
            }
            _ => {
                let message = format!(
                    "{} is not of the form spaces/SPACE, spaces/SPACE/prefixes/PREFIX, scopes/SCOPE, servers/AGENT/SERVER or views/VIEW",
                    shown(name)
                );
                return Err(refuse(Refusal::new(Reason::InvalidName, message).at("name")));
            }
        };
        Ok(Response::new(found))
    }

    async fn list_utilisation(
        &self,
        request: Request<ListUtilisationRequest>,
    ) -> Result<Response<ListUtilisationResponse>, Status> {
        let usage = self.usage.now();
        let sight = Sight::of(request.extensions(), usage.state())?;
        let message = request.into_inner();
        let list = self.utilisation_list(sight, &usage, &message)?;
        // By how full they are every place has to be looked at.
        let page = tokio::task::spawn_blocking(move || list.page(&usage)).await;
        page.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic())).map(Response::new)
    }
}
