//! Programs out of Debian packages of another release than the machine's, unpacked into a folder of their own with every library that they need.
//!
//! apt works out what is needed and checks the archive's signature, as for an installation, but in a state of its own that knows of nothing installed. No
//! maintainer script runs. The programs are told where their loader and libraries are, so that they run as they are, with the machine's
//! own files around them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages::{apt_get, run};

const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Unpacks `packages`, of the last of `suites` that has them, with all that they depend on, into `folder`.
pub(crate) fn unpack(folder: &Path, suites: &[&str], packages: &[&str]) -> io::Result<()> {
    let apt = folder.join("apt");
    for part in ["lists/partial", "archives/partial"] {
        fs::create_dir_all(apt.join(part))?;
    }
    let archive = archive()?;
    let sources: String =
        suites.iter().map(|suite| format!("deb [signed-by={KEYRING}] {archive} {suite} main\n")).collect();
    fs::write(apt.join("sources.list"), sources)?;
    fs::write(apt.join("status"), "")?;
    let newest = suites.last().copied().unwrap_or_default();
    apt_get_in(&apt, &["update"])?;
    let install = ["--yes", "--download-only", "--no-install-recommends", "--target-release", newest, "install"];
    apt_get_in(&apt, &[&install[..], packages].concat())?;
    for archive in fs::read_dir(apt.join("archives"))? {
        let archive = archive?.path();
        if archive.extension().is_some_and(|extension| extension == "deb") {
            run(Command::new("dpkg-deb").arg("--extract").arg(&archive).arg(folder))?;
        }
    }
    fs::remove_dir_all(apt)
}

/// Tells programs in `folder` that their loader and libraries are in `home`, where the folder is going to be.
pub(crate) fn settle(folder: &Path, home: &Path, programs: &[&str], libraries: &str) -> io::Result<()> {
    let library = |of: &Path| {
        let tuple = format!("{}-linux-gnu", std::env::consts::ARCH);
        of.join("usr/lib").join(tuple)
    };
    let files = fs::read_dir(library(folder))?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    let is_called = |file: &&PathBuf, beginning: &str| {
        file.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning))
    };
    let loader = files.iter().find(|file| is_called(file, "ld-linux-")).and_then(|file| file.file_name());
    let loader = loader.ok_or_else(|| io::Error::other(format!("no loader in {}", library(folder).display())))?;
    // A library that says itself where others are does not ask the program.
    for file in files.iter().filter(|file| is_called(file, libraries) && !file.is_symlink()) {
        run(Command::new("patchelf").arg("--remove-rpath").arg(file))?;
    }
    for program in programs {
        let mut patch = Command::new("patchelf");
        patch.arg("--set-interpreter").arg(library(home).join(loader));
        // The old kind of path, which holds for libraries of libraries and for hooks too.
        patch.args(["--force-rpath", "--set-rpath"]).arg(library(home));
        run(patch.arg(folder.join(program)))?;
    }
    Ok(())
}

/// The archive that this machine's own packages come from.
fn archive() -> io::Result<String> {
    let listed = Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI) $(COMPONENT)"]).output()?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let is_main = |line: &&str| line.ends_with("/debian/ main");
    let line = listed.lines().find(is_main).unwrap_or("http://deb.debian.org/debian/ main");
    Ok(line.trim_end_matches(" main").to_owned())
}

/// apt-get in a state of its own.
fn apt_get_in(apt: &Path, arguments: &[&str]) -> io::Result<()> {
    let of = |option: &str, path: PathBuf| format!("--option={option}={}", path.display());
    let options = [
        of("Dir::State", apt.to_owned()),
        of("Dir::State::lists", apt.join("lists")),
        of("Dir::State::status", apt.join("status")),
        of("Dir::Cache", apt.to_owned()),
        of("Dir::Cache::archives", apt.join("archives")),
        of("Dir::Etc::sourcelist", apt.join("sources.list")),
        "--option=Dir::Etc::sourceparts=-".to_owned(),
        "--option=Dir::Etc::preferences=-".to_owned(),
        "--option=APT::Sandbox::User=root".to_owned(),
    ];
    apt_get(&options.iter().map(String::as_str).chain(arguments.iter().copied()).collect::<Vec<_>>())
}
