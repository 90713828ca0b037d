//! What people and programs see: tables on standard output, or the same resources as canonical protobuf JSON.
//!
//! Standard output has the answer and nothing else. Notes and progress go to standard error, and only to a terminal.

pub mod json;
pub mod table;

use crate::Environment;
use crate::error::Failure;
use freehold_proto::v1::SyncStatus;
use freehold_proto::v1::sync_status::State;
use prost_types::Timestamp;
use std::io::Write;

/// How answers are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// Canonical protobuf JSON: an object, an array for lists, an object a line for watches.
    Json,
}

/// A message that can be shown.
pub trait Shown: prost::Message {
    /// Its full protobuf name.
    const MESSAGE: &'static str;
    /// Headings of a list.
    const COLUMNS: &'static [&'static str];
    /// It as a row under these.
    fn row(&self) -> Vec<String>;
    /// All of it, for one alone; lines without a value are left out.
    fn details(&self) -> Vec<(&'static str, String)>;
}

/// Where answers go.
pub struct Screen<'a> {
    /// How answers are shown.
    pub format: Format,
    /// Whether progress is shown on standard error.
    pub progress: bool,
    terminal: bool,
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard error.
    pub err: &'a mut dyn Write,
}

impl std::fmt::Debug for Screen<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Screen({:?})", self.format)
    }
}

impl<'a> Screen<'a> {
    /// A screen over these two streams.
    pub fn new(format: Format, environment: &Environment, out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self { format, progress: environment.stderr_is_terminal, terminal: environment.stdout_is_terminal, out, err }
    }

    /// The same, for an answer that goes elsewhere, and of which nothing is noted.
    pub(crate) fn onto<'b>(&'b mut self, out: &'b mut dyn Write) -> Screen<'b> {
        Screen { format: self.format, progress: false, terminal: false, out, err: &mut *self.err }
    }

    /// Whether a person looks at standard output.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Shows one thing.
    pub fn one<T: Shown>(&mut self, item: &T) -> Result<(), Failure> {
        let text = match self.format {
            Format::Table => table::details(&item.details(), self.terminal),
            Format::Json => json::pretty(&json::value(item)?),
        };
        Ok(self.out.write_all(text.as_bytes())?)
    }

    /// Shows what a change made, or would make.
    pub fn changed<T: Shown>(&mut self, item: &T, validate_only: bool) -> Result<(), Failure> {
        self.one(item)?;
        if validate_only { self.note("this is what would come of it; nothing was changed") } else { Ok(()) }
    }

    /// Shows a list.
    pub fn list<T: Shown>(&mut self, items: &[T]) -> Result<(), Failure> {
        let text = match self.format {
            Format::Table => table::list(T::COLUMNS, items.iter().map(Shown::row), self.terminal),
            Format::Json => json::pretty(&items.iter().map(json::value).collect::<Result<Vec<_>, _>>()?.into()),
        };
        Ok(self.out.write_all(text.as_bytes())?)
    }

    /// Shows one more of something that goes on, at once: `lines` for people, `item` for programs.
    pub fn next<T: Shown>(&mut self, item: &T, lines: &[String]) -> Result<(), Failure> {
        match self.format {
            Format::Table => {
                for line in lines {
                    writeln!(self.out, "{}", printable(line))?;
                }
            }
            Format::Json => writeln!(self.out, "{}", json::value(item)?)?,
        }
        Ok(self.out.flush()?)
    }

    /// Says that something is gone, or would be.
    pub fn deleted(&mut self, name: &str, validate_only: bool) -> Result<(), Failure> {
        match (self.format, validate_only) {
            (Format::Json, _) => writeln!(self.out, "{{}}")?,
            (Format::Table, true) => writeln!(self.out, "{name} can be deleted; nothing was changed")?,
            (Format::Table, false) => writeln!(self.out, "deleted {name}")?,
        }
        Ok(())
    }

    /// Tells a person something beside the answer.
    pub fn note(&mut self, text: &str) -> Result<(), Failure> {
        if self.progress {
            writeln!(self.err, "{}", printable(text))?;
        }
        Ok(())
    }
}

/// Text that a server or a DHCP client chose, made harmless for a terminal.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let shown: Box<dyn Iterator<Item = char>> =
                if c.is_control() { Box::new(c.escape_default()) } else { Box::new(std::iter::once(c)) };
            shown
        })
        .collect()
}

/// A point in time, to the second; empty if there is none.
pub fn time(at: Option<&Timestamp>) -> String {
    at.map(|at| Timestamp { nanos: 0, ..*at }.to_string().replace('T', " ")).unwrap_or_default()
}

/// An enum's name without its prefix, as people read it: `STATE_NOT_SERVED` → `not served`; empty if not said.
pub fn word(name: &str, prefix: &str) -> String {
    match name.strip_prefix(prefix).unwrap_or(name) {
        "UNSPECIFIED" => String::new(),
        rest => rest.to_lowercase().replace('_', " "),
    }
}

/// `yes` or `no`.
pub fn yes(flag: bool) -> String {
    if flag { "yes" } else { "no" }.to_owned()
}

/// How far a resource has come on one server.
pub fn state(on: &SyncStatus) -> String {
    let word = word(on.state().as_str_name(), "STATE_");
    match on.state() {
        State::Applied if on.took_ms > 0 => format!("{word} in {} ms", on.took_ms),
        State::Applied => word,
        _ if !on.error.is_empty() => format!("{word}: {}", on.error),
        _ => word,
    }
}

/// How far a resource has come, in a word for a list: what is worst on any server.
pub fn worst(sync: &[SyncStatus]) -> String {
    let rank = |on: &&SyncStatus| match on.state() {
        State::Rejected => 6,
        State::Disconnected => 5,
        State::Unmanaged => 4,
        State::Pending => 3,
        State::Applied => 2,
        State::NotServed => 1,
        State::Unspecified => 0,
    };
    sync.iter().max_by_key(rank).map(|on| word(on.state().as_str_name(), "STATE_")).unwrap_or_default()
}

/// How far a resource has come, a line a server.
pub fn sync_lines(sync: &[SyncStatus]) -> String {
    let line = |on: &SyncStatus| {
        format!(
            "{} {} (wanted revision {}, runs {})",
            crate::names::short(&on.server),
            state(on),
            on.desired_revision,
            on.applied_revision
        )
    };
    sync.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(printable("a\u{1b}[31mb\nc\u{9b}ü"), "a\\u{1b}[31mb\\nc\\u{9b}ü");
    }

    #[test]
    fn enums_and_times_read_like_words() {
        assert_eq!(word("STATE_NOT_SERVED", "STATE_"), "not served");
        assert_eq!(word("STATE_UNSPECIFIED", "STATE_"), "");
        assert_eq!(time(Some(&Timestamp { seconds: 1_763_705_883, nanos: 123_000_000 })), "2025-11-21 06:18:03Z");
        assert_eq!(time(None), "");
    }

    #[test]
    fn a_list_shows_the_worst_of_all_servers() {
        let on = |state: State| SyncStatus { state: state.into(), ..SyncStatus::default() };
        assert_eq!(worst(&[on(State::Applied), on(State::Rejected), on(State::Pending)]), "rejected");
        assert_eq!(worst(&[on(State::Applied), on(State::Disconnected)]), "disconnected");
        assert_eq!(worst(&[]), "");
    }
}
