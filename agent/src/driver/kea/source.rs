//! Kea's configuration file as people write it: JSON with comments and includes.
//!
//! Kea takes `//`, `#` and `/* */` comments, `<?include "file"?>` anywhere between tokens, and (since 2.3) a comma before a
//! closing bracket (`src/bin/dhcp4/dhcp4_lexer.ll`). This reads such a text into a plain value. It is only used to find a server;
//! what a server runs is always asked of the server itself.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Kea's own limit on includes within includes (`MAX_INCLUDE_DEPTH`).
const INCLUDE_DEPTH_MAX: usize = 10;

/// Why a configuration file cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("cannot read Kea's configuration file {file}")]
    Read { file: PathBuf, source: io::Error },
    #[error("Kea's configuration file {file} is not JSON, comments and includes aside")]
    Syntax { file: PathBuf, source: serde_json::Error },
    #[error("Kea's configuration file {file}, line {line}: {what}")]
    Include { file: PathBuf, line: usize, what: String },
}

/// A configuration file that was understood.
#[derive(Debug, PartialEq)]
pub struct Source {
    pub config: Value,
    /// The files that it includes, in order. A file written from the running configuration does not include them any more.
    pub includes: Vec<PathBuf>,
}

/// Reads the file at `path`, and with `read` every file that it includes.
pub fn parse(path: &Path, read: &dyn Fn(&Path) -> io::Result<String>) -> Result<Source, SourceError> {
    let mut includes = Vec::new();
    let text = expanded(path, read, 0, &mut includes)?;
    let config = serde_json::from_str(&without_trailing_commas(&text))
        .map_err(|source| SourceError::Syntax { file: path.to_owned(), source })?;
    Ok(Source { config, includes })
}

/// The text of a file without comments (blanks in their place, so that positions stay) and with its includes in place.
fn expanded(
    path: &Path,
    read: &dyn Fn(&Path) -> io::Result<String>,
    depth: usize,
    includes: &mut Vec<PathBuf>,
) -> Result<String, SourceError> {
    let text = read(path).map_err(|source| SourceError::Read { file: path.to_owned(), source })?;
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let token = match first {
            '"' => string(rest),
            '#' => line(rest),
            '/' if rest.starts_with("//") => line(rest),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest, |end| &rest[..end + 2]),
            '<' if rest.starts_with("<?") => rest.find("?>").map_or(rest, |end| &rest[..end + 2]),
            _ => &rest[..first.len_utf8()],
        };
        match first {
            '<' if token.len() > 1 => {
                let wrong = |what: String| SourceError::Include {
                    file: path.to_owned(),
                    line: text[..text.len() - rest.len()].lines().count().max(1),
                    what,
                };
                let name =
                    included(token).ok_or_else(|| wrong(format!("{token} is not of the form <?include \"file\"?>")))?;
                if depth == INCLUDE_DEPTH_MAX {
                    return Err(wrong(format!("more than {INCLUDE_DEPTH_MAX} includes within one another")));
                }
                // Kea resolves a relative name in its working directory, which is not known here: the folder of the file is the likely one.
                let target = path.parent().unwrap_or(Path::new("/")).join(name);
                includes.push(target.clone());
                out.push_str(&expanded(&target, read, depth + 1, includes)?);
            }
            '#' | '/' if token.len() > 1 || first == '#' => {
                out.extend(token.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            }
            _ => out.push_str(token),
        }
        rest = &rest[token.len()..];
    }
    Ok(out)
}

/// A string token with its quotes; to the end of the text if it is not closed.
fn string(rest: &str) -> &str {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let closes = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        closes
    });
    end.map_or(rest, |(at, _)| &rest[..=at])
}

fn line(rest: &str) -> &str {
    rest.find('\n').map_or(rest, |end| &rest[..end])
}

fn included(token: &str) -> Option<&str> {
    let inner = token.strip_prefix("<?")?.strip_suffix("?>")?.trim();
    inner.strip_prefix("include")?.trim().strip_prefix('"')?.strip_suffix('"')
}

/// Takes out each comma that has nothing but blanks between it and a closing bracket.
fn without_trailing_commas(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let token = if first == '"' { string(rest) } else { &rest[..first.len_utf8()] };
        rest = &rest[token.len()..];
        let trailing = first == ',' && rest.trim_start().starts_with([']', '}']);
        out.push_str(if trailing { " " } else { token });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn check(files: &[(&str, &str)]) -> Result<Source, String> {
        let files: BTreeMap<&Path, &str> = files.iter().map(|(path, text)| (Path::new(*path), *text)).collect();
        let read =
            |path: &Path| files.get(path).map(|text| (*text).to_owned()).ok_or_else(|| io::ErrorKind::NotFound.into());
        parse(Path::new("/etc/kea/kea-dhcp4.conf"), &read).map_err(|error| error.to_string())
    }

    #[test]
    fn comments_of_all_three_kinds_and_what_only_looks_like_one() {
        let text = "// head\n{ # it\n\"Dhcp4\": { /* \"x\": 1,\n */ \"a\": \"http://x # /* \\\" // */\", \"b\": [1, 2, ], // end\n } }";
        let source = check(&[("/etc/kea/kea-dhcp4.conf", text)]).unwrap();
        assert_eq!(
            source,
            Source { config: json!({"Dhcp4": {"a": "http://x # /* \" // */", "b": [1, 2]}}), includes: vec![] }
        );
    }

    #[test]
    fn includes_are_put_in_place_and_named() {
        let source = check(&[
            (
                "/etc/kea/kea-dhcp4.conf",
                r#"{"Dhcp4": {"subnet4": <?include "subnets.json"?>, "x": "<?include \"no\"?>"}}"#,
            ),
            ("/etc/kea/subnets.json", r#"[ <?include "/srv/one.json"?> # and more"#.to_owned().leak()),
            ("/srv/one.json", r#"{"id": 1}] // closed here"#),
        ])
        .unwrap();
        assert_eq!(source.config, json!({"Dhcp4": {"subnet4": [{"id": 1}], "x": "<?include \"no\"?>"}}));
        assert_eq!(source.includes, [PathBuf::from("/etc/kea/subnets.json"), PathBuf::from("/srv/one.json")]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_file() {
        let conf = "/etc/kea/kea-dhcp4.conf";
        assert_eq!(check(&[]), Err(format!("cannot read Kea's configuration file {conf}")));
        assert_eq!(
            check(&[(conf, "{")]),
            Err(format!("Kea's configuration file {conf} is not JSON, comments and includes aside"))
        );
        assert_eq!(
            check(&[(conf, "{\n <?exec \"x\"?> }")]),
            Err(format!(
                "Kea's configuration file {conf}, line 2: <?exec \"x\"?> is not of the form <?include \"file\"?>"
            ))
        );
        assert_eq!(
            check(&[(conf, "<?include \"kea-dhcp4.conf\"?>")]),
            Err(format!("Kea's configuration file {conf}, line 1: more than 10 includes within one another"))
        );
        assert_eq!(check(&[(conf, "{} /* open")]).unwrap().config, json!({}));
    }
}
