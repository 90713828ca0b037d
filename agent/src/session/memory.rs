//! What the agent knows durably.
//!
//! Two kinds of small files: one for the agent as a whole (store, fence, points obeyed) and one for each server
//! (the bundle that runs, the bundle that is staged), so that a bookmark does not rewrite a large bundle. Each
//! is replaced atomically by the shell. A file is `FHAM`, a version, the SHA-256 of what follows, and a message;
//! one that is damaged is an error, never an empty memory: without its store the agent would obey any other.

use freehold_core::bundle::{Bundle, Digest, ResourceKey};
use freehold_core::time::StorePoint;
use freehold_proto::bundle::{Untakeable, parse_digest, parse_wire, wire};
use freehold_proto::convert::point;
use freehold_proto::sync;
use prost::Message;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;

const MAGIC: &[u8; 4] = b"FHAM";
const VERSION: u8 = 1;
const HEAD_BYTES: usize = 4 + 1 + 32;
const SELF_FILE: &str = "agent.memory";
const SERVER_PREFIX: &str = "server-";
const SUFFIX: &str = ".memory";

/// Everything that the agent knows durably.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// The store that it belongs to (P2); set when it enrols, or else by the first welcome.
    pub store: Option<[u8; 16]>,
    /// The highest fence that it saw (P6).
    pub max_fence: u64,
    /// The last point obeyed, by server (P2).
    pub obeyed: BTreeMap<String, StorePoint>,
    /// What its servers run, by server.
    pub servers: BTreeMap<String, ServerMemory>,
}

/// What the agent knows of one server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerMemory {
    /// The bundle last proven to run.
    pub applied: Option<Held>,
    /// A bundle that was received whole and is to run next.
    pub staged: Option<Held>,
    /// A change that nobody has confirmed yet (P14).
    pub probation: Option<Probation>,
    /// The digest of what was undone last because nobody confirmed it; forgotten when something else is applied.
    pub unconfirmed: Option<Digest>,
}

/// A change that undoes itself unless it is confirmed. It is noted before it is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probation {
    /// What ran before, and will again.
    pub before: Held,
    /// The digest that is to be confirmed.
    pub to: Digest,
    /// How long that may take from the apply on, or from the agent's start if it was started since; in seconds.
    pub seconds: u32,
}

impl Probation {
    /// How long the confirmation may take, in milliseconds.
    pub fn ms(&self) -> u64 {
        u64::from(self.seconds) * 1000
    }
}

/// A bundle and its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its digest.
    pub digest: Digest,
    /// All of it.
    pub bundle: Arc<Bundle>,
}

impl Held {
    /// A bundle, with its digest computed.
    pub fn new(bundle: Bundle) -> Self {
        Self { digest: bundle.digest(), bundle: Arc::new(bundle) }
    }
}

/// A file to replace atomically; durable before anything that follows is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Its name in the agent's folder.
    pub name: String,
    /// Its whole content.
    pub bytes: Vec<u8>,
}

/// Why a file of the memory cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// It does not begin as such files do.
    #[error("{0} is not a file of the agent's memory, or of a later version; restore it, or enrol this host anew")]
    Foreign(String),
    /// Its bytes are not those that were written.
    #[error(
        "{0} is damaged; check the disk, then restore the file, or remove the agent's folder and enrol this host anew"
    )]
    Damaged(String),
    /// It needs a later version of the agent.
    #[error("{name}: {source}; run the version of the agent that wrote it, or a later one")]
    TooNew {
        /// The file.
        name: String,
        /// What is too new.
        source: Untakeable,
    },
}

