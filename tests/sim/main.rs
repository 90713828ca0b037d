//! `freehold-sim`: the seeded simulation of controllers, agents and servers (T2).
//!
//! The machines of the controller and of the agent, core's rules and the wire's conversions are the real ones. Lines,
//! disks, clocks, servers and people are simulated, on virtual time, out of one seed: the same seed is the same run,
//! event for event. The [`oracle`] watches from outside, and says which invariant broke when.
//!
//! With `--bug` one promise is broken on purpose (T7); the test below demands that each is noticed.
//!
//! - [`world`]: time, lines, events; [`faults`]: what goes wrong; [`oracle`]: what must hold
//! - [`host`], [`kea`]: agents with their servers; [`controller`], [`engine`]: the controller around its machines

mod bug;
mod controller;
mod engine;
mod faults;
mod host;
mod kea;
mod oracle;
mod rng;
mod world;

use bug::Bug;
use std::process::ExitCode;
use world::{Options, World};

const USAGE: &str = "usage: freehold-sim [--seeds N] [--from S] [--steps K] [--bug NAME] [--trace]";

struct Arguments {
    seeds: u64,
    from: u64,
    steps: u64,
    bug: Option<Bug>,
    trace: bool,
}

fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let Arguments { seeds, from, steps, bug, trace } = arguments;
    let (mut violations, mut events) = (0u64, 0u64);
    for seed in from..from.saturating_add(seeds) {
        match World::run(Options { seed, steps, bug }, trace) {
            Ok(handled) => events += handled,
            Err(violation) => {
                violations += 1;
                println!("seed {seed}: {violation}");
                println!("  again: freehold-sim --from {seed} --seeds 1 --steps {steps} --trace");
            }
        }
    }
    println!("{seeds} seeds of {steps} steps, {events} events, {violations} violations");
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments { seeds: 200, from: 0, steps: 60, bug: None, trace: false };
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().ok_or(format!("{word} needs a number"))?;
            value.parse::<u64>().map_err(|_| format!("{value:?} is not a number"))
        };
        match word.as_str() {
            "--seeds" => arguments.seeds = number()?,
            "--from" => arguments.from = number()?,
            "--steps" => arguments.steps = number()?,
            "--trace" => arguments.trace = true,
            "--bug" => {
                let name = words.next().unwrap_or_default();
                let known = Bug::ALL.iter().find(|bug| format!("{bug:?}") == name);
                arguments.bug = Some(*known.ok_or(format!("no bug is called {name:?}; there are {:?}", Bug::ALL))?);
            }
            other => return Err(format!("{other:?} is not an option")),
        }
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEDS: u64 = 200;
    const STEPS: u64 = 60;

    #[test]
    fn no_seed_breaks_an_invariant() {
        for seed in 0..SEEDS {
            if let Err(violation) = World::run(Options { seed, steps: STEPS, bug: None }, false) {
                panic!("seed {seed}: {violation}");
            }
        }
    }

    #[test]
    fn every_planted_bug_is_noticed() {
        let noticed = |bug: Bug| {
            (0..SEEDS).any(|seed| World::run(Options { seed, steps: STEPS, bug: Some(bug) }, false).is_err())
        };
        let missed: Vec<_> = Bug::ALL.iter().copied().filter(|bug| !noticed(*bug)).collect();
        assert!(missed.is_empty(), "not noticed within {SEEDS} seeds: {missed:?}");
    }

    #[test]
    fn a_seed_is_a_run() {
        let run = || World::run(Options { seed: 3, steps: STEPS, bug: None }, false);
        assert_eq!(run(), run());
    }
}
