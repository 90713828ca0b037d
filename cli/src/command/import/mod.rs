//! `freehold import`: files into the plan; what would come of them first, then all of it or nothing.
//!
//! The files are read twice, once for the plan and once to apply it, and the controller is told which plan was shown: what
//! changed meanwhile, there or in the files, is never applied unseen. With `--yes` they are read once.

mod send;
mod shown;

use crate::Environment;
use crate::connect::Api;
use crate::error::Failure;
use crate::names;
use crate::output::{Format, Screen, json};
use clap::{Args, ValueEnum};
use freehold_core::name::SpaceName;
use freehold_proto::v1;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use send::{Sent, apply, plan};
use shown::Report;
use std::io;
use std::path::PathBuf;

/// Bring prefixes, addresses, ranges, reservations and scopes in from CSV files
///
/// Takes Freehold's own tables and exports of NetBox, phpIPAM and Windows Server IPAM. Several files are one import: first the prefixes,
/// then what lies in them. All of it becomes one change, or nothing does; a line about what is there changes it, no line deletes anything.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The files, in the order in which they build on each other
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What wrote them; found out by the header if not given
    #[arg(long, value_enum)]
    format: Option<Source>,
    /// The space of lines that name none
    #[arg(long, value_parser = names::space)]
    space: Option<SpaceName>,
    /// Make spaces and custom fields that lines name where they are missing
    #[arg(long)]
    create_missing: bool,
    /// Only say what would come of it; change nothing
    #[arg(long, visible_alias = "validate-only")]
    dry_run: bool,
    /// Do not ask
    #[arg(long, short, conflicts_with = "dry_run")]
    yes: bool,
    /// Show every line that creates or changes something
    #[arg(long, short, conflicts_with = "yes")]
    verbose: bool,
}

/// What wrote a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Source {
    /// Freehold
    Csv,
    /// NetBox
    Netbox,
    /// phpIPAM
    Phpipam,
    /// IPAM of Windows Server
    WindowsIpam,
}

impl Import {
    /// What a file that follows is.
    fn file(&self) -> v1::ImportFile {
        let format = match self.format {
            None => v1::ImportFormat::Unspecified,
            Some(Source::Csv) => v1::ImportFormat::Csv,
            Some(Source::Netbox) => v1::ImportFormat::Netbox,
            Some(Source::Phpipam) => v1::ImportFormat::Phpipam,
            Some(Source::WindowsIpam) => v1::ImportFormat::WindowsIpam,
        };
        let space = self.space.as_ref().map(ToString::to_string).unwrap_or_default();
        v1::ImportFile { format: format.into(), space }
    }

    fn plan_settings(&self) -> v1::plan_import_request::Settings {
        v1::plan_import_request::Settings { create_missing: self.create_missing, tell_changes: self.verbose }
    }

    fn apply_settings(&self, digest: String, request_id: String) -> v1::apply_import_request::Settings {
        v1::apply_import_request::Settings { create_missing: self.create_missing, digest, request_id }
    }
}

pub(crate) async fn run(
    mut import: Import,
    api: &Api,
    environment: &Environment,
    screen: &mut Screen<'_>,
) -> Result<(), Failure> {
    for file in &mut import.files {
        *file = environment.folder.join(&*file);
    }
    if import.yes {
        return applied(&import, api, screen, String::new()).await;
    }
    if !import.dry_run && !environment.stdin_is_terminal {
        let message = "nobody is there to be asked: say --yes to import, or --dry-run to see what would come of it";
        return Err(Failure::Usage(message.to_owned()));
    }
    let bar = bar(screen.progress);
    let Sent { lines, end } = plan(&import, api, &bar).await?;
    bar.finish_and_clear();
    let report = Report { files: &import.files, lines: &lines };
    match screen.format {
        Format::Table => report.plan(&end, import.verbose, screen)?,
        Format::Json => {
            let answer = v1::PlanImportResponse { progress: None, lines: lines.clone(), plan: Some(end.clone()) };
            screen
                .out
                .write_all(json::pretty(&json::message("freehold.v1.PlanImportResponse", &answer)?).as_bytes())?;
        }
    }
    if end.refused > 0 {
        return Err(Failure::NotImported { refused: end.refused });
    }
    if end.created + end.changed == 0 {
        return screen.note("there is nothing to import: all is so already");
    }
    if import.dry_run {
        return screen.note("this is what would come of it; nothing was changed");
    }
    if !agreed(end.created + end.changed, screen)? {
        return screen.note("nothing was changed");
    }
    applied(&import, api, screen, end.digest).await
}

/// Applies the plan with this digest, or any.
async fn applied(import: &Import, api: &Api, screen: &mut Screen<'_>, digest: String) -> Result<(), Failure> {
    let bar = bar(screen.progress);
    let done = apply(import, api, &bar, &import.apply_settings(digest, api.request_id())).await;
    bar.finish_and_clear();
    let (lines, result) = match done {
        Ok(Sent { lines, end }) => (lines, Ok(end)),
        Err((lines, failure)) => (lines, Err(failure)),
    };
    let report = Report { files: &import.files, lines: &lines };
    match screen.format {
        Format::Table => report.result(result.as_ref().ok(), screen)?,
        Format::Json => {
            let result = result.as_ref().ok().copied();
            let answer = v1::ApplyImportResponse { progress: None, lines: lines.clone(), result };
            screen
                .out
                .write_all(json::pretty(&json::message("freehold.v1.ApplyImportResponse", &answer)?).as_bytes())?;
        }
    }
    result.map(drop)
}

/// Whether the person at the terminal wants it.
fn agreed(count: u64, screen: &mut Screen<'_>) -> Result<bool, Failure> {
    write!(screen.err, "Import {count} lines as one change? [y/N] ")?;
    screen.err.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn bar(shown: bool) -> ProgressBar {
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {msg}").expect("a template of ours");
    ProgressBar::with_draw_target(Some(0), target).with_style(style)
}

#[cfg(test)]
mod tests {
    use super::super::{Command as Noun, testing};
    use super::*;

    fn import(line: &str) -> Import {
        let Noun::Import(import) = testing::parse(line) else { panic!("another command") };
        import
    }

    #[test]
    fn files_are_what_their_header_says_unless_it_is_said() {
        let plain = import("import a.csv b.csv");
        assert_eq!(plain.files, [PathBuf::from("a.csv"), PathBuf::from("b.csv")]);
        assert_eq!(plain.file(), v1::ImportFile::default());
        assert_eq!(plain.plan_settings(), v1::plan_import_request::Settings::default());
        let netbox = import("import --format netbox --space lab --create-missing --verbose a.csv");
        let file = v1::ImportFile { format: v1::ImportFormat::Netbox.into(), space: "spaces/lab".into() };
        assert_eq!(netbox.file(), file);
        let settings = v1::plan_import_request::Settings { create_missing: true, tell_changes: true };
        assert_eq!(netbox.plan_settings(), settings);
        for format in ["csv", "phpipam", "windows-ipam"] {
            assert_ne!(import(&format!("import --format {format} a.csv")).file(), v1::ImportFile::default());
        }
    }

    #[test]
    fn an_apply_insists_on_the_plan_that_was_shown_and_happens_once() {
        let import = import("import a.csv --yes");
        let settings = import.apply_settings("d".into(), "once".into());
        assert_eq!((settings.digest.as_str(), settings.request_id.as_str()), ("d", "once"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert!(testing::refused("import").contains("required"));
        assert!(testing::refused("import a.csv --yes --dry-run").contains("cannot be used with"));
        assert!(testing::refused("import a.csv --format xls").contains("invalid value"));
    }
}
