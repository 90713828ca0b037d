//! A new controller: its CA, its ledger, its first operator.
//!
//! The ledger's first frame is written last and makes the controller whole: the operator and `spaces/default` are in it. A crash before
//! leaves parts that a second `init` with the same names takes up again; with that frame there, `init` refuses.

use crate::clock;
use crate::config::{self, ConfigError};
use crate::enrol;
use crate::ledger::{Append, Ledger, LedgerError, SegmentLedger};
use crate::recover::SEGMENT_BYTES;
use freehold_certs::authority::{Authority, AuthorityError, OPERATOR_LIFETIME};
use freehold_certs::credentials::Credentials;
use freehold_certs::folder::{FolderError, IdentityFolder};
use freehold_certs::identity::{Identity, IdentityError, TrustDomain, Uuid};
use freehold_certs::key::KeyError;
use freehold_certs::peer::PeerCertificate;
use freehold_certs::request::{KeyAndRequest, RequestError, RequestedKey};
use freehold_core::access::Role;
use freehold_core::change::{Actor, Outcome};
use freehold_core::labels::Labels;
use freehold_core::model::CertificateRecord;
use freehold_core::name::{OperatorName, SpaceName};
use freehold_core::text::Text;
use freehold_core::{Command, Entry, Refusal, State, Timestamp, decide};
use freehold_journal::{Access, Disk, RealDisk, write_atomically};
use freehold_proto::convert::stored;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a new controller is to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The data directory: made if it is not there; its parent must be.
    pub data: PathBuf,
    /// The realm of its identities.
    pub trust_domain: String,
    /// Host names and addresses of the controller.
    pub names: Vec<String>,
    /// Where agents reach it, if that is not the first name at the port listened on.
    pub endpoint: Option<String>,
    /// The id of the first operator.
    pub operator: String,
    /// The folder for the first operator's identity.
    pub identity_out: PathBuf,
}

