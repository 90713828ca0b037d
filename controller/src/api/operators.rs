use super::Api;
use super::call::{actor, at_most, missing, mutation, named, not_found, open, refuse, there};
use super::mask::Mask;
use super::page::Page;
use freehold_certs::CertificateSigningRequestDer;
use freehold_certs::authority::OPERATOR_LIFETIME;
use freehold_certs::request::RequestedKey;
use freehold_core::Command;
use freehold_core::access::{GRANTS_MAX, Grant, Role};
use freehold_core::command::OperatorPatch;
use freehold_core::model::CertificateRecord;
use freehold_core::name::OperatorName;
use freehold_core::refusal::{Reason, Refusal};
use freehold_proto::convert::grant;
use freehold_proto::convert::hosts::operator_message;
use freehold_proto::convert::time::{from_system, parse_etag};
use freehold_proto::v1::operator_service_server::OperatorService;
use freehold_proto::v1::{
    CreateOperatorRequest, DeleteOperatorRequest, GetCallerRequest, GetOperatorRequest,
    IssueOperatorCertificateRequest, IssueOperatorCertificateResponse, ListOperatorsRequest, ListOperatorsResponse,
    Operator, RevokeOperatorCertificateRequest, UpdateOperatorRequest,
};
use std::collections::BTreeSet;
use std::ops::Bound;
use tonic::{Request, Response, Status};

fn roles(given: &Operator) -> Result<BTreeSet<Role>, Refusal> {
    at_most(given.roles.len(), Role::ALL.len(), "roles")?;
    let parse =
        |(i, role): (usize, &String)| role.parse().map_err(|refusal: Refusal| refusal.at(format!("roles[{i}]")));
    given.roles.iter().enumerate().map(parse).collect()
}

fn grants(given: &Operator) -> Result<BTreeSet<Grant>, Refusal> {
    at_most(given.grants.len(), GRANTS_MAX, "grants")?;
    let parse = |(i, given)| grant::parse(given).map_err(|refusal| refusal.under(&format!("grants[{i}]")));
    given.grants.iter().enumerate().map(parse).collect()
}

fn update(message: &UpdateOperatorRequest) -> Result<(OperatorName, Command), Refusal> {
    let given = message.operator.as_ref().ok_or_else(|| missing("operator"))?;
    let fixed = ["name", "certificates", "permissions"];
    let mask = Mask::parse(message.update_mask.as_ref(), &["roles", "grants", "disabled"], &fixed)?;
    let parse = || {
        let name: OperatorName = given.name.parse().map_err(|refusal: Refusal| refusal.at("name"))?;
        let patch = OperatorPatch {
            roles: mask.take("roles", !given.roles.is_empty(), || roles(given))?,
            grants: mask.take("grants", !given.grants.is_empty(), || grants(given))?,
            disabled: mask.take("disabled", given.disabled, || Ok(given.disabled))?,
        };
        let etag = parse_etag(&given.etag)?;
        Ok((name.clone(), Command::UpdateOperator { name, etag, patch }))
    };
    parse().map_err(|refusal: Refusal| refusal.under("operator"))
}

