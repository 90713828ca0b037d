//! The generations of Kea that the driver is tried with: the machine's own package, and those that `cargo verify` fetches.

use std::path::{Path, PathBuf};

use freehold_agent::driver::kea::protocol::Protocol;

/// A generation of Kea.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Generation {
    /// Debian 12's.
    Kea2_2,
    /// Debian 13's.
    Kea2_6,
    /// That of Debian 13's backports.
    Kea3_0,
    /// The same with its hooks `host_cmds` and `subnet_cmds`, by which it is changed while it serves.
    Kea3_0Live,
}

impl Generation {
    /// Where it is unpacked; the machine's own is at home.
    fn root(self) -> Option<PathBuf> {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools");
        match self {
            Self::Kea2_2 => None,
            Self::Kea2_6 => Some(tools.join("kea-2.6")),
            Self::Kea3_0 | Self::Kea3_0Live => Some(tools.join("kea-3.0")),
        }
    }

    /// The server, whether this machine has it or not.
    pub(crate) fn server(self, protocol: Protocol) -> PathBuf {
        self.root().map_or_else(|| protocol.kind().into(), |root| root.join("usr/sbin").join(protocol.kind()))
    }

    /// Whether it can be changed while it serves.
    pub(crate) fn is_live(self) -> bool {
        self == Self::Kea3_0Live
    }

    /// The hooks that it loads.
    pub(crate) fn hooks(self) -> Vec<PathBuf> {
        let always = ["lease_cmds", "stat_cmds"].into_iter();
        let live = ["host_cmds", "subnet_cmds"].into_iter().filter(|_| self.is_live());
        always.chain(live).map(|hook| self.hook_folder().join(format!("libdhcp_{hook}.so"))).collect()
    }

    fn hook_folder(self) -> PathBuf {
        let folder = format!("usr/lib/{}-linux-gnu/kea/hooks", std::env::consts::ARCH);
        self.root().unwrap_or_else(|| "/".into()).join(folder)
    }

    /// What it must be told of a test's folder: from 2.6 on Kea uses files in certain folders only.
    pub(crate) fn environment(self, folder: &Path) -> Vec<(&'static str, PathBuf)> {
        let here =
            ["KEA_PIDFILE_DIR", "KEA_LOCKFILE_DIR", "KEA_CONTROL_SOCKET_DIR", "KEA_DHCP_DATA_DIR", "KEA_LOG_FILE_DIR"];
        let mut environment: Vec<_> = here.iter().map(|name| (*name, folder.to_owned())).collect();
        environment.push(("KEA_HOOKS_PATH", self.hook_folder()));
        if let Some(root) = self.root() {
            environment.push(("KEA_LFC_EXECUTABLE", root.join("usr/sbin/kea-lfc")));
        }
        environment
    }
}

/// Tests of what becomes of a `config-set`, on each generation of Kea.
macro_rules! on_each_kea_by_config_set {
    ($($(#[$attribute:meta])* async fn $name:ident($generation:ident: Generation) $body:block)*) => {
        $($(#[$attribute])* async fn $name($generation: Generation) $body)*
        mod by_config_set {
            mod kea_2_2 { $(#[tokio::test] async fn $name() { super::super::$name(crate::Generation::Kea2_2).await; })* }
            mod kea_2_6 { $(#[tokio::test] async fn $name() { super::super::$name(crate::Generation::Kea2_6).await; })* }
            mod kea_3_0 { $(#[tokio::test] async fn $name() { super::super::$name(crate::Generation::Kea3_0).await; })* }
        }
    };
}
pub(crate) use on_each_kea_by_config_set;

/// Tests that run on each generation of Kea, and changed in each way that it can be.
macro_rules! on_each_kea {
    ($($(#[$attribute:meta])* async fn $name:ident($generation:ident: Generation) $body:block)*) => {
        $($(#[$attribute])* async fn $name($generation: Generation) $body)*
        mod kea_2_2 { $(#[tokio::test] async fn $name() { super::$name(crate::Generation::Kea2_2).await; })* }
        mod kea_2_6 { $(#[tokio::test] async fn $name() { super::$name(crate::Generation::Kea2_6).await; })* }
        mod kea_3_0 { $(#[tokio::test] async fn $name() { super::$name(crate::Generation::Kea3_0).await; })* }
        mod kea_3_0_live { $(#[tokio::test] async fn $name() { super::$name(crate::Generation::Kea3_0Live).await; })* }
    };
}
pub(crate) use on_each_kea;
