//! Signed checkpoints.

use std::os::unix::fs::PermissionsExt;

use freehold_certs::checkpoint::{BadCheckpoint, CheckpointKey, CheckpointVerifier};
use tempfile::TempDir;

#[test]
fn a_signature_holds_for_its_checkpoint_and_key_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("checkpoint.key");
    let made = CheckpointKey::create(&path).unwrap();
    let loaded = CheckpointKey::load(&path).unwrap();
    assert_eq!(made.verifier(), loaded.verifier());
    let signature = loaded.sign(b"frame 1000");
    let verifier = CheckpointVerifier::from_bytes(*made.verifier().as_bytes());
    assert_eq!(verifier.verify(b"frame 1000", &signature), Ok(()));
    assert_eq!(verifier.verify(b"frame 1001", &signature), Err(BadCheckpoint));
    assert_eq!(verifier.verify(b"frame 1000", &signature[..63]), Err(BadCheckpoint));
    let other = CheckpointKey::create(&folder.path().join("other.key")).unwrap();
    assert_eq!(other.verifier().verify(b"frame 1000", &signature), Err(BadCheckpoint));
}

#[test]
fn the_key_file_is_private_and_never_overwritten() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("checkpoint.key");
    let missing = CheckpointKey::load(&path).unwrap_err().to_string();
    assert!(missing.contains("is missing: restore it"), "{missing}");
    CheckpointKey::create(&path).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let again = CheckpointKey::create(&path).unwrap_err().to_string();
    assert!(again.contains("never overwritten"), "{again}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let exposed = CheckpointKey::load(&path).unwrap_err().to_string();
    assert!(exposed.contains("mode 640") && exposed.contains("chmod 600"), "{exposed}");
}
