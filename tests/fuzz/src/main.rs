//! `freehold-fuzz`: looks for inputs that break what reads text from outside.

use freehold_fuzz::supervisor::{Verdict, supervise};
use freehold_fuzz::targets::{TARGETS, Target};
use freehold_fuzz::worker::work;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const USAGE: &str = "\
usage: freehold-fuzz [TARGET]... [--seconds N] [--seed S]   every target if none is named, 10 s each, a seed of its own
       freehold-fuzz replay TARGET FILE                     one input again";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["work", target, seconds, seed, log] => tries(target, seconds, seed, log),
        ["replay", target, file] => replays(target, file),
        _ => fuzzes(&words),
    };
    match done {
        Ok(Verdict::Passed) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn fuzzes(words: &[&str]) -> io::Result<Verdict> {
    let mut targets: Vec<&Target> = Vec::new();
    let mut seconds = 10;
    let mut seed = None;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--seconds" => seconds = number(words.next().copied().unwrap_or_default())?,
            "--seed" => seed = Some(number(words.next().copied().unwrap_or_default())?),
            name => targets.push(target(name)?),
        }
    }
    if targets.is_empty() {
        targets.extend(TARGETS);
    }
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = seed.unwrap_or(clock.as_secs());
    let program = std::env::current_exe()?;
    let mut verdict = Verdict::Passed;
    for target in targets {
        if supervise(&program, target, Duration::from_secs(seconds), seed)? == Verdict::Failed {
            verdict = Verdict::Failed;
        }
    }
    Ok(verdict)
}

fn tries(name: &str, seconds: &str, seed: &str, log: &str) -> io::Result<Verdict> {
    work(target(name)?, Duration::from_secs(number(seconds)?), number(seed)?, Path::new(log))?;
    Ok(Verdict::Passed)
}

fn replays(name: &str, file: &str) -> io::Result<Verdict> {
    (target(name)?.check)(&std::fs::read(file)?);
    println!("{name}: no fault");
    Ok(Verdict::Passed)
}

fn target(name: &str) -> io::Result<&'static Target> {
    let known: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    let wrong = || io::Error::other(format!("there is no target {name:?}: {}\n{USAGE}", known.join(", ")));
    TARGETS.iter().find(|target| target.name == name).ok_or_else(wrong)
}

fn number(text: &str) -> io::Result<u64> {
    text.parse().map_err(|_| io::Error::other(format!("{text:?} is not a number\n{USAGE}")))
}
