//! Leaves: what each kind of identity gets.

use std::time::{Duration, SystemTime};

use rcgen::{
    CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, ServerName};

use super::{AGENT_LIFETIME, Authority, AuthorityError, CONTROLLER_LIFETIME};
use crate::identity::{Identity, Name, SpiffeId, Uuid};
use crate::peer::{PeerCertificate, Serial};
use crate::request::{KeyAndRequest, RequestedKey};
use crate::tls;
use crate::validity::{Validity, to_offset};

/// A certificate just signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Leaf, intermediate, root: what the holder shows to others.
    pub chain: Vec<CertificateDer<'static>>,
    /// What the leaf says.
    pub leaf: PeerCertificate,
}

impl Authority {
    /// Signs an agent's certificate: client use, 30 days.
    pub fn issue_agent(&self, key: &RequestedKey, id: Uuid, now: SystemTime) -> Result<Issued, AuthorityError> {
        self.issue_client(key, Identity::Agent(id), AGENT_LIFETIME, now)
    }

    /// Signs a person's certificate: client use, for as long as said ([`OPERATOR_LIFETIME`](super::OPERATOR_LIFETIME) by default).
    pub fn issue_operator(
        &self,
        key: &RequestedKey,
        id: Name,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<Issued, AuthorityError> {
        self.issue_client(key, Identity::Operator(id), lifetime, now)
    }

    /// Signs a program's certificate: client use, for as long as said.
    pub fn issue_service(
        &self,
        key: &RequestedKey,
        id: Name,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<Issued, AuthorityError> {
        self.issue_client(key, Identity::Service(id), lifetime, now)
    }

    /// Signs a controller's certificate: server use under its URI and these host names and addresses, 90 days.
    ///
    /// Freehold's own clients go by the URI; the hosts are for those that compare host names (browsers, grpcurl, generated clients).
    pub fn issue_controller(
        &self,
        key: &RequestedKey,
        id: Uuid,
        hosts: &[ServerName<'_>],
        now: SystemTime,
    ) -> Result<Issued, AuthorityError> {
        let names = hosts.iter().map(alternative_name);
        self.issue(
            key,
            Identity::Controller(id),
            names.collect::<Result<_, _>>()?,
            ExtendedKeyUsagePurpose::ServerAuth,
            CONTROLLER_LIFETIME,
            now,
        )
    }

    fn issue_client(
        &self,
        key: &RequestedKey,
        identity: Identity,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<Issued, AuthorityError> {
        self.issue(key, identity, Vec::new(), ExtendedKeyUsagePurpose::ClientAuth, lifetime, now)
    }

    fn issue(
        &self,
        key: &RequestedKey,
        identity: Identity,
        hosts: Vec<SanType>,
        usage: ExtendedKeyUsagePurpose,
        lifetime: Duration,
        now: SystemTime,
    ) -> Result<Issued, AuthorityError> {
        if !self.intermediate_validity.holds_at(now) {
            return Err(AuthorityError::Expired);
        }
        let validity = Validity::lasting(now, lifetime)?.within(self.intermediate_validity);
        let uri = SpiffeId { trust_domain: self.trust_domain.clone(), identity };
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.serial_number = Some(SerialNumber::from_slice(Serial::random().as_bytes()));
        params.not_before = to_offset(validity.not_before)?;
        params.not_after = to_offset(validity.not_after)?;
        params.subject_alt_names = vec![uri_name(&uri)?];
        params.subject_alt_names.extend(hosts);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.use_authority_key_identifier_extension = true;
        let leaf = params.signed_by(&key.spki, &self.issuer).map_err(AuthorityError::Signing)?;
        self.issued(leaf.into())
    }

    fn issued(&self, leaf: CertificateDer<'static>) -> Result<Issued, AuthorityError> {
        let meaning = PeerCertificate::from_der(&leaf)?;
        let mut chain = vec![leaf, self.intermediate.clone()];
        if !self.is_outside() {
            chain.push(self.anchor.clone());
        }
        Ok(Issued { chain, leaf: meaning })
    }

    /// Signs a certificate of each use for a key that is thrown away, and verifies them as a peer would.
    pub(super) fn try_out(&self, now: SystemTime) -> Result<(), AuthorityError> {
        let trial = KeyAndRequest::generate()?;
        let key = RequestedKey::from_request(&trial.request).expect("a request made here is accepted here");
        let roots = self.roots();
        let client = self.issue_agent(&key, Uuid::random(), now)?;
        tls::verify_chain(&roots, &client.chain, tls::Usage::Client, now).map_err(AuthorityError::TrialRefused)?;
        let server = self.issue_controller(&key, Uuid::random(), &[], now)?;
        tls::verify_chain(&roots, &server.chain, tls::Usage::Server, now).map_err(AuthorityError::TrialRefused)
    }
}

fn uri_name(id: &SpiffeId) -> Result<SanType, AuthorityError> {
    let text = id.to_string().try_into().map_err(AuthorityError::Signing)?;
    Ok(SanType::URI(text))
}

fn alternative_name(host: &ServerName<'_>) -> Result<SanType, AuthorityError> {
    match host {
        ServerName::DnsName(name) => {
            let text = name.as_ref().to_owned().try_into().map_err(AuthorityError::Signing)?;
            Ok(SanType::DnsName(text))
        }
        ServerName::IpAddress(address) => Ok(SanType::IpAddress((*address).into())),
        _ => unreachable!("rustls knows DNS names and addresses only"),
    }
}
