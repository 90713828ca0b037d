//! Who is who in Freehold: the built-in certificate authority, the identities it gives, and the TLS settings that rest on them.
//!
//! The life of an identity, in the order of the modules:
//!
//! 1. [`authority`]: the CA that `freehold-controller init` makes: root → intermediate → leaves, or an outside CA's intermediate.
//! 2. [`token`]: the one string that a person carries to a new agent. It holds the [`pin`] of the CA, so the agent trusts nothing else.
//! 3. [`key`] and [`request`]: the agent makes its own key and asks for a certificate; the CA takes only the public key from the request.
//! 4. [`identity`] and [`peer`]: the SPIFFE name in a certificate, and what is read out of a peer's certificate.
//! 5. [`folder`] and [`credentials`]: key, chain and trusted roots on disk, replaced as one.
//! 6. [`dial`], [`tls`] and [`reload`]: TLS 1.3 settings for both sides; a server's settings can be replaced while it runs.
//! 7. [`renewal`]: when a certificate renews. [`proof`]: what an agent shows when it comes too late.
//! 8. [`checkpoint`]: the Ed25519 signature under an audit checkpoint.
//!
//! Promises: no clock is read here (time comes in, also for TLS through rustls' `TimeProvider`), no environment, no network, no task.
//! Randomness comes from aws-lc-rs. No input from outside can make a parser here panic. A key file that others on the host may read is refused.
//!
//! Left out on purpose: revocation lists. Whether a certificate is still welcome is the store's knowledge, asked on every call.

pub mod authority;
pub mod checkpoint;
pub mod credentials;
pub mod dial;
pub mod files;
pub mod folder;
pub mod identity;
pub mod key;
pub mod peer;
pub mod pem;
pub mod pin;
pub mod proof;
mod random;
pub mod reload;
pub mod renewal;
pub mod request;
pub mod tls;
pub mod token;
mod uuid;
pub mod validity;

/// The types of rustls that this crate's signatures carry, so that callers need not name its version.
pub use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, ServerName};
