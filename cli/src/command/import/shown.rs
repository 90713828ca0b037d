//! What a person sees of an import: counts, then the lines that stand against it, by file, line and column.

use crate::error::Failure;
use crate::output::{Screen, printable, table};
use freehold_proto::v1;
use freehold_proto::v1::import_line::Outcome;
use std::path::PathBuf;

/// Lines of an import that were told.
pub(super) struct Report<'a> {
    pub(super) files: &'a [PathBuf],
    pub(super) lines: &'a [v1::ImportLine],
}

impl Report<'_> {
    /// What would come of an import.
    pub(super) fn plan(&self, plan: &v1::ImportPlan, verbose: bool, screen: &mut Screen<'_>) -> Result<(), Failure> {
        let terminal = screen.is_terminal();
        for (number, format) in plan.formats.iter().enumerate() {
            let format = if format.is_empty() { "not recognised" } else { format };
            writeln!(screen.out, "{}: {format}", self.file(number))?;
        }
        writeln!(screen.out, "{}", counts(plan))?;
        self.refused(screen)?;
        if verbose {
            let rows = self.lines.iter().filter(|line| line.outcome() != Outcome::Refused).map(|line| self.row(line));
            let columns = ["LINE", "WHAT", "RESOURCE", "COLUMNS"];
            screen.out.write_all(table::list(&columns, rows, terminal).as_bytes())?;
        }
        for remark in &plan.remarks {
            let place = self.place(remark.file as usize, remark.line, 0);
            let times = if remark.count == 1 { String::new() } else { format!(" ({} lines)", remark.count) };
            writeln!(screen.out, "{place}: note: {}{times}", printable(&remark.message))?;
        }
        Ok(())
    }

    /// What was done, or why nothing was.
    pub(super) fn result(&self, result: Option<&v1::ImportResult>, screen: &mut Screen<'_>) -> Result<(), Failure> {
        self.refused(screen)?;
        if let Some(v1::ImportResult { revision, created, changed }) = result {
            match created + changed {
                0 => writeln!(screen.out, "nothing to import: all is so already")?,
                _ => writeln!(screen.out, "imported at revision {revision}: created {created}, changed {changed}")?,
            }
        }
        Ok(())
    }

    fn refused(&self, screen: &mut Screen<'_>) -> Result<(), Failure> {
        for line in self.lines.iter().filter(|line| line.outcome() == Outcome::Refused) {
            let place = self.place(line.file as usize, line.line, line.column);
            let column = if line.column_name.is_empty() { String::new() } else { format!("{}: ", line.column_name) };
            writeln!(screen.out, "{place}: {}{} [{}]", printable(&column), printable(&line.message), line.reason)?;
        }
        Ok(())
    }

    fn row(&self, line: &v1::ImportLine) -> Vec<String> {
        let what = match line.outcome() {
            Outcome::Created => "created",
            Outcome::Changed => "changed",
            Outcome::LeftOut => "left out",
            Outcome::Refused | Outcome::Unspecified => "",
        };
        let columns = if line.message.is_empty() { line.columns.join(", ") } else { line.message.clone() };
        let place = self.place(line.file as usize, line.line, 0);
        vec![place, what.to_owned(), line.resource.clone(), columns]
    }

    fn file(&self, number: usize) -> String {
        let name = self.files.get(number).and_then(|path| path.file_name());
        printable(&name.unwrap_or_default().to_string_lossy())
    }

    /// `plan.csv:17:3`, as compilers write it; without a column where the whole line is meant.
    fn place(&self, file: usize, line: u64, column: u32) -> String {
        let column = if column == 0 { String::new() } else { format!(":{column}") };
        format!("{}:{line}{column}", self.file(file))
    }
}

fn counts(plan: &v1::ImportPlan) -> String {
    let v1::ImportPlan { created, changed, unchanged, left_out, refused, .. } = plan;
    format!("created {created}, changed {changed}, unchanged {unchanged}, left out {left_out}, refused {refused}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Environment;
    use crate::output::Format;

    #[test]
    fn a_plan_is_counts_then_what_stands_against_it_then_its_lines() {
        let files = [PathBuf::from("/tmp/plan.csv"), PathBuf::from("ip\u{1b}.csv")];
        let refused = v1::ImportLine {
            line: 17,
            outcome: Outcome::Refused.into(),
            column: 3,
            column_name: "hardware_address".into(),
            reason: "INVALID_HARDWARE_ADDRESS".into(),
            message: "\"zz\" is no hardware address".into(),
            ..Default::default()
        };
        let whole = v1::ImportLine {
            file: 1,
            line: 2,
            outcome: Outcome::Refused.into(),
            reason: "MALFORMED_FILE".into(),
            message: "cut short".into(),
            ..Default::default()
        };
        let changed = v1::ImportLine {
            line: 4,
            outcome: Outcome::Changed.into(),
            resource: "spaces/default/prefixes/10.0.0.0-8".into(),
            columns: vec!["title".into(), "tags".into()],
            ..Default::default()
        };
        let lines = [changed, refused, whole];
        let remarks = vec![v1::ImportRemark { file: 0, line: 2, count: 3, message: "tags are left out".into() }];
        let plan = v1::ImportPlan {
            formats: vec!["freehold-addresses".into(), String::new()],
            changed: 1,
            refused: 2,
            remarks,
            ..Default::default()
        };
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut screen = Screen::new(Format::Table, &Environment::default(), &mut out, &mut err);
        Report { files: &files, lines: &lines }.plan(&plan, true, &mut screen).expect("shown");
        assert_eq!(
            String::from_utf8(out).expect("UTF-8"),
            "plan.csv: freehold-addresses\n\
             ip\\u{1b}.csv: not recognised\n\
             created 0, changed 1, unchanged 0, left out 0, refused 2\n\
             plan.csv:17:3: hardware_address: \"zz\" is no hardware address [INVALID_HARDWARE_ADDRESS]\n\
             ip\\u{1b}.csv:2: cut short [MALFORMED_FILE]\n\
             LINE        WHAT     RESOURCE                            COLUMNS\n\
             plan.csv:4  changed  spaces/default/prefixes/10.0.0.0-8  title, tags\n\
             plan.csv:2: note: tags are left out (3 lines)\n"
        );
    }
}
