//! Everything that must pass, one row a step, in the order it runs: the cheap ones first.

use crate::packages::Package::{self, *};
use crate::tools::{BUF, GRPCIO, KEA_2_6, KEA_3_0, Tool};

/// One thing that must pass.
#[derive(Debug)]
pub(crate) struct Step {
    /// What `--only` and the summary call it.
    pub(crate) name: &'static str,
    /// What passing it shows; the heading.
    pub(crate) shows: &'static str,
    /// The commands, one after the other, from the workspace's root. Empty: the step belongs to `--long` alone.
    pub(crate) commands: &'static [&'static [&'static str]],
    /// The commands under `--long`. Empty: the same as `commands`.
    pub(crate) long: &'static [&'static [&'static str]],
    /// Debian packages without which it cannot run.
    pub(crate) packages: &'static [Package],
    /// Programs fetched into `target/tools` without which it cannot run.
    pub(crate) tools: &'static [Tool],
    /// What it has to do with the build.
    pub(crate) build: Build,
}

/// A step's relation to the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// Runs without one.
    Apart,
    /// Is the build: when it fails, the steps below that need it are skipped.
    Makes,
    /// Runs what was built.
    Needs,
}

/// What a lab uses: real servers, real clients, network namespaces.
pub(crate) const LAB: &[Package] = &[KeaDhcp4, KeaDhcp6, KeaAdmin, Udhcpc, IscDhcpClient, Iproute2, Nftables, Patchelf];

/// The table.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "format",
        shows: "the code is formatted",
        commands: &[&["cargo", "fmt", "--all", "--check"]],
        long: &[],
        packages: &[],
        tools: &[],
        build: Build::Apart,
    },
    Step {
        name: "build",
        shows: "programs and tests build",
        commands: &[&["cargo", "build", "--workspace"], &["cargo", "test", "--workspace", "--no-run"]],
        long: &[],
        packages: &[],
        tools: &[],
        build: Build::Makes,
    },
    Step {
        name: "clippy",
        shows: "no warning, anywhere",
        commands: &[&["cargo", "clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]],
        long: &[],
        packages: &[],
        tools: &[],
        build: Build::Needs,
    },
    Step {
        name: "buf-lint",
        shows: "the API keeps to buf's STANDARD and COMMENTS rules",
        commands: &[&[BUF.program, "lint", "proto"]],
        long: &[],
        packages: &[Npm],
        tools: &[BUF],
        build: Build::Apart,
    },
    Step {
        name: "unit",
        shows: "unit, property, documentation and real-server tests of every package; under --long 10,000 generated configurations on each Kea",
        commands: &[&["cargo", "test", "--workspace", "--exclude", "freehold-tests"]],
        long: &[
            &["cargo", "test", "--workspace", "--exclude", "freehold-tests"],
            &[
                "env",
                "FREEHOLD_CONFIGURATIONS=10000",
                "cargo",
                "test",
                "--package",
                "freehold-agent",
                "--test",
                "kea",
                "generated",
            ],
        ],
        packages: LAB,
        tools: &[KEA_2_6, KEA_3_0],
        build: Build::Needs,
    },
    Step {
        name: "tidy",
        shows: "the rules of the house",
        commands: &[&["cargo", "test", "--package", "freehold-tests", "--test", "tidy"]],
        long: &[],
        packages: &[],
        tools: &[],
        build: Build::Needs,
    },
    Step {
        name: "fuzz",
        shows: "no input breaks a parser: 10 s for each; under --long 5 minutes, led by the branches that inputs take",
        commands: &[&["cargo", "run", "--quiet", "--package", "freehold-fuzz", "--", "--seconds", "10"]],
        long: &[&[
            "cargo",
            "run",
            "--quiet",
            "--config",
            "tests/fuzz/coverage.toml",
            "--package",
            "freehold-fuzz",
            "--",
            "--seconds",
            "300",
        ]],
        packages: &[],
        tools: &[],
        build: Build::Needs,
    },
    Step {
        name: "simulation",
        shows: "controllers, agents and servers under faults on virtual time, and that planted bugs are caught",
        commands: &[&["cargo", "test", "--package", "freehold-tests", "--bin", "freehold-sim"]],
        long: &[&[
            "cargo",
            "run",
            "--quiet",
            "--release",
            "--package",
            "freehold-tests",
            "--bin",
            "freehold-sim",
            "--",
            "--seeds",
            "100000",
        ]],
        packages: &[],
        tools: &[],
        build: Build::Needs,
    },
    Step {
        name: "interop",
        shows: "clients that nobody here wrote: buf by reflection, generated Python, gRPC-Web",
        commands: &[&["cargo", "test", "--package", "freehold-tests", "--test", "interop"]],
        long: &[],
        packages: &[Npm, Pip, Curl],
        tools: &[BUF, GRPCIO],
        build: Build::Needs,
    },
    Step {
        name: "kills",
        shows: "kill -9 of the controller under load loses nothing that was acknowledged and does nothing twice",
        commands: &[&["cargo", "test", "--package", "freehold-tests", "--test", "kills"]],
        long: &[&["env", "FREEHOLD_KILLS=200", "cargo", "test", "--package", "freehold-tests", "--test", "kills"]],
        packages: &[],
        tools: &[],
        build: Build::Needs,
    },
    Step {
        name: "end-to-end",
        shows: "real programs, real Kea, real clients in network namespaces; a part of it, and under --long all, on Kea 2.6 and 3.0",
        commands: &[
            &["cargo", "test", "--package", "freehold-tests", "--lib", "--test", "e2e"],
            &[
                "env",
                "FREEHOLD_KEA=2.6",
                "cargo",
                "test",
                "--package",
                "freehold-tests",
                "--test",
                "e2e",
                "--",
                "adoption",
                "plan",
                "six",
            ],
            &[
                "env",
                "FREEHOLD_KEA=3.0",
                "cargo",
                "test",
                "--package",
                "freehold-tests",
                "--test",
                "e2e",
                "--",
                "adoption",
                "plan",
                "six",
                "dies_at_any",
            ],
        ],
        long: &[
            &["cargo", "test", "--package", "freehold-tests", "--lib", "--test", "e2e"],
            &["env", "FREEHOLD_KEA=2.6", "cargo", "test", "--package", "freehold-tests", "--test", "e2e"],
            &["env", "FREEHOLD_KEA=3.0", "cargo", "test", "--package", "freehold-tests", "--test", "e2e"],
        ],
        packages: LAB,
        tools: &[KEA_2_6, KEA_3_0],
        build: Build::Needs,
    },
    Step {
        name: "demo",
        shows: "the story of the README, each claim checked where it is made",
        commands: &[&[
            "cargo",
            "run",
            "--quiet",
            "--package",
            "freehold-tests",
            "--bin",
            "freehold-demo",
            "--",
            "--exit",
        ]],
        long: &[],
        packages: LAB,
        tools: &[],
        build: Build::Needs,
    },
];
