//! `freehold-controller`: makes a controller, or runs one.

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use freehold_controller::config::{Overrides, Settings};
use freehold_controller::recover::DataDir;
use freehold_controller::{backup, clock, init, notify, run, store};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// glibc keeps what short bursts of small allocations on many threads leave behind; this one gives it back.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The Freehold controller: keeps the authoritative state and gives it to agents.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a new controller: its CA, its ledger, its first operator.
    Init(InitArgs),
    /// Run the controller of a data directory.
    Run(RunArgs),
    /// Back a data directory up into a folder; the controller may run.
    Backup(BackupArgs),
    /// Make a data directory out of a backup.
    Restore(RestoreArgs),
    /// Read all of a data directory or a backup, and say what it holds; the controller may run.
    Check(CheckArgs),
}

#[derive(Debug, Args)]
struct BackupArgs {
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "FREEHOLD_DATA")]
    data: PathBuf,
    /// The folder for the backup; empty, or not there yet.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

#[derive(Debug, Args)]
struct RestoreArgs {
    /// The backup's folder.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// The data directory to make; empty, or not there yet.
    #[arg(long, value_name = "DIR", env = "FREEHOLD_DATA")]
    data: PathBuf,
}

#[derive(Debug, Args)]
struct CheckArgs {
    /// The data directory, or a backup's folder.
    #[arg(long, value_name = "DIR", env = "FREEHOLD_DATA")]
    data: PathBuf,
}

#[derive(Debug, Args)]
struct InitArgs {
    /// The data directory; made if it is not there.
    #[arg(long, value_name = "DIR", env = "FREEHOLD_DATA")]
    data: PathBuf,
    /// The realm of all identities, such as your organisation's domain.
    #[arg(long, value_name = "NAME")]
    trust_domain: String,
    /// Host names and addresses of this controller, for its certificate; agents reach it by the first.
    #[arg(long = "name", value_name = "HOST_OR_IP", required = true, num_args = 1..)]
    names: Vec<String>,
    /// Where agents reach it, if not by the first name at port 7443.
    #[arg(long, value_name = "HOST:PORT")]
    endpoint: Option<String>,
    /// The id of the first operator, who may do everything.
    #[arg(long, value_name = "ID", default_value = "admin")]
    operator: String,
    /// The folder that the first operator's key and certificate are written to [default: DIR/operator].
    #[arg(long, value_name = "DIR")]
    identity_out: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The data directory.
    #[arg(long, value_name = "DIR", env = "FREEHOLD_DATA")]
    data: PathBuf,
    /// The configuration file [default: DIR/controller.toml].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The address and port to listen on.
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// Where agents reach it.
    #[arg(long, value_name = "HOST:PORT")]
    endpoint: Option<String>,
}

fn main() -> ExitCode {
    let command = Command::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr).init();
    let done = match command.what {
        What::Init(args) => make(args),
        What::Run(args) => serve(args),
        What::Backup(args) => back_up(args),
        What::Restore(args) => restore(args),
        What::Check(args) => check(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

fn make(args: InitArgs) -> anyhow::Result<()> {
    let identity_out = args.identity_out.unwrap_or_else(|| args.data.join("operator"));
    let plan = init::Plan {
        data: args.data,
        trust_domain: args.trust_domain,
        names: args.names,
        endpoint: args.endpoint,
        operator: args.operator,
        identity_out,
    };
    init::init(&plan)?;
    println!("controller: {}", plan.data.display());
    println!("operators/{}: {}", plan.operator, plan.identity_out.display());
    println!("next: freehold-controller run --data {}", plan.data.display());
    Ok(())
}

fn back_up(args: BackupArgs) -> anyhow::Result<()> {
    let manifest = backup::take(&DataDir::new(args.data), &args.to, clock::now())?;
    println!("backup: {}", args.to.display());
    println!("ledger: {} frames; lease ledger: {} frames", manifest.ledger.frames, manifest.leases.frames);
    println!("it holds the CA's keys: keep it as safe as them");
    Ok(())
}

fn restore(args: RestoreArgs) -> anyhow::Result<()> {
    let identity = backup::restore(&args.from, &args.data, clock::now())?;
    println!("restored: {}, incarnation {}", args.data.display(), identity.incarnation);
    eprintln!("warning: {UNDONE}");
    println!("next: freehold-controller run --data {}", args.data.display());
    Ok(())
}

/// What a restore takes back that somebody has to do again.
const UNDONE: &str = "whatever was changed after the backup is undone, revocations too: an agent or an operator's certificate that was \
revoked since then is let in again. Before agents and operators reach this controller, repeat each: `freehold agent revoke AGENT`, \
`freehold operator certificate revoke OPERATOR SERIAL`";

fn check(args: CheckArgs) -> anyhow::Result<()> {
    let report = backup::check(&DataDir::new(args.data))?;
    println!("{report}");
    anyhow::ensure!(report.broken.is_empty(), "the state breaks rules; please report this with the lines above");
    Ok(())
}

/// How often the allocator is made to give back what is free.
const GIVE_BACK: Duration = Duration::from_secs(10);

/// Has the allocator give free memory back to the kernel. By itself it does so only when somebody allocates, which after a start or a
/// large import may be long after.
#[expect(
    unsafe_code,
    reason = "the crate that wraps the allocator does not wrap this function, which has no preconditions"
)]
fn give_memory_back() {
    // SAFETY: any thread may call it at any time.
    unsafe { libmimalloc_sys::mi_collect(true) }
}

fn serve(args: RunArgs) -> anyhow::Result<()> {
    store::allocate_tables();
    let overrides = Overrides { file: args.config, listen: args.listen, endpoint: args.endpoint };
    let settings = Settings::load(&args.data, &overrides)?;
    allow_open_files();
    freehold_certs::tls::install_provider();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    let result = runtime.block_on(async {
        let stop = CancellationToken::new();
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let running = run::run(settings, stop.clone(), |address| {
            tracing::info!(%address, "serving");
            tell("READY=1");
        });
        let mut running = std::pin::pin!(running);
        let mut free = tokio::time::interval(GIVE_BACK);
        loop {
            tokio::select! {
                ended = running.as_mut() => return ended.map_err(anyhow::Error::from),
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = free.tick() => give_memory_back(),
            }
        }
        tracing::info!("stopping");
        tell("STOPPING=1");
        stop.cancel();
        running.await.map_err(anyhow::Error::from)
    });
    // A writer that is stuck in the disk must not keep the process from ending.
    runtime.shutdown_background();
    result
}

/// Takes as many open files as the host allows: every agent's connection is one, and the usual first limit is 1,024.
fn allow_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, ..limit };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        tracing::warn!(%error, limit = limit.current, "the limit of open files could not be raised");
    }
}

/// An error and its causes in one line; a cause whose words are in the error already is not repeated.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |mut text, cause| {
        if text.is_empty() {
            return cause;
        }
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        text
    })
}

fn tell(message: &str) {
    if let Err(error) = notify::tell(std::env::var_os("NOTIFY_SOCKET").as_deref(), message) {
        tracing::warn!(%error, message, "systemd could not be told");
    }
}
