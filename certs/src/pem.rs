//! PEM text (RFC 7468): what the files of this crate are made of, so that other programs can read them.

use data_encoding::BASE64;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};

/// Why a PEM file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    /// The text is not PEM.
    #[error("it is not PEM: {0}")]
    Malformed(rustls_pki_types::pem::Error),
    /// There is no certificate.
    #[error("it holds no certificate (BEGIN CERTIFICATE)")]
    NoCertificate,
    /// There is not exactly one private key in PKCS#8 form.
    #[error("it holds {0} private keys in PKCS#8 form (BEGIN PRIVATE KEY), and must hold one")]
    KeyCount(usize),
}

/// Writes one section.
pub(crate) fn section(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in BASE64.encode(der).as_bytes().chunks(64) {
        text.extend(line.iter().map(|&c| char::from(c)));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// Writes certificates, in order.
pub(crate) fn certificates_to_pem(chain: &[CertificateDer<'_>]) -> String {
    chain.iter().map(|certificate| section("CERTIFICATE", certificate)).collect()
}

/// Reads all certificates, at least one; other sections are skipped.
pub(crate) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let found = CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>().map_err(PemError::Malformed)?;
    if found.is_empty() {
        return Err(PemError::NoCertificate);
    }
    Ok(found)
}

/// Reads the one private key; other sections are skipped.
pub(crate) fn private_key(text: &[u8]) -> Result<PrivatePkcs8KeyDer<'static>, PemError> {
    let mut found =
        PrivatePkcs8KeyDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>().map_err(PemError::Malformed)?;
    match (found.pop(), found.len()) {
        (Some(key), 0) => Ok(key),
        (last, others) => Err(PemError::KeyCount(others + usize::from(last.is_some()))),
    }
}
