//! Trust, through the public face of the crate: real certificates, real files, real handshakes over loopback.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod authority;
mod ca;
mod checkpoint;
mod folder;
mod handshake;
mod identity;
mod parsing;
mod pinned;
mod proof;
mod renewal;
mod token;
