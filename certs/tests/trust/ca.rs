//! A CA in a temporary folder, and credentials from it.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use freehold_certs::authority::{Authority, Issued, OPERATOR_LIFETIME};
use freehold_certs::credentials::Credentials;
use freehold_certs::identity::Uuid;
use freehold_certs::request::{KeyAndRequest, RequestedKey};
use tempfile::TempDir;

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(crate) const AGENT: Uuid = Uuid::from_bytes([0xa1; 16]);
pub(crate) const CONTROLLER: Uuid = Uuid::from_bytes([0xc0; 16]);

/// The moment at which every test takes place: 2027-01-15T08:00:00Z.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

pub(crate) struct Ca {
    pub(crate) authority: Authority,
    pub(crate) folder: PathBuf,
    /// Removes the folder in the end.
    pub(crate) temporary: TempDir,
}

impl Ca {
    pub(crate) fn new() -> Self {
        Self::of("example.org")
    }

    pub(crate) fn of(trust_domain: &str) -> Self {
        let temporary = TempDir::new().unwrap();
        let folder = temporary.path().join("ca");
        let authority = Authority::create(&folder, trust_domain.parse().unwrap(), now()).unwrap();
        Self { authority, folder, temporary }
    }

    pub(crate) fn agent(&self) -> Credentials {
        credentials(|key| self.authority.issue_agent(key, AGENT, now()).unwrap())
    }

    pub(crate) fn operator(&self) -> Credentials {
        let name = "alice".parse().unwrap();
        credentials(|key| self.authority.issue_operator(key, name, OPERATOR_LIFETIME, now()).unwrap())
    }

    pub(crate) fn controller(&self) -> Credentials {
        let hosts = ["ddi.example.org".try_into().unwrap(), "127.0.0.1".try_into().unwrap()];
        credentials(|key| self.authority.issue_controller(key, CONTROLLER, &hosts, now()).unwrap())
    }
}

/// A new key with the certificate that `issue` gives for it.
pub(crate) fn credentials(issue: impl FnOnce(&RequestedKey) -> Issued) -> Credentials {
    let made = KeyAndRequest::generate().unwrap();
    let issued = issue(&RequestedKey::from_request(&made.request).unwrap());
    Credentials::new(made.key, issued.chain).unwrap()
}
