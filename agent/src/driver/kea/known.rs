//! What Kea runs, as it was last read: a small change need not read all of it again.

use freehold_core::bundle::{Bundle, Digest};
use freehold_core::model::{ForeignSubnet, Found};

use super::apply::Kea;
use super::config::Config;
use super::control::ControlError;
use super::found::found;
use super::live::Abilities;
use super::lookup::Status;
use super::persist::Persisted;
use super::readback::ReadBack;

/// What is remembered of a Kea between two applies, for as long as nothing hints at a change by others.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    known: Option<Known>,
    /// The file that Kea starts with, as it was last written or found right.
    pub(super) persisted: Persisted,
}

/// What a Kea runs, and how it can be changed.
#[derive(Debug, Clone)]
pub struct Known {
    pub config: Config,
    pub read_back: ReadBack,
    /// The digest of what was read back.
    pub observed: Digest,
    /// The subnets that are not Freehold's.
    pub foreign: Vec<ForeignSubnet>,
    pub abilities: Abilities,
    /// What it can do, for the controller.
    pub found: Found,
    loaded: Loaded,
}

/// What hints at another configuration: another process, or a load at another time.
#[derive(Debug, Clone, Copy)]
struct Loaded {
    pid: u32,
    /// When, in seconds of this host's clock since 1970.
    at: i64,
    /// Whether any later load would be at another time: Kea says it in whole seconds.
    is_certain: bool,
}

/// How long before a look the last load must have been, so that one after the look cannot be taken for it, in seconds.
const CERTAIN_AFTER: i64 = 3;

impl Loaded {
    fn of(status: &Status) -> Self {
        let since_load = i64::try_from(status.reload.min(status.uptime)).unwrap_or_default();
        let at = crate::clock::wall().0 / 1000 - since_load;
        Self { pid: status.pid, at, is_certain: since_load >= CERTAIN_AFTER }
    }

    /// Whether nothing was loaded since, of which `now` tells.
    fn holds(self, now: Self) -> bool {
        self.is_certain && self.pid == now.pid && (self.at - now.at).abs() <= 1
    }
}

impl Kea {
    /// What Kea runs, read now.
    pub async fn look(&mut self) -> Result<&Known, ControlError> {
        self.memory.known = None;
        let loaded = Loaded::of(&self.socket.status().await?);
        let config = self.running().await?;
        let commands = self.socket.list_commands().await?;
        let abilities = Abilities::of(self.protocol(), &self.socket.version().await?, &commands);
        let found = found(&config, &commands, abilities);
        let (read_back, foreign) = (config.read_back(), config.foreign_subnets());
        let observed = read_back.bundle.digest();
        Ok(self.memory.known.insert(Known { config, read_back, observed, foreign, abilities, found, loaded }))
    }

    /// Whether nothing hints at Kea running something else than what is known.
    pub async fn is_known(&self) -> Result<bool, ControlError> {
        let status = self.socket.status().await?;
        Ok(self.memory.known.as_ref().is_some_and(|known| known.loaded.holds(Loaded::of(&status))))
    }

    /// What was known at the last look, if it may still be so.
    pub fn known(&self) -> Option<&Known> {
        self.memory.known.as_ref()
    }

    /// What Kea runs, to be changed into `to`: until it is [kept](Self::keep) again nothing is known.
    pub(super) async fn take_known(&mut self, to: &Bundle) -> Result<Known, ControlError> {
        let is_other = self.known().is_some_and(|known| known.read_back.bundle != *to);
        // A file that others wrote says what they changed without a load; and that there is nothing to do is not taken on trust.
        if !is_other || !self.memory.persisted.is_untouched(&self.config_file) || !self.is_known().await? {
            self.look().await?;
        }
        Ok(self.memory.known.take().expect("it was looked at"))
    }

    pub(super) fn keep(&mut self, known: Known) {
        self.memory.known = Some(known);
    }

    /// Whether what Kea was found to run before it was changed is what it loaded last.
    pub(super) async fn holds(&self, known: &Known) -> Result<bool, ControlError> {
        Ok(known.loaded.holds(Loaded::of(&self.socket.status().await?)))
    }
}
