//! Makes Kea run a bundle, so that a crash at any point leaves the old configuration or the new one, or a part of a change from which nobody leases
//! what neither would, until the agent is back ([`super::steps`]).
//!
//! What differs is changed by itself where Kea can ([`super::live`]), and by a `config-set` of the whole where it cannot.
//!
//! The steps ([`Step`]) are: intent on disk with a backup, Kea's own test, the change, read back and probe, Kea's file, intent closed.
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

use freehold_core::bundle::{Bundle, Digest, ResourceKey};
use freehold_proto::sync::resource_result::Code;
use tokio::time::{Instant, sleep};

use super::blame::{culprits, located};
use super::config::Config;
use super::control::{ConfigText, ControlError, ControlSocket, Verdict};
use super::hidden;
use super::intent::{Intent, IntentError};
use super::known::{Known, Memory};
use super::live::{self, Abilities, Change};
use super::memfile::suffixed;
use super::persist;
use super::plan::{Fault, Plan, plan};
use super::probe::{Listening, ProbeError};
use super::protocol::Protocol;
use super::readback::ReadBack;
use super::steps;
use crate::files::FileError;

/// How long a lease file clean-up is waited for before an apply (3–9 s at 100–200k leases).
const CLEAN_UP_TIME_MAX: Duration = Duration::from_secs(30);
/// How long putting the backup back is tried.
const RESTORE_TIME_MAX: Duration = Duration::from_secs(120);
/// How long sockets may take to open after a `config-set`.
const LISTEN_TIME_MAX: Duration = Duration::from_secs(3);
/// Why an apply was not begun, or not ended.
const MEANWHILE: &str = "Kea's configuration was changed by somebody else meanwhile";
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
    /// Kea's own test passed, or what is to change stands as it is known.
    Tested,
    /// Kea took the configuration, or every change.
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

/// How Kea came to run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It ran it already.
    Ran,
    /// By commands, while it served; they took so long.
    Live(Duration),
    /// By `config-set`; the sockets were closed for so long.
    Set(Duration),
}

/// How an apply ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Kea runs it; the digest is the one read back.
    Applied { digest: Digest, way: Way },
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
    /// What is remembered of it; nothing at first.
    pub memory: Memory,
}

impl Kea {
    /// What its clients speak.
    pub fn protocol(&self) -> Protocol {
        self.socket.protocol()
    }

    /// What Kea runs now.
    pub async fn running(&self) -> Result<Config, ControlError> {
        let written = || persist::written(&self.config_file);
        Ok(Config::uncovered(self.protocol(), self.socket.running_config().await?, written))
    }

    /// Where Kea listens now.
    pub async fn listening(&self) -> Result<Listening, ApplyError> {
        Ok(Listening::of(self.protocol(), self.socket.status().await?.pid)?)
    }

    /// Makes Kea run `to`, after ending what may have been cut short.
    pub async fn apply(&mut self, to: &Bundle) -> Result<Outcome, ApplyError> {
        if let Recovery::Dirty { message } = self.recover().await? {
            return Ok(Outcome::Dirty { message });
        }
        let known = self.take_known(to).await?;
        let listening = self.listening().await?;
        if known.read_back.bundle == *to && !listening.is_deaf() {
            self.persist_if_needed(&known.config, to)?;
            self.keep(known);
            return Ok(Outcome::Applied { digest: to.digest(), way: Way::Ran });
        }
        if let Some(message) = would_lose(&known.config) {
            return Ok(Outcome::Rejected { faults: Vec::new(), message });
        }
        if takes_commands(&known) && !listening.is_deaf() {
            let difference = known.read_back.bundle.diff(to);
            let planned = match plan(&steps::touched(&known.read_back.bundle, to, &difference), &known.config) {
                Ok(planned) => planned,
                Err(faults) => return Ok(rejected(faults)),
            };
            if let Some(changes) = steps::changes(known.abilities, &known.config, &planned.config, &difference) {
                return self.change(to, known, &changes, listening).await;
            }
        }
        // What single changes made of it may stand in another order in Kea.
        let known = self.look().await?.clone();
        let planned = match plan(to, &known.config) {
            Ok(planned) => planned,
            Err(faults) => return Ok(rejected(faults)),
        };
        let running = known.config;
        if let Some(clean_up) = self.clean_up_under_way().await {
            return Ok(Outcome::Busy { message: clean_up });
        }
        let intent = Intent {
            from: known.observed.to_string(),
            to: to.digest().to_string(),
            backup: Some(running.whole()),
            changes: Vec::new(),
            listening,
        };
        intent.write(&self.intent_file)?;
        self.failpoint.pass(Step::Intended)?;
        self.carry_out(to, &running, &planned, &intent.listening).await
    }

