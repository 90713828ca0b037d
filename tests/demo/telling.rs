//! What the demo says, in plain lines, and how long each step took.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use freehold_lab::Controller;
use tokio::sync::watch;

/// How much of an answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    /// All of it.
    All,
    /// The line that begins with this word.
    Line(&'static str),
    /// That it came.
    Nothing,
}

/// The teller.
#[derive(Debug)]
pub(crate) struct Telling {
    interrupted: watch::Receiver<bool>,
    start: Instant,
    step_start: Instant,
    steps: u32,
    heading: String,
}

impl Telling {
    /// Somebody who has said nothing yet.
    pub(crate) fn new(interrupted: watch::Receiver<bool>) -> Self {
        let now = Instant::now();
        Self { interrupted, start: now, step_start: now, steps: 0, heading: String::new() }
    }

    /// Begins a step; none begins after an interruption.
    pub(crate) fn step(&mut self, heading: &str) -> Result<()> {
        ensure!(!self.is_interrupted(), "interrupted");
        self.close();
        self.steps += 1;
        self.heading = format!("{}: {heading}", self.steps);
        self.step_start = Instant::now();
        println!("\n{}. {heading}", self.steps);
        Ok(())
    }

    /// One line.
    pub(crate) fn say(&self, line: &str) {
        println!("   {line}");
    }

    /// Runs `freehold`, showing the command and of its answer this much; it must end well. Hands back how long it took.
    pub(crate) fn freehold(&self, controller: &Controller, arguments: &[&str], show: Show) -> Result<Duration> {
        let shown: Vec<String> = arguments.iter().map(|argument| quoted(argument)).collect();
        println!("   $ freehold {}", shown.join(" "));
        let start = Instant::now();
        let answer = controller.cli(arguments)?.success()?;
        let took = start.elapsed();
        let shown = |line: &&str| match show {
            Show::All => true,
            Show::Line(word) => line.starts_with(word),
            Show::Nothing => false,
        };
        for line in answer.lines().filter(shown) {
            println!("     {}", line.trim_end());
        }
        Ok(took)
    }

    /// Ends the last step.
    pub(crate) fn end(&self) {
        self.close();
        println!("\n   All {} steps held, in {:.1} s.", self.steps, self.start.elapsed().as_secs_f64());
    }

    /// The step that is being told.
    pub(crate) fn current(&self) -> &str {
        &self.heading
    }

    /// How many steps were told.
    pub(crate) fn steps(&self) -> u32 {
        self.steps
    }

    /// Since the beginning.
    pub(crate) fn took(&self) -> Duration {
        self.start.elapsed()
    }

    /// Whether somebody wants it to end.
    pub(crate) fn is_interrupted(&self) -> bool {
        *self.interrupted.borrow()
    }

    fn close(&self) {
        if self.steps > 0 {
            println!("   ({:.1} s)", self.step_start.elapsed().as_secs_f64());
        }
    }
}

/// An argument as a shell takes it.
fn quoted(argument: &str) -> String {
    let plain = argument.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./:,=".contains(&byte));
    if plain { argument.to_owned() } else { format!("'{argument}'") }
}
