//! `freehold-agent`: arguments, environment and exit status; the rest is in the library.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Context;
use clap::{Parser, Subcommand};
use freehold_agent::driver::kea::apply::Failpoint;
use freehold_agent::home::Home;
use freehold_agent::run::{Settings, run};
use freehold_agent::{enrol, status};
use freehold_certs::token::EnrolmentToken;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Freehold's agent: runs beside a DHCP server, keeps it as the controller wants it, and reports its leases.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The agent's own folder: identity, memory, lease spool.
    #[arg(long, global = true, env = "FREEHOLD_AGENT_HOME", default_value = "/var/lib/freehold-agent")]
    home: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make this host an agent, with the token that `freehold agent token create NAME` printed.
    Enrol {
        /// The token, fh1.….
        #[arg(env = "FREEHOLD_ENROLMENT_TOKEN", hide_env_values = true)]
        token: EnrolmentToken,
    },
    /// Run; as a service, this is what systemd starts.
    Run {
        /// The configuration file of Kea's DHCPv4 server, where it is not to be found from its process.
        #[arg(long, env = "FREEHOLD_KEA4_CONFIG")]
        kea4_config: Option<PathBuf>,
        /// The configuration file of Kea's DHCPv6 server, where it is not to be found from its process.
        #[arg(long, env = "FREEHOLD_KEA6_CONFIG")]
        kea6_config: Option<PathBuf>,
    },
    /// Say who this agent is and how it is.
    Status,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    match carry_out(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("freehold-agent: {failure:#}");
            ExitCode::FAILURE
        }
    }
}

async fn carry_out(arguments: Arguments) -> anyhow::Result<()> {
    let home = Home::open(&arguments.home)?;
    match arguments.command {
        Command::Enrol { token } => {
            let membership = enrol::enrol(&home, &token).await.context("this host is not enrolled")?;
            println!("{} of {}", membership.agent, membership.controller);
            Ok(())
        }
        Command::Status => {
            println!("{}", status::describe(&home, SystemTime::now())?);
            Ok(())
        }
        Command::Run { kea4_config, kea6_config } => {
            let stop = CancellationToken::new();
            let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
            let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
            let settings = Settings { kea4_config, kea6_config, failpoint: failpoint() };
            let running = run(home, settings, stop.clone());
            tokio::pin!(running);
            tokio::select! {
                ended = &mut running => return Ok(ended?),
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            stop.cancel();
            Ok(running.await?)
        }
    }
}

/// Where an apply is to be cut short, for tests of what a crash leaves: `FREEHOLD_FAILPOINT=set` aborts there.
fn failpoint() -> Failpoint {
    match std::env::var("FREEHOLD_FAILPOINT") {
        Ok(wanted) => Failpoint::new(move |step| {
            if step.as_str() == wanted {
                std::process::abort();
            }
            true
        }),
        Err(_) => Failpoint::default(),
    }
}
