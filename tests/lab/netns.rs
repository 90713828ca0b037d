//! A network namespace, and a thread that lives in it.
//!
//! Everything that happens in a namespace happens on its thread: sockets opened there keep belonging to the namespace when
//! they are used elsewhere, and processes started there are born in it. The thread lives as long as the [`Namespace`], and the
//! kernel kills the processes it started when it ends (see [`crate::process`]).

use std::fs::File;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::command::{self, ip};

type Job = Box<dyn FnOnce() + Send>;

/// A namespace that this process made; deleted with it.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Namespace {
    /// Makes the namespace `name`, with its loopback up.
    pub(crate) fn create(name: &str) -> Result<Self> {
        ip(&["netns", "add", name])?;
        ip(&["-n", name, "link", "set", "lo", "up"])?;
        let file = File::open(path(name)).with_context(|| format!("the namespace {name} has no file"))?;
        let (jobs, work) = sync_channel::<Job>(1);
        let (entered, answer) = sync_channel(1);
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let result = settle(&file);
            let inside = result.is_ok();
            entered.send(result).expect("the creator waits for the answer");
            while inside && let Ok(job) = work.recv() {
                job();
            }
        })?;
        let made =
            answer.recv().expect("the thread answers").with_context(|| format!("cannot enter the namespace {name}"));
        if let Err(error) = made {
            remove(name)?;
            return Err(error);
        }
        Ok(Self { name: name.to_owned(), jobs: Some(jobs), thread: Some(thread) })
    }

    /// Its name, as `ip netns` knows it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs `job` in the namespace and waits for it. Keep it short: jobs of one namespace wait for each other.
    pub(crate) fn enter<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, answer) = sync_channel(1);
        let job: Job = Box::new(move || {
            sender.send(catch_unwind(AssertUnwindSafe(job))).expect("the caller waits for the answer");
        });
        self.jobs
            .as_ref()
            .expect("the thread lives as long as the namespace")
            .send(job)
            .expect("the thread takes jobs");
        answer.recv().expect("the thread answers").unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("the thread of the namespace {} panicked", self.name);
        }
        if let Err(error) = remove(&self.name) {
            eprintln!("the namespace {} stays behind: {error:#}", self.name);
        }
    }
}

/// Moves this thread into the namespace, for good.
fn settle(namespace: &File) -> Result<()> {
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
    // systemd's default (loose) drops the answers to a DHCP client that has no address yet.
    for scope in ["all", "default"] {
        std::fs::write(format!("/proc/sys/net/ipv4/conf/{scope}/rp_filter"), "0")?;
    }
    Ok(())
}

/// Kills everything that runs in the namespace `name` and deletes it; nothing to do when it is gone.
pub(crate) fn remove(name: &str) -> Result<()> {
    if !path(name).exists() {
        return Ok(());
    }
    for pid in ip(&["netns", "pids", name])?.split_whitespace() {
        let pid: i32 = pid.parse().with_context(|| format!("ip netns pids said {pid:?}"))?;
        let pid = rustix::process::Pid::from_raw(pid).ok_or_else(|| anyhow!("ip netns pids said 0"))?;
        command::kill(pid)?;
    }
    ip(&["netns", "delete", name])?;
    Ok(())
}

/// The names of all namespaces of this machine.
pub(crate) fn all() -> Result<Vec<String>> {
    // Each line is a name, perhaps followed by " (id: 3)".
    Ok(ip(&["netns", "list"])?.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

fn path(name: &str) -> PathBuf {
    Path::new("/run/netns").join(name)
}