#[derive(Clone, PartialEq, prost::Message)]
struct AgentRecord {
    #[prost(bytes = "vec", tag = "1")]
    store_id: Vec<u8>,
    #[prost(uint64, tag = "2")]
    max_fence: u64,
    #[prost(message, repeated, tag = "3")]
    obeyed: Vec<ObeyedRecord>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ObeyedRecord {
    #[prost(string, tag = "1")]
    server: String,
    #[prost(message, optional, tag = "2")]
    point: Option<sync::StorePoint>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ServerRecord {
    #[prost(message, optional, tag = "1")]
    applied: Option<BundleRecord>,
    #[prost(message, optional, tag = "2")]
    staged: Option<BundleRecord>,
    #[prost(message, optional, tag = "3")]
    probation: Option<ProbationRecord>,
    #[prost(bytes = "vec", tag = "4")]
    unconfirmed: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProbationRecord {
    #[prost(message, optional, tag = "1")]
    before: Option<BundleRecord>,
    #[prost(bytes = "vec", tag = "2")]
    to: Vec<u8>,
    #[prost(uint32, tag = "3")]
    seconds: u32,
}

#[derive(Clone, PartialEq, prost::Message)]
struct BundleRecord {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<sync::Resource>,
}

impl Memory {
    /// The memory out of its files, as (name, content). Files of other names are somebody else's.
    pub fn load<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, MemoryError> {
        let mut memory = Self::default();
        for (name, bytes) in files {
            if name == SELF_FILE {
                memory.load_self(name, bytes)?;
            } else if let Some(id) = name.strip_prefix(SERVER_PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)) {
                memory.servers.insert(id.to_owned(), load_server(name, bytes)?);
            }
        }
        Ok(memory)
    }

    fn load_self(&mut self, name: &str, bytes: &[u8]) -> Result<(), MemoryError> {
        let damaged = || MemoryError::Damaged(name.to_owned());
        let record: AgentRecord = open(name, bytes)?;
        self.store = match record.store_id.as_slice() {
            [] => None,
            id => Some(id.try_into().map_err(|_| damaged())?),
        };
        self.max_fence = record.max_fence;
        for obeyed in record.obeyed {
            let point = obeyed.point.as_ref().and_then(point::parse).ok_or_else(damaged)?;
            self.obeyed.insert(obeyed.server, point);
        }
        Ok(())
    }

    /// The file of what concerns the agent as a whole.
    pub fn write_self(&self) -> Write {
        let obeyed = |(server, at): (&String, &StorePoint)| ObeyedRecord {
            server: server.clone(),
            point: Some(point::message(at)),
        };
        let record = AgentRecord {
            store_id: self.store.map(|id| id.to_vec()).unwrap_or_default(),
            max_fence: self.max_fence,
            obeyed: self.obeyed.iter().map(obeyed).collect(),
        };
        seal(SELF_FILE.to_owned(), &record)
    }

    /// The file of one server.
    pub fn write_server(&self, id: &str) -> Write {
        let bundle = |held: &Held| BundleRecord {
            resources: held.bundle.resources().iter().map(|(key, resource)| wire(key, resource)).collect(),
        };
        let server = self.servers.get(id);
        let record = ServerRecord {
            applied: server.and_then(|server| server.applied.as_ref()).map(bundle),
            staged: server.and_then(|server| server.staged.as_ref()).map(bundle),
            probation: server.and_then(|server| server.probation.as_ref()).map(|probation| ProbationRecord {
                before: Some(bundle(&probation.before)),
                to: probation.to.0.to_vec(),
                seconds: probation.seconds,
            }),
            unconfirmed: server
                .and_then(|server| server.unconfirmed)
                .map(|digest| digest.0.to_vec())
                .unwrap_or_default(),
        };
        seal(format!("{SERVER_PREFIX}{id}{SUFFIX}"), &record)
    }

    /// The highest point obeyed for any server.
    pub fn latest(&self) -> Option<StorePoint> {
        self.obeyed.values().copied().max()
    }
}

fn load_server(name: &str, bytes: &[u8]) -> Result<ServerMemory, MemoryError> {
    let held = |record: BundleRecord| {
        let parse = |resource: &sync::Resource| match parse_wire(resource) {
            Ok(parsed) => Ok(parsed),
            Err(Untakeable::Damaged) => Err(MemoryError::Damaged(name.to_owned())),
            Err(source @ Untakeable::Unsupported(_)) => Err(MemoryError::TooNew { name: name.to_owned(), source }),
        };
        let resources = record.resources.iter().map(parse).collect::<Result<BTreeMap<ResourceKey, _>, _>>()?;
        Ok(Held::new(Bundle::new(resources)))
    };
    let record: ServerRecord = open(name, bytes)?;
    let damaged = || MemoryError::Damaged(name.to_owned());
    let probation = |record: ProbationRecord| {
        Ok(Probation {
            before: held(record.before.ok_or_else(damaged)?)?,
            to: parse_digest(&record.to).ok_or_else(damaged)?,
            seconds: record.seconds,
        })
    };
    Ok(ServerMemory {
        applied: record.applied.map(held).transpose()?,
        staged: record.staged.map(held).transpose()?,
        probation: record.probation.map(probation).transpose()?,
        unconfirmed: match record.unconfirmed.as_slice() {
            [] => None,
            digest => Some(parse_digest(digest).ok_or_else(damaged)?),
        },
    })
}

fn seal(name: String, record: &impl Message) -> Write {
    let body = record.encode_to_vec();
    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
    bytes.extend_from_slice(MAGIC);
    bytes.push(VERSION);
    bytes.extend_from_slice(&Sha256::digest(&body));
    bytes.extend_from_slice(&body);
    Write { name, bytes }
}

fn open<R: Message + Default>(name: &str, bytes: &[u8]) -> Result<R, MemoryError> {
    let damaged = || MemoryError::Damaged(name.to_owned());
    if !bytes.starts_with(MAGIC) || bytes.get(4) != Some(&VERSION) {
        return Err(MemoryError::Foreign(name.to_owned()));
    }
    let (head, body) = bytes.split_at_checked(HEAD_BYTES).ok_or_else(damaged)?;
    if head[5..] != *Sha256::digest(body) {
        return Err(damaged());
    }
    R::decode(body).map_err(|_| damaged())
}
