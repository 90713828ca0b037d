//! Who a certificate makes the caller, and whether that caller may call a method: decisions on a snapshot.
//!
//! Deny by default. A path that is not in the table below or in the .proto files does not exist; a certificate whose serial number
//! is not on its holder's list is nobody's, whatever TLS said of it.

use crate::clock;
use freehold_certs::identity::Identity;
use freehold_certs::peer::PeerCertificate;
use freehold_core::access::{Permission, Role};
use freehold_core::model::{AgentState, CertificateRecord};
use freehold_core::name::{AgentName, OperatorName};
use freehold_core::{Reason, Refusal, State, Timestamp};
use freehold_proto::access::{Caller as Declared, caller_of};
use std::fmt;

/// A caller that is known and welcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// A person or a program that uses the API.
    Operator(OperatorName),
    /// An agent.
    Agent(AgentName),
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator(name) => name.fmt(f),
            Self::Agent(name) => name.fmt(f),
        }
    }
}

/// Why a call is not let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Barred {
    /// There is no such method.
    NoSuchMethod,
    /// It is not known who calls.
    Unknown(Refusal),
    /// It is known who calls, and that one may not.
    Forbidden(Principal, Refusal),
}

/// Who may call a path.
enum Needed {
    Declared(Declared),
    AnyCertificate,
}

fn needed(path: &str) -> Option<Needed> {
    if let Some(declared) = caller_of(path) {
        return Some(Needed::Declared(declared));
    }
    match path {
        "/grpc.health.v1.Health/Check" | "/grpc.health.v1.Health/Watch" => Some(Needed::Declared(Declared::Anyone)),
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
        | "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo" => Some(Needed::AnyCertificate),
        _ => None,
    }
}

/// Decides on a call; `None` is the caller of a method that asks for none.
pub(super) fn decide(
    path: &str,
    state: &State,
    certificate: Option<&PeerCertificate>,
    now: Timestamp,
) -> Result<Option<Principal>, Barred> {
    let needed = needed(path).ok_or(Barred::NoSuchMethod)?;
    if matches!(needed, Needed::Declared(Declared::Anyone)) {
        return Ok(None);
    }
    let shown = certificate.ok_or_else(|| Barred::Unknown(no_certificate()))?;
    let principal = principal(state, shown, now).map_err(Barred::Unknown)?;
    let allowed = match needed {
        Needed::Declared(Declared::Anyone) | Needed::AnyCertificate => Ok(()),
        Needed::Declared(declared) => may(state, &principal, declared),
    };
    match allowed {
        Ok(()) => Ok(Some(principal)),
        Err(refusal) => Err(Barred::Forbidden(principal, refusal)),
    }
}

/// Whom a certificate speaks for at this time.
///
/// # Errors
/// `CERTIFICATE_EXPIRED`; `IDENTITY_REVOKED` if it is revoked, disabled, removed, or the certificate is not on its list.
pub(super) fn principal(state: &State, shown: &PeerCertificate, now: Timestamp) -> Result<Principal, Refusal> {
    if now > clock::timestamp(shown.validity.not_after) {
        return Err(expired());
    }
    let serial = shown.serial.to_string();
    let listed = |certificates: &[CertificateRecord]| certificates.iter().any(|kept| kept.serial == serial);
    let found = match &shown.identity {
        Identity::Agent(id) => state
            .agent_by_id(id.as_bytes())
            .filter(|agent| agent.state == AgentState::Active && listed(&agent.certificates))
            .map(|agent| Principal::Agent(agent.name.clone())),
        Identity::Operator(id) => OperatorName::from_id(id.as_str())
            .ok()
            .and_then(|name| state.operator(&name))
            .filter(|operator| !operator.disabled && listed(&operator.certificates))
            .map(|operator| Principal::Operator(operator.name.clone())),
        Identity::Controller(_) | Identity::Service(_) => None,
    };
    found.ok_or_else(|| revoked(&shown.identity))
}

fn may(state: &State, principal: &Principal, declared: Declared) -> Result<(), Refusal> {
    match (declared, principal) {
        (Declared::Anyone, _)
        | (Declared::Agent, Principal::Agent(_))
        | (Declared::AnyOperator, Principal::Operator(_)) => Ok(()),
        (Declared::With(permission), Principal::Operator(name)) => {
            let holds = state.operator(name).is_some_and(|operator| operator.may(permission));
            if holds { Ok(()) } else { Err(lacks(name, permission)) }
        }
        (Declared::With(_) | Declared::AnyOperator, Principal::Agent(name)) => Err(Refusal::new(
            Reason::PermissionDenied,
            format!("{name} is an agent, and only operators may call this; use an operator's certificate"),
        )),
        (Declared::Agent, Principal::Operator(name)) => {
            Err(Refusal::new(Reason::PermissionDenied, format!("{name} is an operator, and only agents may call this")))
        }
    }
}

fn lacks(name: &OperatorName, permission: Permission) -> Refusal {
    let roles: Vec<_> = Role::ALL.iter().filter(|role| role.holds(permission)).map(|role| role.id()).collect();
    let everywhere = if permission.has_places() { "" } else { ", everywhere" };
    let message = format!(
        "{name} lacks the permission {permission}; ask an administrator for one of the roles {}{everywhere}",
        roles.join(", ")
    );
    Refusal::new(Reason::PermissionDenied, message)
}

fn no_certificate() -> Refusal {
    let message = "this call needs a client certificate, and the connection shows none; connect with one that this controller's CA gave";
    Refusal::new(Reason::CertificateRequired, message)
}

/// The answer to a certificate whose time is over.
pub(super) fn expired() -> Refusal {
    let message = "the certificate is over; agents renew it by themselves, operators ask an administrator for another";
    Refusal::new(Reason::CertificateExpired, message)
}

/// The answer to a certificate that is not welcome any more.
fn revoked(identity: &Identity) -> Refusal {
    let message =
        format!("{identity} is revoked, disabled or removed, or this certificate of it is; ask an administrator");
    Refusal::new(Reason::IdentityRevoked, message)
}