/// Why there is no new controller.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is one.
    #[error("there is a controller in {} already; name another data directory", .0.display())]
    Exists(PathBuf),
    /// The trust domain.
    #[error(transparent)]
    TrustDomain(#[from] IdentityError),
    /// The names.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The operator's name.
    #[error("the first operator: {0}")]
    Operator(Refusal),
    /// A directory or file.
    #[error("cannot make {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The settings do not go into a file.
    #[error("the settings cannot be written as TOML")]
    Settings(#[from] toml::ser::Error),
    /// The CA.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// A CA from an attempt before, of another realm.
    #[error("{} holds the CA of trust domain {found}, left by an earlier init; use that name, or remove the data directory", path.display())]
    OtherTrustDomain {
        /// The CA's folder.
        path: PathBuf,
        /// Its realm.
        found: TrustDomain,
    },
    /// The operator's key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The request for its certificate.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The operator's folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The folder holds somebody else.
    #[error("{} holds another identity already; name another folder with --identity-out", .0.display())]
    OtherIdentity(PathBuf),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The rules do not allow it.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// Makes a new controller.
///
/// # Errors
/// See [`InitError`]; what was made by then is taken up by the next try.
pub fn init(plan: &Plan) -> Result<(), InitError> {
    let now = clock::now();
    let trust_domain: TrustDomain = plan.trust_domain.parse()?;
    let operator = OperatorName::from_id(&plan.operator).map_err(InitError::Operator)?;
    let file = settings(plan)?;

    let data = directory(&plan.data)?;
    let mut ledger = empty_ledger(&plan.data)?;
    let authority = authority(&config::authority(&plan.data), trust_domain, now)?;
    let certificate = identity(&plan.identity_out, &authority, &operator, now)?;
    write_atomically(&data, config::FILE, file.as_bytes(), Access::Public)
        .map_err(|source| InitError::File { path: plan.data.join(config::FILE), source })?;
    let entries = first_entries(&operator, enrol::record_of(&certificate), now)?;
    match ledger.append(1, &stored::encode_frame(&entries))? {
        Append::Appended { .. } => Ok(()),
        Append::Taken | Append::Unknown => Err(InitError::Exists(plan.data.clone())),
    }
}

fn settings(plan: &Plan) -> Result<String, InitError> {
    config::parse_names(&plan.names)?;
    if let Some(endpoint) = &plan.endpoint {
        endpoint.parse::<freehold_certs::token::Endpoint>().map_err(ConfigError::Endpoint)?;
    }
    let listen = Some(config::LISTEN.to_owned());
    let file = config::File { listen, endpoint: plan.endpoint.clone(), names: plan.names.clone() };
    Ok(toml::to_string(&file)?)
}

fn directory(path: &Path) -> Result<RealDisk, InitError> {
    RealDisk::create(path).map_err(|source| InitError::File { path: path.to_owned(), source })
}

/// The ledger, new or left empty by an attempt before.
fn empty_ledger(data: &Path) -> Result<SegmentLedger, InitError> {
    let disk: Arc<dyn Disk> = Arc::new(directory(&config::ledger(data))?);
    let ledger = match SegmentLedger::open(Arc::clone(&disk), SEGMENT_BYTES) {
        Err(LedgerError::Missing) => SegmentLedger::create(disk, *Uuid::random().as_bytes(), SEGMENT_BYTES)?,
        opened => opened?,
    };
    if ledger.history().head().0 > 0 {
        return Err(InitError::Exists(data.to_owned()));
    }
    Ok(ledger)
}

fn authority(folder: &Path, trust_domain: TrustDomain, now: Timestamp) -> Result<Authority, InitError> {
    if !folder.is_dir() {
        return Ok(Authority::create(folder, trust_domain, clock::system_time(now))?);
    }
    let authority = Authority::load(folder)?;
    if *authority.trust_domain() != trust_domain {
        let found = authority.trust_domain().clone();
        return Err(InitError::OtherTrustDomain { path: folder.to_owned(), found });
    }
    Ok(authority)
}

/// Gives the operator an identity, or finds the one of an attempt before.
fn identity(
    path: &Path,
    authority: &Authority,
    operator: &OperatorName,
    now: Timestamp,
) -> Result<PeerCertificate, InitError> {
    let name = operator.id().parse()?;
    let folder = IdentityFolder::open(path)?;
    if let Some(present) = folder.credentials()? {
        let ours = folder.roots()? == Some(authority.roots()) && present.leaf().identity == Identity::Operator(name);
        return if ours { Ok(present.leaf().clone()) } else { Err(InitError::OtherIdentity(path.to_owned())) };
    }
    let KeyAndRequest { key, request } = KeyAndRequest::of(folder.pending_key()?)?;
    let requested = RequestedKey::from_request(&request)?;
    let issued = authority.issue_operator(&requested, name, OPERATOR_LIFETIME, clock::system_time(now))?;
    folder.write_roots(&authority.roots())?;
    drop(key);
    let credentials: Credentials = folder.accept(issued.chain)?;
    Ok(credentials.leaf().clone())
}

/// What makes the controller whole, decided by the rules like everything after it.
fn first_entries(
    operator: &OperatorName,
    certificate: CertificateRecord,
    now: Timestamp,
) -> Result<Vec<Entry>, Refusal> {
    let commands = [
        Command::CreateOperator {
            name: operator.clone(),
            roles: BTreeSet::from([Role::IpamAdministrator]),
            grants: BTreeSet::new(),
            certificate: Some(certificate),
        },
        Command::CreateSpace {
            name: SpaceName::from_id("default")?,
            title: Text::default(),
            description: Text::default(),
            labels: Labels::NONE,
        },
    ];
    let mut state = State::default();
    let mut entries = Vec::new();
    for command in commands {
        let entry = Entry {
            revision: state.revision().next(),
            at: now,
            actor: Actor { principal: "system".to_owned(), ..Actor::default() },
            method: "freehold-controller init".to_owned(),
            request: None,
            outcome: Outcome::Done(decide(&state, &command, now)?),
        };
        state.apply(&entry);
        entries.push(entry);
    }
    Ok(entries)
}
