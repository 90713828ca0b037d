//! Servers, agents, enrolment tokens and operators, as the API shows them.

use super::plan::text;
use super::{grant, time};
use crate::{sync, v1};
use data_encoding::HEXLOWER;
use freehold_core::access::Permission;
use freehold_core::bundle::{ResourceKey, ResourceKind};
use freehold_core::capability::{Capability, Support};
use freehold_core::model::{
    Ability, Agent, AgentState, CertificateRecord, EnrolmentToken, ForeignSubnet, Found, LeaseStore, Management,
    Operator, OwnFinding, Rejection, Server, ServerKind, ServerStatus,
};
use freehold_core::name::ServerName;
use freehold_core::refusal::{Reason, Refusal};

/// The message of a server, without its status.
pub fn server_message(server: &Server) -> v1::Server {
    let kind = match server.kind {
        ServerKind::KeaDhcp4 => v1::server::Kind::KeaDhcp4,
        ServerKind::KeaDhcp6 => v1::server::Kind::KeaDhcp6,
    };
    let management = match server.management {
        Management::Unmanaged => v1::server::Management::Unmanaged,
        Management::Managed => v1::server::Management::Managed,
    };
    let foreign =
        |subnet: &ForeignSubnet| v1::ForeignSubnet { network: subnet.network.to_string(), subnet_id: subnet.subnet_id };
    v1::Server {
        name: server.name.to_string(),
        kind: kind.into(),
        version: server.version.to_string(),
        management: management.into(),
        foreign_subnets: server.foreign_subnets.iter().map(foreign).collect(),
        description: server.description.to_string(),
        status: None,
        create_time: Some(time::message(server.stamp.created)),
        update_time: Some(time::message(server.stamp.updated)),
        etag: time::etag(server.stamp.revision),
        confirm_seconds: server.confirm_seconds.unwrap_or_default(),
        found: server.found.as_ref().map(found_message),
        findings: server.findings.iter().map(finding).collect(),
    }
}

fn found_message(found: &Found) -> v1::FoundAbilities {
    use v1::found_abilities::LeaseStore as Store;
    let leases = match found.leases {
        LeaseStore::File => Store::File,
        LeaseStore::Volatile => Store::Volatile,
        LeaseStore::Database => Store::Database,
    };
    v1::FoundAbilities {
        abilities: found.abilities.iter().map(|ability| ability.word().to_owned()).collect(),
        identifiers: found.identifiers.iter().map(ToString::to_string).collect(),
        leases: leases.into(),
    }
}

/// What a server was found to be able to do, as it was stored; an ability of a later version is passed over.
fn parse_found(message: &v1::FoundAbilities) -> Result<Found, Refusal> {
    use v1::found_abilities::LeaseStore as Store;
    let leases = match message.leases() {
        Store::File => LeaseStore::File,
        Store::Volatile => LeaseStore::Volatile,
        Store::Database => LeaseStore::Database,
        Store::Unspecified => return Err(Refusal::new(Reason::InvalidValue, "no lease store is said").at("leases")),
    };
    Ok(Found {
        abilities: message.abilities.iter().filter_map(|word| Ability::from_word(word)).collect(),
        identifiers: message.identifiers.iter().map(|name| text(name, "identifiers")).collect::<Result<_, _>>()?,
        leases,
    })
}

/// What an agent reports that a server can do; words that this version does not know are passed over.
pub fn parse_reported(message: &sync::Found) -> Result<Found, Refusal> {
    let leases = match message.leases.as_str() {
        "file" => LeaseStore::File,
        "volatile" => LeaseStore::Volatile,
        _ => LeaseStore::Database,
    };
    let identifiers = message.identifiers.iter().take(Found::IDENTIFIERS_MAX);
    Ok(Found {
        abilities: message.abilities.iter().filter_map(|word| Ability::from_word(word)).collect(),
        identifiers: identifiers.map(|name| text(name, "identifiers")).collect::<Result<_, _>>()?,
        leases,
    })
}

/// The message of what a server can do of one thing.
pub fn capability_message(capability: &Capability) -> v1::Capability {
    let support = match capability.support {
        Support::Native => v1::capability::Support::Native,
        Support::Translated => v1::capability::Support::Translated,
        Support::Missing => v1::capability::Support::Missing,
        Support::Unknown => v1::capability::Support::Unspecified,
    };
    v1::Capability {
        feature: capability.feature.id().to_owned(),
        support: support.into(),
        detail: capability.detail.clone(),
    }
}

/// The server of a message, as it was stored.
pub fn parse_server(message: &v1::Server) -> Result<Server, Refusal> {
    let kind = match message.kind() {
        v1::server::Kind::KeaDhcp4 => ServerKind::KeaDhcp4,
        v1::server::Kind::KeaDhcp6 => ServerKind::KeaDhcp6,
        v1::server::Kind::Unspecified => {
            return Err(Refusal::new(
                Reason::InvalidValue,
                format!("no kind of server has the number {}", message.kind),
            )
            .at("kind"));
        }
    };
    let foreign = |subnet: &v1::ForeignSubnet| {
        Ok(ForeignSubnet { network: subnet.network.parse()?, subnet_id: subnet.subnet_id })
    };
    Ok(Server {
        name: message.name.parse::<ServerName>().map_err(|r| r.at("name"))?,
        kind,
        version: text(&message.version, "version")?,
        found: message.found.as_ref().map(parse_found).transpose().map_err(|refusal| refusal.under("found"))?,
        management: parse_management(message.management)?,
        foreign_subnets: message
            .foreign_subnets
            .iter()
            .map(foreign)
            .collect::<Result<_, Refusal>>()
            .map_err(|refusal| refusal.at("foreign_subnets"))?,
        findings: message.findings.iter().filter_map(parse_finding).collect::<Result<_, _>>()?,
        description: text(&message.description, "description")?,
        confirm_seconds: (message.confirm_seconds > 0).then_some(message.confirm_seconds),
        stamp: time::stamp(message.create_time.as_ref(), message.update_time.as_ref(), &message.etag)?,
    })
}

