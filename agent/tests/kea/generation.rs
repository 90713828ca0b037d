//! The generations of Kea that the driver is tried with: the machine's own package, and those that `cargo verify` fetches.

use std::path::{Path, PathBuf};

/// A generation of Kea.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Generation {
    /// Debian 12's.
    Kea2_2,
    /// Debian 13's.
    Kea2_6,
    /// That of Debian 13's backports, with `host_cmds`, `subnet_cmds` and `class_cmds`.
    Kea3_0,
}

impl Generation {
    /// Where it is unpacked; the machine's own is at home.
    fn root(self) -> Option<PathBuf> {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools");
        match self {
            Self::Kea2_2 => None,
            Self::Kea2_6 => Some(tools.join("kea-2.6")),
            Self::Kea3_0 => Some(tools.join("kea-3.0")),
        }
    }

    /// The server, whether this machine has it or not.
    pub(crate) fn server(self) -> PathBuf {
        self.root().map_or_else(|| "kea-dhcp4".into(), |root| root.join("usr/sbin/kea-dhcp4"))
    }

    /// The folder of its hooks.
    pub(crate) fn hooks(self) -> PathBuf {
        let folder = format!("usr/lib/{}-linux-gnu/kea/hooks", std::env::consts::ARCH);
        self.root().unwrap_or_else(|| "/".into()).join(folder)
    }

    /// What it must be told of a test's folder: from 2.6 on Kea uses files in certain folders only.
    pub(crate) fn environment(self, folder: &Path) -> Vec<(&'static str, PathBuf)> {
        let here =
            ["KEA_PIDFILE_DIR", "KEA_LOCKFILE_DIR", "KEA_CONTROL_SOCKET_DIR", "KEA_DHCP_DATA_DIR", "KEA_LOG_FILE_DIR"];
        let mut environment: Vec<_> = here.iter().map(|name| (*name, folder.to_owned())).collect();
        environment.push(("KEA_HOOKS_PATH", self.hooks()));
        if let Some(root) = self.root() {
            environment.push(("KEA_LFC_EXECUTABLE", root.join("usr/sbin/kea-lfc")));
        }
        environment
    }
}

/// Tests that run on each generation of Kea.
macro_rules! on_each_kea {
    ($($(#[$attribute:meta])* async fn $name:ident($generation:ident: Generation) $body:block)*) => {$(
        $(#[$attribute])*
        async fn $name($generation: Generation) $body
    )*
    mod kea_2_2 { $(#[tokio::test] async fn $name() { super::$name(super::Generation::Kea2_2).await; })* }
    mod kea_2_6 { $(#[tokio::test] async fn $name() { super::$name(super::Generation::Kea2_6).await; })* }
    mod kea_3_0 { $(#[tokio::test] async fn $name() { super::$name(super::Generation::Kea3_0).await; })* }
    };
}
pub(crate) use on_each_kea;
