//! Rules of the house that a program can check: who may import whom, who alone may do what, and how long a file may get.
//!
//! They are looked for in the text of the programs, without comments and without test code: `tests` folders, and modules under
//! `#[cfg(test)]`, in place or in files of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which of our packages a package may use. `tests` may use all, and its runner has no dependencies.
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("core/journal", &["freehold-core"]),
    ("proto", &["freehold-core"]),
    ("certs", &["freehold-core", "freehold-proto"]),
    ("controller", BELOW),
    ("agent", BELOW),
    ("cli", BELOW),
    ("tests", ALL),
    ("tests/fuzz", &["freehold-core"]),
    ("tests/run", &[]),
];
const BELOW: &[&str] = &["freehold-core", "freehold-journal", "freehold-proto", "freehold-certs"];
const ALL: &[&str] = &[
    "freehold-core",
    "freehold-journal",
    "freehold-proto",
    "freehold-certs",
    "freehold-controller",
    "freehold-agent",
    "freehold-cli",
];

/// Words that may stand only in some places.
#[derive(Debug)]
struct Rule {
    why: &'static str,
    words: &'static [&'static str],
    /// Where they are looked for: prefixes of paths.
    within: &'static [&'static str],
    /// Where they may stand: prefixes or ends of paths.
    only: &'static [&'static str],
}

/// The sources of the programs and of what they are made of.
const PROGRAMS: &[&str] =
    &["core/src", "core/journal/src", "proto/src", "certs/src", "controller/src", "agent/src", "cli/src"];

const RULES: &[Rule] = &[
    Rule {
        why: "sled is the materialised view and nothing else",
        words: &["sled", "crossbeam_epoch"],
        within: PROGRAMS,
        only: &["controller/src/store/"],
    },
    Rule {
        why: "refusals become gRPC statuses in one place",
        words: &["with_error_details", "tonic_types"],
        within: &["controller/src", "agent/src", "core/src", "proto/src", "certs/src"],
        only: &["controller/src/api/status.rs"],
    },
    Rule {
        why: "only drivers start programs",
        words: &["process::Command", "Command::new"],
        within: &["core/src", "core/journal/src", "proto/src", "certs/src", "controller/src", "agent/src"],
        only: &["agent/src/driver/", "agent/src/files.rs"],
    },
    Rule {
        why: "the files of servers are touched in one place; the agent's own lie in folders of journal and certs",
        words: &["fs::", "File::"],
        within: &["agent/src"],
        only: &["agent/src/driver/", "agent/src/files.rs"],
    },
    Rule {
        why: "environment, arguments and exit belong to main",
        words: &["std::env", "env::var", "env::args", "process::exit", "ExitCode"],
        within: PROGRAMS,
        only: &["src/main.rs"],
    },
    Rule {
        why: "core knows no clock, file, socket, thread or randomness",
        words: &[
            "SystemTime",
            "Instant",
            "std::fs",
            "std::io",
            "std::thread",
            "TcpStream",
            "TcpListener",
            "UdpSocket",
            "tokio",
            "async fn",
            "println!",
        ],
        within: &["core/src"],
        only: &[],
    },
    Rule {
        why: "the journal knows no clock",
        words: &["SystemTime", "Instant"],
        within: &["core/journal/src"],
        only: &[],
    },
    Rule {
        why: "what is not done is an issue, not a word in the code",
        words: &["todo!", "unimplemented!", "TODO", "FIXME"],
        within: PROGRAMS,
        only: &[],
    },
    Rule {
        why: "no program knows the machine that it was written on",
        words: &["/work/", "/root/", "/tmp/"],
        within: PROGRAMS,
        only: &[],
    },
];

/// The most lines of a file. Past `LINES_LISTED` it is named in the output, for a second look.
const LINES_MAX: usize = 700;
const LINES_LISTED: usize = 500;
/// Files that may be longer, each with its reason: one flat table each.
const LONG: &[(&str, &str)] = &[];

/// The workspace's root.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in tests")
}