fn finding(own: &OwnFinding) -> v1::ConfigurationFinding {
    v1::ConfigurationFinding { check: own.check.to_string(), message: own.message.to_string() }
}

/// What was found in a server's configuration; `None` if the check is one that a later version knew.
fn parse_finding(message: &v1::ConfigurationFinding) -> Option<Result<OwnFinding, Refusal>> {
    let check = message.check.parse().ok()?;
    Some(text(&message.message, "findings").map(|message| OwnFinding { check, message }))
}

/// Whether a server is managed, which must be said.
pub fn parse_management(management: i32) -> Result<Management, Refusal> {
    match v1::server::Management::try_from(management) {
        Ok(v1::server::Management::Unmanaged) => Ok(Management::Unmanaged),
        Ok(v1::server::Management::Managed) => Ok(Management::Managed),
        Ok(v1::server::Management::Unspecified) | Err(_) => {
            Err(Refusal::new(Reason::InvalidValue, "say MANAGEMENT_MANAGED or MANAGEMENT_UNMANAGED").at("management"))
        }
    }
}

/// The message of what a server runs and refused, as far as the state knows.
pub fn status_message(status: &ServerStatus) -> v1::ServerStatus {
    let applied = status.applied.as_ref();
    v1::ServerStatus {
        applied_revision: applied.map(|a| a.revision.0).unwrap_or_default(),
        applied_digest: applied.map(|a| a.digest.to_string()).unwrap_or_default(),
        applied_time: applied.map(|a| time::message(a.at)),
        took_ms: applied.map(|a| a.took_ms).unwrap_or_default(),
        rejected: status.quarantine.iter().map(|(key, rejection)| rejection_message(key, rejection)).collect(),
        last_error: status.last_error.clone(),
        ..v1::ServerStatus::default()
    }
}

fn rejection_message(key: &ResourceKey, rejection: &Rejection) -> v1::RejectedResource {
    v1::RejectedResource {
        resource: resource_name(key),
        field: rejection.field.to_string(),
        message: rejection.message.clone(),
        time: Some(time::message(rejection.at)),
    }
}

/// The API's name of a resource in a bundle.
pub fn resource_name(key: &ResourceKey) -> String {
    match (key.kind, key.id.split_once('/')) {
        (ResourceKind::Reservation, Some((scope, address))) => format!("scopes/{scope}/reservations/{address}"),
        (ResourceKind::Scope | ResourceKind::Reservation, _) => format!("scopes/{}", key.id),
    }
}

/// The message of an agent, without what only a live session knows.
pub fn agent_message(agent: &Agent) -> v1::Agent {
    let state = match agent.state {
        AgentState::Active => v1::agent::State::Active,
        AgentState::Revoked => v1::agent::State::Revoked,
    };
    v1::Agent {
        name: agent.name.to_string(),
        uid: uuid(&agent.id),
        state: state.into(),
        connected: false,
        seen_time: None,
        certificates: agent.certificates.iter().map(certificate_message).collect(),
        create_time: Some(time::message(agent.stamp.created)),
        update_time: Some(time::message(agent.stamp.updated)),
        etag: time::etag(agent.stamp.revision),
    }
}

/// 16 bytes in the notation of a UUID (RFC 9562 §4).
pub fn uuid(id: &[u8; 16]) -> String {
    let hex = HEXLOWER.encode(id);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn certificate_message(certificate: &CertificateRecord) -> v1::Certificate {
    v1::Certificate { serial: certificate.serial.clone(), expire_time: Some(time::message(certificate.not_after)) }
}

/// The message of an enrolment token, without the token itself.
pub fn token_message(token: &EnrolmentToken) -> v1::EnrolmentToken {
    v1::EnrolmentToken {
        name: token.name.to_string(),
        agent: token.agent.to_string(),
        token: String::new(),
        expire_time: Some(time::message(token.expires)),
        use_time: token.used.as_ref().map(|used| time::message(used.at)),
        wrong_secrets: token.wrong_secrets,
    }
}

/// The message of an operator.
pub fn operator_message(operator: &Operator) -> v1::Operator {
    let held = Permission::ALL.iter().filter(|permission| operator.reach(**permission).is_everywhere());
    v1::Operator {
        name: operator.name.to_string(),
        roles: operator.roles.iter().map(ToString::to_string).collect(),
        disabled: operator.disabled,
        certificates: operator.certificates.iter().map(certificate_message).collect(),
        permissions: held.map(ToString::to_string).collect(),
        create_time: Some(time::message(operator.stamp.created)),
        update_time: Some(time::message(operator.stamp.updated)),
        etag: time::etag(operator.stamp.revision),
        grants: operator.grants.iter().map(grant::message).collect(),
    }
}