    /// Ends what a crash cut short. Kea must be up.
    pub async fn recover(&mut self) -> Result<Recovery, ApplyError> {
        let Some(intent) = Intent::open(&self.intent_file)? else { return Ok(Recovery::Clean) };
        self.memory = Memory::default();
        let running = self.running().await?;
        let found = running.read_back().bundle.digest();
        let mute = !self.listening().await?.covers(&intent.listening);
        let recovery = match found.to_string() {
            found_text if found_text == intent.to && !mute => Recovery::Finished { digest: found },
            found_text if found_text == intent.from && !mute => Recovery::Undone { digest: found },
            found_text => {
                // A refused config-set of before the crash may have left Kea without sockets.
                if let Err(message) = self.go_back(&intent).await? {
                    return Ok(Recovery::Dirty { message });
                }
                let digest = self.running().await?.read_back().bundle.digest();
                if found_text == intent.from { Recovery::Undone { digest } } else { Recovery::Restored { digest } }
            }
        };
        // In each case the file is to say what runs.
        let running = self.running().await?;
        self.persist_if_needed(&running, &running.read_back().bundle)?;
        Intent::close(&self.intent_file)?;
        Ok(recovery)
    }

    /// The steps from Kea's own test on, by `config-set`. The intent is open; it stays open only if Kea is left dirty.
    async fn carry_out(
        &mut self,
        to: &Bundle,
        running: &Config,
        planned: &Plan,
        listening: &Listening,
    ) -> Result<Outcome, ApplyError> {
        let text = ConfigText::of(&planned.config.whole());
        if let Some((faults, message)) = self.test(to, running, &text).await? {
            Intent::close(&self.intent_file)?;
            return Ok(Outcome::Rejected { faults, message });
        }
        if self.running().await? != *running {
            Intent::close(&self.intent_file)?;
            return Ok(Outcome::Busy { message: MEANWHILE.to_owned() });
        }
        self.failpoint.pass(Step::Tested)?;
        let begun = Instant::now();
        let (mut faults, trouble) = match self.socket.set_config(&text).await {
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
                match self.proven(to, planned, listening).await {
                    Ok(()) => None,
                    Err((wrong, message)) => {
                        faults = wrong;
                        Some(message)
                    }
                }
            }
        };
        let trouble = match trouble {
            Some(trouble) => Some(trouble),
            None => {
                self.failpoint.pass(Step::ReadBack)?;
                self.persist(&planned.config, to).err().map(|error| in_full(&error))
            }
        };
        if let Some(message) = trouble {
            return self.roll_back(running, listening, faults, message).await;
        }
        self.failpoint.pass(Step::Persisted)?;
        Intent::close(&self.intent_file)?;
        self.failpoint.pass(Step::Closed)?;
        Ok(Outcome::Applied { digest: to.digest(), way: Way::Set(set_time) })
    }

    /// Has Kea test the configuration that makes it serve `to`; what it refuses, and its own words.
    pub(super) async fn test(
        &self,
        to: &Bundle,
        running: &Config,
        text: &ConfigText,
    ) -> Result<Option<(Vec<Fault>, String)>, ControlError> {
        let Verdict::Refused(complaint) = self.socket.test_config(text).await? else { return Ok(None) };
        let socket = &self.socket;
        let ask = |text: ConfigText| -> BoxFuture<'_, _> { Box::pin(async move { socket.test_config(&text).await }) };
        let faults = culprits(to, &complaint, |part| plan(part, running).ok(), ask).await?;
        Ok(Some((faults, complaint.text)))
    }

    /// The steps of changes that Kea takes while it serves. Its file is the backup: it is written last.
    async fn change(
        &mut self,
        to: &Bundle,
        mut known: Known,
        changes: &[Change],
        listening: Listening,
    ) -> Result<Outcome, ApplyError> {
        self.persist_if_needed(&known.config, &known.read_back.bundle)?;
        let digest = to.digest();
        let intent = Intent {
            from: known.observed.to_string(),
            to: digest.to_string(),
            backup: None,
            changes: changes.to_vec(),
            listening,
        };
        intent.write(&self.intent_file)?;
        self.failpoint.pass(Step::Intended)?;
        if let Some(moved) = live::moved(&self.socket, changes, &known.config).await? {
            Intent::close(&self.intent_file)?;
            return Ok(Outcome::Busy { message: format!("{moved} was changed by somebody else meanwhile") });
        }
        self.failpoint.pass(Step::Tested)?;
        let begun = Instant::now();
        let (done, faults, trouble) = self.carry_out_live(changes).await;
        let took = begun.elapsed();
        if let Some(message) = trouble {
            return self.undo(&done, &known, &intent, faults, message).await;
        }
        self.failpoint.pass(Step::Set)?;
        let wrong = match live::taken_in(&self.socket, changes, &mut known.config, to).await {
            Ok(None) => self.hears(&intent.listening).await.err(),
            Ok(Some((key, what))) => {
                let fault = altered(&key, &what);
                let message = format!("{key}: {}", fault.message);
                return self.undo(&done, &known, &intent, vec![fault], message).await;
            }
            Err(error) => Some(in_full(&error)),
        };
        if let Some(message) = wrong {
            return self.undo(&done, &known, &intent, faults, message).await;
        }
        if !self.holds(&known).await? {
            // Somebody may have loaded a configuration meanwhile, and what of theirs is in it is not to be lost from the file.
            known = self.look().await?.clone();
            if known.observed != digest {
                // The intent stays open: what is there of the changes is undone before the next try.
                return Ok(Outcome::Busy { message: MEANWHILE.to_owned() });
            }
        }
        self.failpoint.pass(Step::ReadBack)?;
        if let Err(error) = self.persist(&known.config, to) {
            return self.undo(&done, &known, &intent, faults, in_full(&error)).await;
        }
        self.failpoint.pass(Step::Persisted)?;
        Intent::close(&self.intent_file)?;
        self.failpoint.pass(Step::Closed)?;
        (known.read_back.bundle, known.observed) = (to.clone(), digest);
        self.keep(known);
        Ok(Outcome::Applied { digest, way: Way::Live(took) })
    }

    /// Carries out each change that Kea does not refuse. Says which those are, what it refused, and what is wrong if anything is.
    async fn carry_out_live<'a>(&self, changes: &'a [Change]) -> (Vec<&'a Change>, Vec<Fault>, Option<String>) {
        let (mut done, mut faults) = (Vec::new(), Vec::<Fault>::new());
        for change in changes {
            // What was refused is not asked for again, nor what is in it.
            let scope = change.key.parent();
            if faults.iter().any(|fault| fault.key == change.key || scope.as_ref() == Some(&fault.key)) {
                continue;
            }
            // All will be undone: what is still asked for is to name everything at fault, and nothing is opened for that.
            if !faults.is_empty() && change.may_open() {
                continue;
            }
            match change.carry_out(&self.socket).await {
                Ok(Ok(())) => done.push(change),
                Ok(Err(message)) => faults.push(Fault {
                    key: change.key.clone(),
                    code: Code::ServerRefused,
                    field: String::new(),
                    message,
                }),
                Err(error) => {
                    // Whether Kea did it is not known: it is undone too.
                    done.push(change);
                    return (done, faults, Some(in_full(&error)));
                }
            }
        }
        let message = faults.first().map(|fault| fault.message.clone());
        (done, faults, message)
    }

    /// Undoes `done`, the last first, and looks at the whole of what runs then.
    async fn undo(
        &mut self,
        done: &[&Change],
        before: &Known,
        intent: &Intent,
        faults: Vec<Fault>,
        message: String,
    ) -> Result<Outcome, ApplyError> {
        self.turn_back(done.iter().copied()).await;
        let now = self.look().await?;
        let difference = before.read_back.bundle.diff(&now.read_back.bundle);
        let others_changed = !difference.is_empty() || before.foreign != now.foreign;
        let is_touched = |key: &ResourceKey| {
            let parent = key.parent();
            intent.changes.iter().any(|change| change.key == *key || Some(&change.key) == parent.as_ref())
        };
        let undone = !difference.upserts.keys().chain(&difference.removes).any(is_touched);
        if !undone || self.hears(&intent.listening).await.is_err() {
            return Ok(match self.go_back(intent).await? {
                Ok(()) => {
                    Intent::close(&self.intent_file)?;
                    Outcome::RolledBack { faults, message }
                }
                Err(again) => Outcome::Dirty { message: format!("{message}; and it could not be undone: {again}") },
            });
        }
        Intent::close(&self.intent_file)?;
        Ok(match (others_changed, faults.is_empty()) {
            // Kea may have refused for what others did.
            (true, false) => Outcome::Busy { message: MEANWHILE.to_owned() },
            (false, false) => Outcome::Rejected { faults, message },
            (_, true) => Outcome::RolledBack { faults, message },
        })
    }

    /// Undoes changes, the last first, as far as Kea lets them be undone.
    async fn turn_back<'a>(&self, done: impl DoubleEndedIterator<Item = &'a Change>) {
        for change in done.rev().flat_map(Change::undone) {
            match change.carry_out(&self.socket).await {
                Ok(Ok(())) => {}
                Ok(Err(words)) => tracing::debug!(%change, %words, "a change was not undone"),
                Err(error) => tracing::debug!(%change, error = %in_full(&error), "a change was not undone"),
            }
        }
    }

    /// Has Kea run what it ran before an apply that was cut short, or says why it does not. Single changes are undone by themselves, and what
    /// cannot be is set; the file may serve for that while it still says what ran.
    async fn go_back(&self, intent: &Intent) -> Result<Result<(), String>, ApplyError> {
        let backup = match &intent.backup {
            Some(backup) => Some(backup.clone()),
            None => {
                self.turn_back(intent.changes.iter()).await;
                let running = self.running().await?;
                // A Kea that was started without its hooks since cannot be asked so.
                let is_back = matches!(live::moved(&self.socket, &intent.changes, &running).await, Ok(None));
                if is_back && running.has_hosts_of(&intent.changes) && self.hears(&intent.listening).await.is_ok() {
                    return Ok(Ok(()));
                }
                persist::written(&self.config_file)
            }
        };
        let backup = backup.map(|backup| Config::new(self.protocol(), backup));
        let is_right = |backup: &Config| backup.read_back().bundle.digest().to_string() == intent.from;
        let Some(backup) = backup.filter(|backup| intent.backup.is_some() || is_right(backup)) else {
            return Ok(Err(format!("{} does not say what ran before", self.config_file.display())));
        };
        let old = self.running().await?.with(backup.ours().to_vec());
        Ok(self.restore(&old, &intent.listening).await)
    }

    /// Sets what ran before, after `message`.
    async fn roll_back(
        &self,
        before: &Config,
        listening: &Listening,
        faults: Vec<Fault>,
        message: String,
    ) -> Result<Outcome, ApplyError> {
        match self.restore(before, listening).await {
            Ok(()) => {
                Intent::close(&self.intent_file)?;
                Ok(Outcome::RolledBack { faults, message })
            }
            Err(again) => Ok(Outcome::Dirty { message: format!("{message}; and it could not be undone: {again}") }),
        }
    }

    /// Whether Kea runs `to` beside what is its own, and hears; else what is wrong, and with which resources.
    async fn proven(&self, to: &Bundle, planned: &Plan, before: &Listening) -> Result<(), (Vec<Fault>, String)> {
        let nobodys = |message: String| (Vec::new(), message);
        let running = self.running().await.map_err(|error| nobodys(in_full(&error)))?;
        if running.foreign() != planned.config.foreign() {
            return Err(nobodys("Kea changed a part of its configuration that is not Freehold's".to_owned()));
        }
        let found = running.read_back();
        if found.bundle != *to {
            let of = found.bundle.diff(to);
            let what = |key: &ResourceKey| {
                let strange = found.strange.iter().find(|strange| strange.key == *key);
                strange.map_or(live::ALTERED, |strange| strange.what.as_str())
            };
            let faults = of.upserts.keys().map(|key| altered(key, what(key))).collect();
            return Err((faults, difference(to, &found)));
        }
        self.hears(before).await.map_err(nobodys)
    }

    /// Puts `backup` back until Kea runs it and hears as `before`, or says why it does not.
    async fn restore(&self, backup: &Config, before: &Listening) -> Result<(), String> {
        let text = ConfigText::of(&backup.whole());
        let deadline = Instant::now() + RESTORE_TIME_MAX;
        let mut pause = PAUSE;
        loop {
            // A Kea that hears would be made mute: it takes no configuration while it cleans its leases up.
            if self.listening().await.is_ok_and(|now| now.covers(before)) {
                self.clean_up_under_way().await;
            }
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

    /// Makes the file that Kea starts with say what runs, unless its Freehold part, which is `bundle`, does.
    fn persist_if_needed(&mut self, running: &Config, bundle: &Bundle) -> Result<(), FileError> {
        if self.memory.persisted.serves(self.protocol(), &self.config_file, bundle) {
            return Ok(());
        }
        self.persist(running, bundle)
    }

    fn persist(&mut self, config: &Config, bundle: &Bundle) -> Result<(), FileError> {
        self.memory.persisted.write(&self.config_file, config, bundle)
    }
}

/// Why no configuration may be set, if that is so.
pub(super) fn would_lose(running: &Config) -> Option<String> {
    let untold = running.untold();
    let place = untold.first()?;
    Some(format!(
        "Kea has an option at {place} that it does not show and its file does not say, so any change would lose it: {}",
        hidden::advice(running.protocol())
    ))
}

/// Whether what it runs is such that single commands may change it.
pub(super) fn takes_commands(known: &Known) -> bool {
    let is_plain = known.read_back.strange.is_empty() && !known.config.in_network();
    is_plain && known.abilities != Abilities::default()
}

/// What never reached Kea.
fn rejected(faults: Vec<Fault>) -> Outcome {
    let message = faults.first().map(|fault| fault.message.clone()).unwrap_or_default();
    Outcome::Rejected { faults, message }
}

/// Whether the process of a pid file lives.
fn is_alive(pid_file: &Path) -> bool {
    match fs::read_to_string(pid_file) {
        Ok(pid) => Path::new("/proc").join(pid.trim()).exists(),
        // Not readable for us: taken for alive, because the wait ends.
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// A resource that Kea takes and does not run.
fn altered(key: &ResourceKey, what: &str) -> Fault {
    let message = format!("Kea takes it, and runs something else: {what}");
    Fault { key: key.clone(), code: Code::ServerRefused, field: String::new(), message }
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
