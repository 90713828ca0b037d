//! `freehold-load`: the figures of docs/performance.md, measured.
//!
//! ```text
//! freehold-load changes --callers 256      durable changes over mTLS gRPC
//! freehold-load leases --agents 16         lease events taken in durably
//! freehold-load agents --count 10000       connected agents: memory, and a change to each of them
//! freehold-load imports                    100,000 addresses from a file: plan and apply, and who waits meanwhile
//! freehold-load addresses                  next free addresses, reads, search, utilisation and memory of a large plan
//! freehold-load large                      a plan of ten million addresses: memory, next free, search
//! freehold-load start                      a controller's start with a large state
//! freehold-load apply                      a change until Kea runs it, a lease until the API shows it; needs root
//! ```
//!
//! Each measures real processes: the `freehold-controller` (and `freehold-agent`) beside this program, so build with
//! `--release`. Each prints one line of JSON: the median of three runs for every figure, the runs themselves, and what the
//! disk did by itself right before. The load is made on the same machine and takes its share of the processor; the
//! figures say how much.

mod addresses;
mod agent;
mod agents;
mod apply;
mod changes;
mod disk;
mod figures;
mod fleet;
mod imports;
mod leases;
mod meter;
mod plan;
mod start;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use freehold_lab::Generation;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::{Path, PathBuf};

/// Measures Freehold's programs; prints one line of JSON.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// Where the controllers' folders go: a real disk [default: beside this program].
    #[arg(long, value_name = "DIR", global = true)]
    folder: Option<PathBuf>,
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Durable changes a second over mTLS gRPC.
    Changes {
        /// Callers that each wait for an answer before the next change.
        #[arg(long, default_value_t = 256)]
        callers: usize,
    },
    /// Lease events taken in durably a second.
    Leases {
        /// Agents that send them, each over its own connection.
        #[arg(long, default_value_t = 16)]
        agents: usize,
    },
    /// Memory of connected idle agents, and a change to each of them.
    Agents {
        /// How many.
        #[arg(long, default_value_t = 10_000)]
        count: usize,
    },
    /// An import: planned, applied, applied beside others; and a long plan.
    Imports {
        /// Addresses.
        #[arg(long, default_value_t = 100_000)]
        addresses: usize,
    },
    /// The address plan: next free, reads, search, utilisation, memory.
    Addresses {
        /// Addresses in use in each of two /8s.
        #[arg(long, default_value_t = 1_000_000)]
        used: u32,
    },
    /// A plan of ten million addresses: memory, next free, search. Takes half an hour and some GB of disk.
    Large {
        /// Addresses in use in a /8.
        #[arg(long, default_value_t = 10_000_000)]
        used: u32,
    },
    /// A controller's start.
    Start {
        /// Scopes, each on a network of its own, with five reservations each.
        #[arg(long, default_value_t = 40_000)]
        scopes: usize,
        /// Leases.
        #[arg(long, default_value_t = 1_000_000)]
        leases: u64,
    },
    /// A change until a real Kea runs it, and a lease until the API shows it.
    Apply {
        /// The Kea: 2.2, 2.6 or 3.0.
        #[arg(long, default_value = "2.2")]
        kea: Generation,
        /// Scopes on it, besides the one that is changed.
        #[arg(long, default_value_t = 9)]
        scopes: usize,
        /// Reservations in each of them, 90 at most.
        #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=90))]
        reservations: u8,
    },
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    freehold_certs::tls::install_provider();
    raise_open_files();
    let folder = match arguments.folder {
        Some(folder) => folder,
        None => beside_this_program()?,
    };
    ensure!(!disk::is_memory(&folder)?, "{} is not on a disk; choose another --folder", folder.display());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let line = match arguments.what {
        What::Changes { callers } => runtime.block_on(changes::measure(&folder, callers))?,
        What::Leases { agents } => runtime.block_on(leases::measure(&folder, agents))?,
        What::Agents { count } => runtime.block_on(agents::measure(&folder, count))?,
        What::Imports { addresses } => runtime.block_on(imports::measure(&folder, addresses))?,
        What::Addresses { used } => runtime.block_on(addresses::measure(&folder, used))?,
        What::Large { used } => runtime.block_on(addresses::large::measure(&folder, used))?,
        What::Start { scopes, leases } => runtime.block_on(start::measure(&folder, scopes, leases))?,
        What::Apply { kea, scopes, reservations } => {
            apply::measure(&runtime, kea, apply::Size { scopes, reservations })?
        }
    };
    println!("{line}");
    Ok(())
}

fn beside_this_program() -> Result<PathBuf> {
    let own = std::env::current_exe().context("where am I?")?;
    Ok(own.parent().map(Path::to_owned).unwrap_or_default())
}

/// Every simulated agent's connection is a file; the usual first limit is 1,024.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        eprintln!("the limit of open files stays at {:?}: {error}", limit.current);
    }
}
