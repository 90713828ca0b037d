//! Clients that nobody here wrote, against the real `freehold-controller` on the loopback: buf, Python, a browser's gRPC-Web.
//!
//! buf knows nothing of the API but what the controller tells it by reflection; Python's client is generated out of `proto/` by
//! grpcio-tools; curl sends what a browser would. All of them show the identity that `freehold-controller init` made, as it lies in its
//! folder. `cargo verify` fetches the tools; where one is missing, its test says SKIPPED.

mod controller;

use anyhow::{Context, Result, ensure};
use controller::{Controller, root};
use freehold_lab::skip;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// buf, as `cargo verify` fetches it.
const BUF: &str = "target/tools/buf-1.75.0/node_modules/.bin/buf";
/// The folder of grpcio and its tools, as `cargo verify` fetches it.
const GRPCIO: &str = "target/tools/grpcio-1.85.1";

/// What a program said; an error if it failed.
fn run(command: &mut Command) -> Result<Output> {
    let output = command.output().with_context(|| format!("{command:?} did not run"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    ensure!(
        output.status.success(),
        "{command:?} ended with {}:\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    Ok(output)
}

fn buf_curl(buf: &Path, controller: &Controller, method: &str, message: &Value) -> Command {
    let mut command = Command::new(buf);
    command.args(["curl", "--protocol", "grpc"]);
    command.arg("--cacert").arg(controller.roots());
    command.arg("--cert").arg(controller.identity()).arg("--key").arg(controller.identity());
    command.arg("--data").arg(message.to_string()).arg(controller.url(method));
    command
}

#[test]
fn buf_curl_finds_its_way_by_reflection() -> Result<()> {
    let buf = root().join(BUF);
    if !buf.exists() {
        return skip("buf is not fetched; cargo verify does that");
    }
    let controller = Controller::start()?;
    let call = |method: &str, message: Value| -> Result<Value> {
        let output = run(&mut buf_curl(&buf, &controller, method, &message))?;
        Ok(serde_json::from_slice(&output.stdout)?)
    };
    let prefix = json!({"cidr": "10.7.0.0/24", "kind": "KIND_NETWORK", "title": "Büro \"7\""});
    let create = json!({"parent": "spaces/default", "prefix": prefix});
    let made = call("freehold.v1.PrefixService/CreatePrefix", create.clone())?;
    let got = call("freehold.v1.PrefixService/GetPrefix", json!({"name": "spaces/default/prefixes/10.7.0.0-24"}))?;
    assert_eq!(made, got);
    assert_eq!(
        (&got["cidr"], &got["kind"], &got["title"]),
        (&json!("10.7.0.0/24"), &json!("KIND_NETWORK"), &json!("Büro \"7\""))
    );

    let mut listing = buf_curl(&buf, &controller, "", &Value::Null);
    let listing = run(listing.args(["--list-services"]))?;
    let services = String::from_utf8(listing.stdout)?;
    for service in ["freehold.v1.ScopeService", "freehold.v1.WatchService", "grpc.health.v1.Health"] {
        assert!(services.lines().any(|line| line == service), "{services}");
    }

    let again = buf_curl(&buf, &controller, "freehold.v1.PrefixService/CreatePrefix", &create).output()?;
    let told: Value = serde_json::from_slice(&again.stderr)?;
    assert_eq!((again.status.success(), &told["code"]), (false, &json!("already_exists")));
    let details: Vec<_> = told["details"].as_array().context("details")?.iter().map(|detail| &detail["type"]).collect();
    assert_eq!(details, ["google.rpc.ErrorInfo", "google.rpc.BadRequest", "google.rpc.ResourceInfo"]);
    controller.stop()
}

/// The .proto files of what clients use.
fn protos() -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(root().join("proto/freehold/v1"))?;
    Ok(entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?)
}

#[test]
fn a_python_client_generated_from_the_protos_works() -> Result<()> {
    let grpcio = root().join(GRPCIO);
    if !grpcio.exists() {
        return skip("grpcio is not fetched; cargo verify does that");
    }
    let controller = Controller::start()?;
    let generated = tempfile::tempdir()?;
    let python = |path: &[&Path]| -> Result<Command> {
        let mut command = Command::new("python3");
        command.env("PYTHONPATH", std::env::join_paths(path)?);
        Ok(command)
    };
    let mut protoc = python(&[&grpcio])?;
    protoc.args(["-m", "grpc_tools.protoc"]).arg("-I").arg(root().join("proto"));
    protoc.arg(format!("--python_out={}", generated.path().display()));
    protoc.arg(format!("--grpc_python_out={}", generated.path().display()));
    run(protoc.args(protos()?))?;

    let mut client = python(&[&grpcio, generated.path()])?;
    client.arg(root().join("tests/interop/client.py"));
    client.arg(controller.target()).arg(controller.roots()).arg(controller.identity());
    let output = run(&mut client)?;
    let told: Value = serde_json::from_slice(&output.stdout)?;
    let expected = json!({
        "made": "scopes/office",
        "server_side": {"network": "spaces/default/prefixes/10.8.0.0-24", "valid_seconds": 3600},
        "listed": ["scopes/office"],
        "watched": ["spaces/default/prefixes/10.8.0.0-24", "scopes/office"],
        "error": {
            "code": "FAILED_PRECONDITION",
            "reason": "SCOPE_OVERLAP",
            "domain": "freehold.dev",
            "field": "scope.network",
            "violations": ["scope.network"],
            "resource": "scopes/office",
        },
        "without_certificate": {"code": "UNAUTHENTICATED", "reason": "CERTIFICATE_REQUIRED"},
    });
    assert_eq!(told, expected);
    controller.stop()
}

/// The frames of a gRPC-Web answer: the first byte of each, and its content.
fn frames(mut body: &[u8]) -> Vec<(u8, &[u8])> {
    let mut frames = Vec::new();
    while let [flag, a, b, c, d, rest @ ..] = body {
        let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).expect("64 bits");
        frames.push((*flag, &rest[..length]));
        body = &rest[length..];
    }
    frames
}

#[test]
fn a_browser_is_answered_over_http_1_1() -> Result<()> {
    let controller = Controller::start()?;
    let folder = tempfile::tempdir()?;
    let request = folder.path().join("request");
    let call = |method: &str, content: &str, message: &[u8]| -> Result<(String, Vec<u8>)> {
        let mut frame = vec![0];
        frame.extend(u32::try_from(message.len())?.to_be_bytes());
        frame.extend(message);
        fs::write(&request, frame)?;
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--http1.1", "--max-time", "20", "--include"]);
        curl.arg("--cacert").arg(controller.roots());
        curl.arg("--cert").arg(controller.identity()).arg("--key").arg(controller.identity());
        curl.args(["--header", &format!("content-type: {content}"), "--header", "x-grpc-web: 1"]);
        curl.arg("--data-binary").arg(format!("@{}", request.display())).arg(controller.url(method));
        let answer = run(&mut curl)?.stdout;
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("no end of the head")?;
        Ok((String::from_utf8_lossy(&answer[..end]).to_lowercase(), answer[end + 4..].to_vec()))
    };
    let (head, body) = call("freehold.v1.SpaceService/ListSpaces", "application/grpc-web+proto", &[])?;
    assert!(head.starts_with("http/1.1 200") && head.contains("content-type: application/grpc-web+proto"), "{head}");
    let frames = frames(&body);
    assert_eq!(frames.iter().map(|(flag, _)| *flag).collect::<Vec<_>>(), [0, 0x80], "a message and the trailers");
    assert!(String::from_utf8_lossy(frames[0].1).contains("spaces/default"));
    assert!(String::from_utf8_lossy(frames[1].1).contains("grpc-status:0"), "{:?}", frames[1]);

    // A refusal has no message: its status comes in the head.
    let (head, _) = call("freehold.v1.SpaceService/CreateSpace", "application/grpc-web+proto", &[])?;
    assert!(head.contains("grpc-status: 3") && head.contains("grpc-status-details-bin"), "{head}");
    controller.stop()
}
