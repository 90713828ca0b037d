//! The command line against a scripted peer, over real TLS and real gRPC: what it sends, what it says, how it exits.
//!
//! The peer only plays back; what is checked is what the command line makes of it. Whether a controller answers so is for
//! the tests of the whole system.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod calls;
mod peer;
mod tls;
mod waits;

use freehold_cli::Environment;
use std::path::Path;

/// What a command line came to.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    status: u8,
    out: String,
    err: String,
}

/// Runs `freehold` with these words, against this endpoint, as this identity.
async fn freehold(endpoint: &str, identity: &Path, line: &str) -> Ran {
    let identity = identity.to_str().unwrap();
    let words = ["freehold", "--endpoint", endpoint, "--identity", identity];
    run(words.into_iter().chain(line.split_whitespace()), &Environment::default()).await
}

async fn run(words: impl Iterator<Item = &str>, environment: &Environment) -> Ran {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let status = freehold_cli::run(words.map(Into::into), environment, &mut out, &mut err).await;
    Ran { status, out: String::from_utf8(out).unwrap(), err: String::from_utf8(err).unwrap() }
}

#[tokio::test]
async fn profiles_choose_the_controller() {
    let home = tempfile::tempdir().unwrap();
    let ca = tls::Ca::new();
    let identity = ca.identity("alice");
    let environment = Environment { home: Some(home.path().into()), ..Environment::default() };
    let line = async |line: &str| run(std::iter::once("freehold").chain(line.split_whitespace()), &environment).await;

    let none = line("scope list").await;
    assert_eq!(none.status, 1);
    assert_eq!(
        none.err,
        "error: no profile is chosen, and the command line does not give both --endpoint and --identity\n  hint: freehold profile add NAME --endpoint HOST:PORT --identity DIR\n"
    );
    let add = format!("profile add berlin --endpoint 127.0.0.1:1 --identity {}", identity.display());
    assert_eq!(line(&add).await, Ran { status: 0, out: String::new(), err: String::new() });
    let list = line("profile list").await.out;
    let want =
        format!("NAME    CURRENT  ENDPOINT     IDENTITY\nberlin  *        127.0.0.1:1  {}\n", identity.display());
    assert_eq!(list, want);
    let missing = line("profile add other --endpoint 127.0.0.1:1 --identity /nowhere").await;
    assert_eq!((missing.status, missing.err.lines().next()), (1, Some("error: there is no identity folder /nowhere")));
    // Port 1 has no listener: the profile was used.
    let gone = line("scope list").await;
    assert_eq!((gone.status, gone.out.as_str()), (1, ""));
    assert!(gone.err.starts_with("error: cannot connect to 127.0.0.1:1: Connection refused"), "{}", gone.err);
    assert_eq!(line("profile remove berlin").await.status, 0);
    assert_eq!(
        line("--profile berlin scope list").await.err.lines().next(),
        Some("error: there is no profile \"berlin\"")
    );
}

#[tokio::test]
async fn help_and_completions_need_no_controller() {
    let line = async |line: &str| {
        run(std::iter::once("freehold").chain(line.split_whitespace()), &Environment::default()).await
    };
    for shell in ["bash", "zsh", "fish"] {
        let script = line(&format!("completions {shell}")).await;
        assert!(script.status == 0 && script.out.contains("reservation"), "{shell}");
    }
    let wrong = line("scope frobnicate").await;
    assert_eq!((wrong.status, wrong.out.as_str()), (2, ""));
    assert_eq!(line("--help").await.status, 0);
}
