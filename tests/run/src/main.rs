//! The two commands of the README: `cargo demo` and `cargo verify`.
//!
//! Both are aliases to this program (`.cargo/config.toml`). It has no dependencies, so that it runs a second after a
//! fresh clone, and it needs nothing but cargo and, for what touches the network, root on Debian: what is missing is
//! installed, after saying what ([`packages`], [`tools`]).
//!
//! `demo` builds the programs and becomes `freehold-demo` ([`mod@demo`]).
//!
//! `verify` walks the table in [`steps`] with the [`runner`]; a new check is a new row there.

mod debian;
mod demo;
mod packages;
mod runner;
mod steps;
mod tools;

use std::process::ExitCode;

use runner::Selection;

const USAGE: &str = "\
usage: cargo verify [-- [--long] [--only STEP]...]
       cargo demo [-- --exit]";

fn main() -> ExitCode {
    // `cargo verify -- --long` and `cargo verify --long` are the same.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--").collect();
    let mut words = arguments.iter().map(String::as_str);
    match words.next() {
        Some("verify") => match selection(words) {
            Ok(selection) => runner::verify(steps::STEPS, &selection),
            Err(wrong) => usage(&wrong),
        },
        Some("demo") => match words.collect::<Vec<_>>()[..] {
            [] => demo::demo(&runner::workspace(), &[]),
            ["--exit"] => demo::demo(&runner::workspace(), &["--exit"]),
            ref other => usage(&format!("unknown arguments {other:?}")),
        },
        Some(other) => usage(&format!("there is no command {other:?}")),
        None => usage("say what to do"),
    }
}

fn selection<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Selection, String> {
    let mut selection = Selection::default();
    while let Some(word) = words.next() {
        match word {
            "--long" => selection.long = true,
            "--only" => {
                let name = words.next().ok_or("--only needs the name of a step")?;
                let step = steps::STEPS.iter().find(|step| step.name == name).ok_or_else(|| {
                    let known: Vec<&str> = steps::STEPS.iter().map(|step| step.name).collect();
                    format!("there is no step {name:?}; the steps are: {}", known.join(", "))
                })?;
                selection.only.insert(step.name);
            }
            other => return Err(format!("unknown argument {other:?}")),
        }
    }
    Ok(selection)
}

fn usage(wrong: &str) -> ExitCode {
    eprintln!("{wrong}\n{USAGE}");
    ExitCode::from(2)
}
