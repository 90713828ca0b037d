//! Makes Kea run a bundle, so that a crash at any point leaves the old configuration or the new one.
//!
//! The steps ([`Step`]) are: intent on disk with a backup, Kea's own test, `config-set`, read back and probe, Kea's file, intent closed.
//! A refused `config-set` closes the DHCP sockets of Kea 2.2.0 (and in some cases of 2.6 and 3.0) while Kea goes on saying
//! that all is well: on *any* doubt after it the backup is put back at once, again and again until Kea takes it, and the kernel is asked
//! whether Kea hears ([`super::probe`]). While Kea cleans up its lease file (LFC) it refuses every `config-set`, the backup's
//! too, so none is begun then.
//!
//! After a crash [`Kea::recover`] decides by what Kea runs of Freehold's: the new part, and the rest is finished; the old, and it
//! can be done again; neither, and the old is put back. Whatever others changed meanwhile stays.

use futures_util::future::BoxFuture;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use freehold_core::bundle::{Bundle, Digest};
use freehold_proto::sync::resource_result::Code;
use tokio::time::{Instant, sleep};

use super::blame::{culprits, located};
use super::config::Config;
use super::control::{ConfigText, ControlError, ControlSocket, Verdict};
use super::intent::{Intent, IntentError};
use super::memfile::suffixed;
use super::persist;
use super::plan::{Fault, Plan, plan};
use super::probe::{Listening, ProbeError};
use super::readback::ReadBack;
use super::render::VENDOR_SPACE;
use crate::files::FileError;

/// How long a lease file clean-up is waited for before an apply (3–9 s at 100–200k leases).
const CLEAN_UP_TIME_MAX: Duration = Duration::from_secs(30);
/// How long putting the backup back is tried.
const RESTORE_TIME_MAX: Duration = Duration::from_secs(120);
/// How long sockets may take to open after a `config-set`.
const LISTEN_TIME_MAX: Duration = Duration::from_secs(3);
/// Between two looks at something that takes time.
const PAUSE: Duration = Duration::from_millis(100);

/// What can go wrong around an apply, while nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Probe(#[from] ProbeError),
    #[error(transparent)]
    Intent(#[from] IntentError),
    #[error(transparent)]
    File(#[from] FileError),
    /// A failpoint ended the apply.
    #[error("stopped at failpoint {0:?}")]
    Stopped(Step),
}

/// The points at which an apply may be cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The intent is durable.
    Intended,
    /// Kea's own test passed.
    Tested,
    /// Kea took the configuration.
    Set,
    /// What Kea runs was read back and is right.
    ReadBack,
    /// Kea's file is durable.
    Persisted,
    /// The intent is closed.
    Closed,
}

impl Step {
    /// Every step, in order.
    pub const ALL: [Step; 6] = [Step::Intended, Step::Tested, Step::Set, Step::ReadBack, Step::Persisted, Step::Closed];

    /// Its name in a failpoint.
    pub fn as_str(self) -> &'static str {
        match self {
            Step::Intended => "intended",
            Step::Tested => "tested",
            Step::Set => "set",
            Step::ReadBack => "read-back",
            Step::Persisted => "persisted",
            Step::Closed => "closed",
        }
    }
}

/// Is told each step; says whether to go on. A test's may end the process instead.
#[derive(Clone)]
pub struct Failpoint(Arc<dyn Fn(Step) -> bool + Send + Sync>);

impl Failpoint {
    /// Asks `goes_on` at each step.
    pub fn new(goes_on: impl Fn(Step) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(goes_on))
    }

    fn pass(&self, step: Step) -> Result<(), ApplyError> {
        if (self.0)(step) { Ok(()) } else { Err(ApplyError::Stopped(step)) }
    }
}

impl Default for Failpoint {
    /// Always goes on.
    fn default() -> Self {
        Self::new(|_| true)
    }
}

impl std::fmt::Debug for Failpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Failpoint")
    }
}

/// How an apply ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Kea runs it; the digest is the one read back. `set_time` is what `config-set` took, none if Kea ran it already.
    Applied { digest: Digest, set_time: Option<Duration> },
    /// Nothing was changed.
    Rejected { faults: Vec<Fault>, message: String },
    /// It was undone, and Kea hears its clients as before.
    RolledBack { faults: Vec<Fault>, message: String },
    /// It could not be undone: somebody must look now.
    Dirty { message: String },
    /// Not now: try again.
    Busy { message: String },
}

/// What was found after a crash.
#[derive(Debug, Clone, PartialEq)]
pub enum Recovery {
    /// No apply was under way.
    Clean,
    /// The new configuration was running and is now finished.
    Finished { digest: Digest },
    /// The old configuration runs: the apply may be done again.
    Undone { digest: Digest },
    /// Neither was running; the old one was put back.
    Restored { digest: Digest },
    /// Neither was running, and the old one could not be put back.
    Dirty { message: String },
}

