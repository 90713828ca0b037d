//! The API of `freehold.v1`: a file a resource, all with the same shape.
//!
//! A call comes in with its caller already known and allowed (`serve`). It is parsed into core's types or
//! refused; reads are answered from the newest durable snapshot; changes become a command for the engine and are
//! answered when they are durable. `validate_only` decides on the snapshot and shows what would come of it.

mod addresses;
mod agents;
mod call;
mod conflicts;
mod decisions;
mod events;
mod exchange;
mod fields;
mod history;
mod labels;
mod leases;
mod mask;
mod operators;
mod page;
mod plan;
mod prefixes;
pub mod previews;
mod reclaim;
mod reservations;
mod review;
mod scopes;
mod search;
mod servers;
mod sight;
mod spaces;
pub mod status;
mod usage;
mod views;
mod watch;

use crate::conflicts::Found;
use crate::engine::Engine;
use crate::leases::LeaseKeeper;
use crate::presence::Presence;
use crate::sync::service::Sync;
use crate::trail::Trail;
use crate::usage::UsageKeeper;
use freehold_certs::authority::Authority;
use freehold_certs::token::Endpoint;
use freehold_proto::v1::{
    address_service_server::AddressServiceServer, agent_service_server::AgentServiceServer,
    conflict_service_server::ConflictServiceServer, event_service_server::EventServiceServer,
    exchange_service_server::ExchangeServiceServer, field_definition_service_server::FieldDefinitionServiceServer,
    history_service_server::HistoryServiceServer, lease_service_server::LeaseServiceServer,
    operator_service_server::OperatorServiceServer, plan_service_server::PlanServiceServer,
    prefix_service_server::PrefixServiceServer, preview_service_server::PreviewServiceServer,
    reclaim_service_server::ReclaimServiceServer, reservation_service_server::ReservationServiceServer,
    review_service_server::ReviewServiceServer, scope_service_server::ScopeServiceServer,
    search_service_server::SearchServiceServer, server_service_server::ServerServiceServer,
    space_service_server::SpaceServiceServer, utilisation_service_server::UtilisationServiceServer,
    view_service_server::ViewServiceServer, watch_service_server::WatchServiceServer,
};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tonic::service::Routes;

pub use exchange::IMPORTS_MAX;
use previews::Previews;

/// Largest message that a client may send, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// What the services work with; copies are the same.
#[derive(Debug, Clone)]
pub struct Api {
    /// The single writer.
    pub engine: Engine,
    /// What servers granted.
    pub leases: LeaseKeeper,
    /// What contradicts itself.
    pub conflicts: Found,
    /// What happened to whom.
    pub trail: Trail,
    /// How many addresses of a place are what.
    pub usage: UsageKeeper,
    /// Who is connected.
    pub presence: Presence,
    /// Issues certificates.
    pub authority: Arc<Authority>,
    /// Where agents reach this controller.
    pub endpoint: Endpoint,
    /// Where decisions about servers are carried out.
    pub sync: Sync,
    /// What calls that only asked would have made.
    pub previews: Previews,
    /// Turns of those who import.
    pub imports: Arc<Semaphore>,
}

impl Api {
    /// The services of this API.
    pub fn routes(&self) -> Routes {
        macro_rules! routes {
            ($($server:ident),*) => {{
                let mut routes = Routes::default();
                $(routes = routes.add_service($server::new(self.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX));)*
                routes
            }};
        }
        routes!(
            SpaceServiceServer,
            PrefixServiceServer,
            PlanServiceServer,
            PreviewServiceServer,
            FieldDefinitionServiceServer,
            ScopeServiceServer,
            ReservationServiceServer,
            AddressServiceServer,
            ConflictServiceServer,
            ReclaimServiceServer,
            ReviewServiceServer,
            ServerServiceServer,
            AgentServiceServer,
            OperatorServiceServer,
            LeaseServiceServer,
            EventServiceServer,
            ExchangeServiceServer,
            HistoryServiceServer,
            SearchServiceServer,
            UtilisationServiceServer,
            ViewServiceServer,
            WatchServiceServer
        )
    }
}
