//! Runs the steps, one after the other, and says at the end what passed, what failed, and what was skipped and why.
//!
//! A failed step does not stop the others, unless it is the build that they need. A single test that cannot run appends
//! its reason to the file named by [`SKIPS`]; each counts as skipped.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use crate::packages::{self, Unavailable};
use crate::steps::{Build, Step};

/// The environment variable with the file to which tests append a line for each thing they skipped.
const SKIPS: &str = "FREEHOLD_SKIPS";

/// Which steps to run.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// Run the long tiers too.
    pub(crate) long: bool,
    /// Only these steps; all when empty.
    pub(crate) only: BTreeSet<&'static str>,
}

impl Selection {
    fn has(&self, step: &Step) -> bool {
        self.only.is_empty() || self.only.contains(step.name)
    }

    fn commands(&self, step: &Step) -> &'static [&'static [&'static str]] {
        if self.long && !step.long.is_empty() { step.long } else { step.commands }
    }
}

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

/// A step that is over.
#[derive(Debug)]
struct Finished {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
    /// Why single tests in it did not run.
    skips: Vec<String>,
}

/// Runs the selected steps; success only if none failed.
pub(crate) fn verify(steps: &[Step], selection: &Selection) -> ExitCode {
    let root = workspace();
    let mut finished: Vec<Finished> = Vec::new();
    let mut build_is_broken = false;
    for step in steps.iter().filter(|step| selection.has(step)) {
        println!("\n=== {}: {}", step.name, step.shows);
        let start = Instant::now();
        let (outcome, skips) = if build_is_broken && step.build == Build::Needs {
            (Outcome::Skipped("the build is broken".into()), Vec::new())
        } else {
            attempt(step, selection.commands(step), &root)
        };
        build_is_broken |= step.build == Build::Makes && matches!(outcome, Outcome::Failed(_));
        let one = Finished { name: step.name, outcome, took: start.elapsed(), skips };
        println!("--- {}", line(&one));
        finished.push(one);
    }
    summary(&finished)
}

fn attempt(step: &Step, commands: &[&[&str]], root: &Path) -> (Outcome, Vec<String>) {
    if commands.is_empty() {
        return (Outcome::Skipped("a long tier: cargo verify -- --long".into()), Vec::new());
    }
    match packages::provide(step.packages) {
        Ok(()) => {}
        Err(Unavailable::NotHere(why)) => return (Outcome::Skipped(why), Vec::new()),
        Err(Unavailable::Failed(why)) => return (Outcome::Failed(why), Vec::new()),
    }
    for tool in step.tools {
        if let Err(error) = tool.provide(root) {
            return (Outcome::Failed(error.to_string()), Vec::new());
        }
    }
    let skips = root.join("target/verify-skips");
    let outcome = match run_all(commands, root, &skips) {
        Ok(()) => Outcome::Passed,
        Err(error) => Outcome::Failed(error.to_string()),
    };
    match fs::read_to_string(&skips) {
        Ok(reasons) => (outcome, reasons.lines().map(str::to_owned).collect()),
        Err(error) => (Outcome::Failed(format!("{} cannot be read: {error}", skips.display())), Vec::new()),
    }
}

fn run_all(commands: &[&[&str]], root: &Path, skips: &Path) -> io::Result<()> {
    fs::create_dir_all(skips.parent().expect("it was joined to the root"))?;
    fs::write(skips, "")?;
    for command in commands {
        println!("$ {}", command.join(" "));
        let (program, arguments) = command.split_first().expect("a row of the table is never empty");
        let status = Command::new(program)
            .args(arguments)
            .current_dir(root)
            .env(SKIPS, skips)
            .status()
            .map_err(|error| io::Error::new(error.kind(), format!("{program} did not start: {error}")))?;
        if !status.success() {
            return Err(io::Error::other(format!("`{}` ended with {status}", command.join(" "))));
        }
    }
    Ok(())
}

fn summary(finished: &[Finished]) -> ExitCode {
    println!("\n=== summary");
    for step in finished {
        println!("{}", line(step));
    }
    let skipped = skipped(finished);
    if !skipped.is_empty() {
        println!("\nSKIPPED");
        for (step, why) in &skipped {
            println!("  {step}: {why}");
        }
    }
    let passed = finished.iter().filter(|step| step.outcome == Outcome::Passed).count();
    let failed = finished.iter().filter(|step| matches!(step.outcome, Outcome::Failed(_))).count();
    println!("\n{passed} passed, {failed} failed, {} skipped", skipped.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whole steps and single tests that did not run, each with its reason.
fn skipped(finished: &[Finished]) -> Vec<(&'static str, &str)> {
    let mut all = Vec::new();
    for step in finished {
        if let Outcome::Skipped(why) = &step.outcome {
            all.push((step.name, why.as_str()));
        }
        all.extend(step.skips.iter().map(|why| (step.name, why.as_str())));
    }
    all
}

fn line(step: &Finished) -> String {
    let verdict = match &step.outcome {
        Outcome::Passed => "passed".to_owned(),
        Outcome::Failed(why) => format!("FAILED  {why}"),
        Outcome::Skipped(why) => format!("SKIPPED {why}"),
    };
    format!("{:<12} {:>6.1} s  {verdict}", step.name, step.took.as_secs_f64())
}

/// The workspace's root: two folders above this package.
pub(crate) fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("the package lies in tests/run").to_owned()
}