/// A Kea to be driven.
#[derive(Debug, Clone)]
pub struct Kea {
    pub socket: ControlSocket,
    /// The file that Kea starts with.
    pub config_file: PathBuf,
    /// The lease file, if leases are in one.
    pub lease_file: Option<PathBuf>,
    /// Where an apply under way is noted.
    pub intent_file: PathBuf,
    pub failpoint: Failpoint,
}

impl Kea {
    /// What Kea runs now.
    pub async fn running(&self) -> Result<Config, ControlError> {
        Ok(Config::uncovered(self.socket.running_config().await?, || persist::written(&self.config_file)))
    }

    /// Where Kea listens now.
    pub async fn listening(&self) -> Result<Listening, ApplyError> {
        Ok(Listening::of(self.socket.status().await?.pid)?)
    }

    /// Makes Kea run `to`, after ending what may have been cut short.
    pub async fn apply(&self, to: &Bundle) -> Result<Outcome, ApplyError> {
        if let Recovery::Dirty { message } = self.recover().await? {
            return Ok(Outcome::Dirty { message });
        }
        let running = self.running().await?;
        let before = running.read_back();
        let listening = self.listening().await?;
        if before.bundle == *to && !listening.is_deaf() {
            self.persist_if_needed(&running)?;
            return Ok(Outcome::Applied { digest: to.digest(), set_time: None });
        }
        let planned = match plan(to, &running) {
            Ok(planned) => planned,
            Err(faults) => {
                let message = faults.first().map(|fault| fault.message.clone()).unwrap_or_default();
                return Ok(Outcome::Rejected { faults, message });
            }
        };
        if let Some(place) = running.untold().first() {
            let message = format!(
                "Kea has vendor options at {place} that it does not show and its file does not say, so any change would lose them: write option 43 there as sub-options (space {VENDOR_SPACE:?}), or let the file say what runs"
            );
            return Ok(Outcome::Rejected { faults: Vec::new(), message });
        }
        if let Some(clean_up) = self.clean_up_under_way().await {
            return Ok(Outcome::Busy { message: clean_up });
        }
        let intent = Intent {
            from: before.bundle.digest().to_string(),
            to: to.digest().to_string(),
            backup: running.whole(),
            listening,
        };
        intent.write(&self.intent_file)?;
        self.failpoint.pass(Step::Intended)?;
        self.carry_out(to, &running, &planned, &intent).await
    }

    /// Ends what a crash cut short. Kea must be up.
    pub async fn recover(&self) -> Result<Recovery, ApplyError> {
        let Some(intent) = Intent::open(&self.intent_file)? else { return Ok(Recovery::Clean) };
        let running = self.running().await?;
        let found = running.read_back().bundle.digest();
        let old = running.with(Config::new(intent.backup.clone()).ours().to_vec());
        let mute = !self.listening().await?.covers(&intent.listening);
        let recovery = match found.to_string() {
            found_text if found_text == intent.to && !mute => Recovery::Finished { digest: found },
            found_text if found_text == intent.from && !mute => Recovery::Undone { digest: found },
            found_text => {
                // A refused config-set of before the crash may have left Kea without sockets.
                if let Err(message) = self.restore(&old, &intent.listening).await {
                    return Ok(Recovery::Dirty { message });
                }
                let digest = self.running().await?.read_back().bundle.digest();
                if found_text == intent.from { Recovery::Undone { digest } } else { Recovery::Restored { digest } }
            }
        };
        // In each case the file is to say what runs.
        self.persist_if_needed(&self.running().await?)?;
        Intent::close(&self.intent_file)?;
        Ok(recovery)
    }