/// Every file below `folder`, by its path from the root, that `wanted` takes by its ending.
fn files(folder: &Path, wanted: &[&str], found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') && name != "node_modules" {
                files(&path, wanted, found);
            }
        } else if path.extension().is_some_and(|extension| wanted.iter().any(|wanted| extension == *wanted)) {
            let text = fs::read_to_string(&path).expect("text");
            found.insert(relative(&path), text);
        }
    }
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned()
}

fn sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    files(root(), &["rs"], &mut found);
    found
}

/// The module files that `text`, a file at `path`, declares for tests alone: their paths without the ending.
fn test_modules(path: &str, text: &str) -> Vec<String> {
    let path = Path::new(path);
    let stem = path.file_stem().expect("a name").to_string_lossy();
    let parent = path.parent().expect("a folder");
    let folder = if ["mod", "lib", "main"].contains(&&*stem) { parent.to_owned() } else { parent.join(&*stem) };
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let declared = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]").filter_map(|pair| {
        let name = pair[1].trim_start_matches("pub(crate) ").strip_prefix("mod ")?.strip_suffix(';')?;
        Some(folder.join(name).to_string_lossy().into_owned())
    });
    declared.collect()
}

/// A file's text without comments, and without the modules of tests in it. The code is formatted, so a module ends with a brace that
/// stands as far in as its beginning.
fn program(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim() == "#[cfg(test)]"
            && let Some(begin) = lines.next_if(|next| next.trim().starts_with("mod ") && next.trim().ends_with('{'))
        {
            let end = format!("{}}}", &begin[..begin.len() - begin.trim_start().len()]);
            lines.by_ref().find(|line| *line == end);
        } else if !line.trim_start().starts_with("//") {
            kept.push_str(line.split_once(" // ").map_or(line, |(code, _)| code));
            kept.push('\n');
        }
    }
    kept
}

/// The programs' own text, by path.
fn programs(sources: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let tests: BTreeSet<_> = sources.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    let is_test = |path: &str| {
        tests
            .iter()
            .any(|module| path.strip_prefix(module.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/')))
    };
    sources.iter().filter(|(path, _)| !is_test(path)).map(|(path, text)| (path.clone(), program(text))).collect()
}

/// Whether `word` stands in `line` by itself, not as a part of a longer one.
fn says(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let begins = word.starts_with(part) && before.is_some_and(part);
        let goes_on = word.ends_with(part) && after.is_some_and(part);
        !begins && !goes_on
    })
}

fn broken(rules: &[Rule], programs: &BTreeMap<String, String>) -> Vec<String> {
    let mut broken = Vec::new();
    for rule in rules {
        let looked_at = |path: &str| {
            rule.within.iter().any(|within| path.starts_with(&format!("{within}/")))
                && !rule.only.iter().any(|only| path.starts_with(only) || path.ends_with(only))
        };
        for (path, text) in programs.iter().filter(|(path, _)| looked_at(path)) {
            for line in text.lines() {
                if let Some(word) = rule.words.iter().find(|word| says(line, word)) {
                    broken.push(format!("{path}: {word} in `{}`: {}", line.trim(), rule.why));
                }
            }
        }
    }
    broken
}

