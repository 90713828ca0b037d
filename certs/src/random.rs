//! Random bytes from the TLS provider's own generator.

/// Returns `N` random bytes.
///
/// # Panics
/// If the system has no random source; nothing here could be trusted then.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    aws_lc_rs::rand::fill(&mut out).expect("the system has a random source");
    out
}