    /// The steps from Kea's own test on. The intent is open; it stays open only if Kea is left dirty.
    async fn carry_out(
        &self,
        to: &Bundle,
        running: &Config,
        planned: &Plan,
        intent: &Intent,
    ) -> Result<Outcome, ApplyError> {
        let text = ConfigText::of(&planned.config.whole());
        if let Verdict::Refused(complaint) = self.socket.test_config(&text).await? {
            let ask = |text: ConfigText| -> BoxFuture<'_, _> {
                Box::pin(async move { self.socket.test_config(&text).await })
            };
            let faults = culprits(to, &complaint, |part| plan(part, running).ok(), ask).await?;
            Intent::close(&self.intent_file)?;
            return Ok(Outcome::Rejected { faults, message: complaint.text });
        }
        if self.running().await? != *running {
            Intent::close(&self.intent_file)?;
            return Ok(Outcome::Busy {
                message: "Kea's configuration was changed by somebody else meanwhile".to_owned(),
            });
        }
        self.failpoint.pass(Step::Tested)?;
        let begun = Instant::now();
        let (faults, trouble) = match self.socket.set_config(&text).await {
            Ok(Verdict::Accepted) => (vec![], None),
            Ok(Verdict::Refused(complaint)) => {
                let fault = located(planned, &complaint).map(|(key, field)| Fault {
                    key,
                    code: Code::ServerRefused,
                    field,
                    message: complaint.text.clone(),
                });
                (fault.into_iter().collect(), Some(complaint.text))
            }
            Err(error) => (vec![], Some(in_full(&error))),
        };
        let set_time = begun.elapsed();
        let trouble = match trouble {
            Some(trouble) => Some(trouble),
            None => {
                self.failpoint.pass(Step::Set)?;
                self.proven(to, planned, &intent.listening).await
            }
        };
        let trouble = match trouble {
            Some(trouble) => Some(trouble),
            None => {
                self.failpoint.pass(Step::ReadBack)?;
                persist::persist(&self.config_file, &planned.config).err().map(|error| in_full(&error))
            }
        };
        if let Some(message) = trouble {
            let backup = Config::new(intent.backup.clone());
            return match self.restore(&backup, &intent.listening).await {
                Ok(()) => {
                    Intent::close(&self.intent_file)?;
                    Ok(Outcome::RolledBack { faults, message })
                }
                Err(again) => Ok(Outcome::Dirty { message: format!("{message}; and it could not be undone: {again}") }),
            };
        }
        self.failpoint.pass(Step::Persisted)?;
        Intent::close(&self.intent_file)?;
        self.failpoint.pass(Step::Closed)?;
        Ok(Outcome::Applied { digest: to.digest(), set_time: Some(set_time) })
    }

    /// Whether Kea runs `to` beside what is its own, and hears; else what is wrong.
    async fn proven(&self, to: &Bundle, planned: &Plan, before: &Listening) -> Option<String> {
        let running = match self.running().await {
            Ok(running) => running,
            Err(error) => return Some(in_full(&error)),
        };
        let found = running.read_back();
        if found.bundle != *to {
            return Some(difference(to, &found));
        }
        if running.foreign() != planned.config.foreign() {
            return Some("Kea changed a part of its configuration that is not Freehold's".to_owned());
        }
        self.hears(before).await.err()
    }

    /// Puts `backup` back until Kea runs it and hears as `before`, or says why it does not.
    async fn restore(&self, backup: &Config, before: &Listening) -> Result<(), String> {
        let text = ConfigText::of(&backup.whole());
        let deadline = Instant::now() + RESTORE_TIME_MAX;
        let mut pause = PAUSE;
        loop {
            let trouble = match self.socket.set_config(&text).await {
                Ok(Verdict::Accepted) => match self.hears(before).await {
                    Ok(()) => return Ok(()),
                    Err(deaf) => deaf,
                },
                // LFC ends by itself, and so may anything else: DHCP is down, so it is tried again whatever the words.
                Ok(Verdict::Refused(complaint)) => complaint.text,
                Err(error) => in_full(&error),
            };
            if Instant::now() + pause > deadline {
                return Err(trouble);
            }
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Whether Kea hears everywhere it did `before`.
    async fn hears(&self, before: &Listening) -> Result<(), String> {
        let deadline = Instant::now() + LISTEN_TIME_MAX;
        loop {
            let now = self.listening().await.map_err(|error| in_full(&error))?;
            if now.covers(before) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("Kea's DHCP sockets are not all open: {now:?} where there were {before:?}"));
            }
            sleep(PAUSE).await;
        }
    }

    /// Waits for a lease file clean-up to end, and says so if it does not.
    async fn clean_up_under_way(&self) -> Option<String> {
        let pid_file = suffixed(self.lease_file.as_ref()?, ".pid");
        let deadline = Instant::now() + CLEAN_UP_TIME_MAX;
        while is_alive(&pid_file) {
            if Instant::now() > deadline {
                return Some(format!(
                    "Kea cleans up its lease file and takes no configuration ({})",
                    pid_file.display()
                ));
            }
            sleep(PAUSE).await;
        }
        None
    }

    /// Makes the file that Kea starts with say what runs, unless its Freehold part does.
    fn persist_if_needed(&self, running: &Config) -> Result<(), FileError> {
        if persist::serves(&self.config_file, &running.read_back().bundle) {
            return Ok(());
        }
        persist::persist(&self.config_file, running)
    }
}

/// Whether the process of a pid file lives.
fn is_alive(pid_file: &Path) -> bool {
    match fs::read_to_string(pid_file) {
        Ok(pid) => Path::new("/proc").join(pid.trim()).exists(),
        // Not readable for us: taken for alive, because the wait ends.
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// What Kea runs that is not `to`.
fn difference(to: &Bundle, found: &ReadBack) -> String {
    let difference = found.bundle.diff(to);
    let missing = difference.upserts.keys().chain(&difference.removes).next();
    let strange = found.strange.first().map(|strange| format!("{}: {}", strange.key, strange.what));
    let what = strange.or_else(|| missing.map(ToString::to_string)).unwrap_or_default();
    format!("Kea took the configuration, and runs something else: {what}")
}

/// An error with its causes.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