#[test]
fn everything_is_done_where_it_belongs() {
    let broken = broken(RULES, &programs(&sources()));
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_rule_looks_at_something_and_would_notice() {
    let programs = programs(&sources());
    for rule in RULES {
        for within in rule.within {
            assert!(programs.keys().any(|path| path.starts_with(&format!("{within}/"))), "{within} is empty: {rule:?}");
        }
        for only in rule.only {
            assert!(
                programs.keys().any(|path| path.starts_with(only) || path.ends_with(only)),
                "{only} is gone: {rule:?}"
            );
        }
        for word in rule.words {
            let wrong = BTreeMap::from([(
                format!("{}/x.rs", rule.within[0]),
                program(&format!("let x = {word}y;\nuse a::{word};")),
            )]);
            assert!(!broken(std::slice::from_ref(rule), &wrong).is_empty(), "{word}");
        }
    }
}

#[test]
fn comments_and_tests_are_not_programs() {
    let text = "//! TODO\nfn a() {} // TODO\n#[cfg(test)]\nmod tests {\n    // TODO\n    todo!()\n}\nfn b() {}\n";
    assert_eq!(program(text), "fn a() {}\nfn b() {}\n");
    assert_eq!(test_modules("a/src/b.rs", "#[cfg(test)]\nmod c;"), ["a/src/b/c"]);
    assert_eq!(test_modules("a/src/lib.rs", "mod x;\n#[cfg(test)]\nmod c;"), ["a/src/c"]);
    assert!(says("use sled::Db;", "sled") && !says("called sledge", "sled") && says("fs::read", "fs::"));
}

/// Our packages among a manifest's dependencies of any kind.
fn ours(manifest: &toml::Table) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (key, value) in manifest {
        let Some(table) = value.as_table() else { continue };
        if key.ends_with("dependencies") {
            found.extend(table.keys().filter(|name| name.starts_with("freehold-")).cloned());
        } else if key == "target" {
            found.extend(table.values().filter_map(toml::Value::as_table).flat_map(ours));
        }
    }
    found
}

fn manifest(path: &Path) -> toml::Table {
    let text = fs::read_to_string(path.join("Cargo.toml")).expect("a manifest");
    toml::from_str(&text).expect("a manifest")
}

#[test]
fn packages_use_only_those_below_them() {
    let workspace = manifest(root());
    let members = workspace["workspace"]["members"].as_array().expect("a list");
    let members: BTreeSet<_> = members.iter().map(|member| member.as_str().expect("a folder")).collect();
    let known: BTreeSet<_> = ARROWS.iter().map(|(package, _)| *package).collect();
    assert_eq!(members, known, "every package has its arrows");
    for (package, may) in ARROWS {
        let uses = ours(&manifest(&root().join(package)));
        let wrong: Vec<_> = uses.iter().filter(|used| !may.contains(&used.as_str())).collect();
        assert!(wrong.is_empty(), "{package} must not use {wrong:?}");
    }
    let runner = manifest(&root().join("tests/run"));
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let dependencies: Vec<_> =
        kinds.iter().filter_map(|kind| runner.get(*kind)?.as_table()).flat_map(toml::Table::keys).collect();
    assert!(dependencies.is_empty(), "the runner starts a second after a fresh clone, so it has no dependencies");
}

#[test]
fn files_are_short() {
    let (mut wrong, mut listed) = (Vec::new(), Vec::new());
    let sources = sources();
    for (path, text) in &sources {
        let lines = text.lines().count();
        let excused =
            LONG.iter().any(|(long, _)| long == path) || path.contains("tests/") || path.ends_with("tests.rs");
        if lines > LINES_MAX && !excused {
            wrong.push(format!("{path} has {lines} lines"));
        } else if lines > LINES_LISTED {
            listed.push(format!("{path} has {lines} lines"));
        }
    }
    if !listed.is_empty() {
        println!("Look for a second idea in:\n{}", listed.join("\n"));
    }
    assert!(wrong.is_empty(), "split what is longer than {LINES_MAX} lines:\n{}", wrong.join("\n"));
    let gone: Vec<_> = LONG.iter().filter(|(path, _)| !sources.contains_key(*path)).collect();
    assert!(gone.is_empty(), "no longer there: {gone:?}");
}

#[test]
fn no_document_and_no_manifest_knows_a_machine() {
    let mut found = BTreeMap::new();
    files(root(), &["md", "toml", "proto", "yaml", "py"], &mut found);
    let paths = ["/work/", "/root/"];
    let lines = found.iter().flat_map(|(path, text)| text.lines().map(move |line| (path, line)));
    let wrong: Vec<_> = lines.filter(|(_, line)| paths.iter().any(|path| line.contains(path))).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let here: PathBuf = root().join("Cargo.toml");
    assert!(found.contains_key(&relative(&here)));
}