#[tonic::async_trait]
impl OperatorService for Api {
    async fn create_operator(&self, request: Request<CreateOperatorRequest>) -> Result<Response<Operator>, Status> {
        let (actor, message) = open(request)?;
        let name = OperatorName::from_id(&message.operator_id).map_err(|refusal| refuse(refusal.at("operator_id")))?;
        let given = message.operator.clone().unwrap_or_default();
        let roles = roles(&given).map_err(|refusal| refuse(refusal.under("operator")))?;
        let grants = grants(&given).map_err(|refusal| refuse(refusal.under("operator")))?;
        let command = Command::CreateOperator { name: name.clone(), roles, grants, certificate: None };
        let mutation = mutation!("/freehold.v1.OperatorService/CreateOperator", message);
        let state = self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(operator_message(&*there(state.operator(&name))?)))
    }

    async fn get_operator(&self, request: Request<GetOperatorRequest>) -> Result<Response<Operator>, Status> {
        let name: OperatorName = named(&request.get_ref().name)?;
        let state = self.engine.state();
        let operator = state.operator(&name).ok_or_else(|| not_found(Reason::OperatorNotFound, &name))?;
        Ok(Response::new(operator_message(operator)))
    }

    async fn list_operators(
        &self,
        request: Request<ListOperatorsRequest>,
    ) -> Result<Response<ListOperatorsResponse>, Status> {
        let message = request.into_inner();
        let page = Page::parse(message.page_size, &message.page_token, "operators")?;
        let from = page.after::<OperatorName>()?.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.engine.state();
        let rows = state
            .operators()
            .range((from, Bound::Unbounded))
            .take(page.size + 1)
            .map(|(_, operator)| operator_message(operator));
        let (operators, next_page_token) = page.cut(rows.collect(), |operator| operator.name.clone());
        Ok(Response::new(ListOperatorsResponse { operators, next_page_token }))
    }

    async fn update_operator(&self, request: Request<UpdateOperatorRequest>) -> Result<Response<Operator>, Status> {
        let (actor, message) = open(request)?;
        let (name, command) = update(&message).map_err(refuse)?;
        let mutation = mutation!("/freehold.v1.OperatorService/UpdateOperator", message);
        let state = self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(operator_message(&*there(state.operator(&name))?)))
    }

    async fn delete_operator(&self, request: Request<DeleteOperatorRequest>) -> Result<Response<()>, Status> {
        let (actor, message) = open(request)?;
        let etag = parse_etag(&message.etag).map_err(refuse)?;
        let command = Command::DeleteOperator { name: named(&message.name)?, etag };
        let mutation = mutation!("/freehold.v1.OperatorService/DeleteOperator", message);
        self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(()))
    }

    async fn issue_operator_certificate(
        &self,
        request: Request<IssueOperatorCertificateRequest>,
    ) -> Result<Response<IssueOperatorCertificateResponse>, Status> {
        let (actor, message) = open(request)?;
        let name: OperatorName = named(&message.name)?;
        if self.engine.state().operator(&name).is_none() {
            return Err(not_found(Reason::OperatorNotFound, &name));
        }
        let bad_request = |error: String| {
            refuse(
                Refusal::new(Reason::InvalidCertificateRequest, format!("the signing request cannot be used: {error}"))
                    .at("csr_der"),
            )
        };
        let csr = CertificateSigningRequestDer::from(message.csr_der.clone());
        let key = RequestedKey::from_request(&csr).map_err(|error| bad_request(error.to_string()))?;
        let id = name.id().parse().map_err(|_| bad_request(format!("{name} cannot stand in a certificate")))?;
        let issued = self
            .authority
            .issue_operator(&key, id, OPERATOR_LIFETIME, std::time::SystemTime::now())
            .map_err(|error| Status::internal(format!("no certificate could be issued: {error}")))?;
        let certificate = CertificateRecord {
            serial: issued.leaf.serial.to_string(),
            spki_sha256: *issued.leaf.spki_sha256.as_bytes(),
            not_after: from_system(issued.leaf.validity.not_after),
        };
        let mutation = super::call::Mutation {
            method: "/freehold.v1.OperatorService/IssueOperatorCertificate",
            message: &message,
            request_id: "",
            validate_only: false,
        };
        self.carry_out(actor, mutation, Command::AddOperatorCertificate { name, certificate }).await?;
        Ok(Response::new(IssueOperatorCertificateResponse {
            chain_der: issued.chain.iter().map(|certificate| certificate.to_vec()).collect(),
            roots_der: self.authority.roots().certificates().iter().map(|root| root.to_vec()).collect(),
        }))
    }

    async fn revoke_operator_certificate(
        &self,
        request: Request<RevokeOperatorCertificateRequest>,
    ) -> Result<Response<Operator>, Status> {
        let (actor, message) = open(request)?;
        let name: OperatorName = named(&message.name)?;
        let command = Command::RevokeOperatorCertificate { name: name.clone(), serial: message.serial.clone() };
        let mutation = super::call::Mutation {
            method: "/freehold.v1.OperatorService/RevokeOperatorCertificate",
            message: &message,
            request_id: "",
            validate_only: false,
        };
        let state = self.carry_out(actor, mutation, command).await?;
        Ok(Response::new(operator_message(&*there(state.operator(&name))?)))
    }

    async fn get_caller(&self, request: Request<GetCallerRequest>) -> Result<Response<Operator>, Status> {
        let name: OperatorName = named(&actor(request.extensions())?.principal)?;
        let state = self.engine.state();
        let operator = state.operator(&name).ok_or_else(|| not_found(Reason::OperatorNotFound, &name))?;
        Ok(Response::new(operator_message(operator)))
    }
}
