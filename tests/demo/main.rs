//! `freehold-demo`: Freehold's story, told with real programs in a lab, each claim checked where it is made.
//!
//! - [`telling`]: what is said, and when each step began
//! - [`story`]: the steps
//! - [`seen`]: how long a lease takes from the client's ACK to the API
//! - [`visit`]: what a visitor can try while the lab stays up
//!
//! `cargo demo` builds and starts it. Standard output is the story; with `--exit` its last line is one JSON object of what was measured.
//! Everything is gone when it ends, also by Ctrl-C; what a killed one leaves, the next one removes.

mod seen;
mod story;
mod telling;
mod visit;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use freehold_lab::Site;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use story::Measured;
use telling::Telling;

/// As shells report a program that SIGINT ended.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let exit = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--exit"] => true,
        _ => {
            eprintln!("usage: freehold-demo [--exit]");
            return ExitCode::from(2);
        }
    };
    match perform(exit) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("the demo could not begin: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn perform(exit: bool) -> Result<ExitCode> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().context("no runtime")?;
    let interrupted = interruption(&runtime)?;
    let mut telling = Telling::new(interrupted.clone());
    telling.say("Freehold: one place says what DHCP servers should serve, and sees what they do.");
    telling
        .say("All of it is real: programs, servers, clients, TLS; each host is a network namespace of this machine.");

    telling.step("A lab: a controller, the branches Berlin and Munich, and a wide area network between them")?;
    let Some(mut site) = Site::new()? else {
        // Site::new has said why.
        return Ok(ExitCode::FAILURE);
    };
    // Declared after the site, dropped before it.
    let (programs, measured) = match story::tell(&mut telling, &mut site, &runtime) {
        Ok(told) => told,
        Err(error) => return failed(&telling, &site, &error),
    };
    telling.end();
    if exit {
        println!("{}", json(&measured, &telling));
        return Ok(ExitCode::SUCCESS);
    }
    visit::invite(&site, &programs.controller)?;
    runtime.block_on(until_interrupted(interrupted));
    println!("\nTaking the lab down.");
    Ok(ExitCode::SUCCESS)
}

fn failed(telling: &Telling, site: &Site, error: &anyhow::Error) -> Result<ExitCode> {
    if telling.is_interrupted() {
        eprintln!("\nInterrupted; taking the lab down.");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    site.lab.show_logs()?;
    eprintln!("\nFAILED in step {}\n{error:#}", telling.current());
    Ok(ExitCode::FAILURE)
}

fn json(measured: &Measured, telling: &Telling) -> Value {
    let milliseconds = |took: Duration| (took.as_secs_f64() * 10_000.0).round() / 10.0;
    serde_json::json!({
        "lease_address": measured.lease_address,
        "apply_ms": milliseconds(measured.apply),
        "lease_seen_ms": milliseconds(measured.lease_seen),
        "events_spooled": measured.events_spooled,
        "events_received": measured.events_received,
        "healed_ms": milliseconds(measured.healed),
        "restarted_ms": milliseconds(measured.restarted),
        "steps": telling.steps(),
        "took_ms": milliseconds(telling.took()),
    })
}

/// Becomes true at the first SIGINT or SIGTERM; neither ends the process any more.
fn interruption(runtime: &Runtime) -> Result<watch::Receiver<bool>> {
    let _inside = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let (tell, told) = watch::channel(false);
    runtime.spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tell.send_replace(true);
        // The receivers must find the value, not a closed channel.
        tell.closed().await;
    });
    Ok(told)
}

async fn until_interrupted(mut interrupted: watch::Receiver<bool>) {
    interrupted.wait_for(|is| *is).await.map(drop).expect("the sender waits for its receivers");
}
