//! Where the stories begin: a running controller, and Berlin's Kea with an agent beside it, managed.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use freehold_lab::client::perfdhcp::Load;
use freehold_lab::wait::until;
use freehold_lab::{Agent, Branch, Client, Controller, Lab, Output, Site};
use serde_json::{Value, json};

/// Berlin's server in the API.
pub(crate) const SERVER: &str = "berlin/kea4";
/// Enough for anything on this machine that is going to happen without a new connection.
pub(crate) const SOON: Duration = Duration::from_secs(20);
/// After faults stop, everything is as it should be within this (I5 of the design's invariants).
pub(crate) const CONVERGED: Duration = Duration::from_secs(60);

/// Berlin, served by Freehold.
pub(crate) struct Berlin<'a> {
    pub(crate) controller: Controller,
    pub(crate) agent: Agent,
    pub(crate) branch: &'a mut Branch,
    pub(crate) lab: &'a Lab,
}

impl Berlin<'_> {
    /// Tells a story of a Berlin whose Kea has no subnet of its own.
    pub(crate) fn with(story: impl FnOnce(&mut Berlin) -> Result<()>) -> Result<()> {
        Self::with_kea(|config| config, story)
    }

    /// Tells a story of a Berlin that serves IPv6 beside IPv4, without a subnet of its own in either.
    pub(crate) fn with_six(story: impl FnOnce(&mut Berlin) -> Result<()>) -> Result<()> {
        Self::with(|berlin| {
            let config = berlin.branch.kea6.config(berlin.branch.lan.interface(), &json!([]));
            berlin.branch.kea6.configure(&config)?;
            berlin.branch.kea6.start()?;
            berlin.agent.stop()?;
            berlin.agent.run()?;
            berlin.controller.wait_connected("berlin/kea6", SOON)?;
            berlin.done("server manage berlin/kea6 --wait")?;
            story(berlin)
        })
    }

    /// Tells a story of a Berlin whose Kea was configured by hand.
    pub(crate) fn with_kea(
        by_hand: impl FnOnce(Value) -> Value,
        story: impl FnOnce(&mut Berlin) -> Result<()>,
    ) -> Result<()> {
        Site::with(|site| {
            let mut controller = Controller::init(site)?;
            controller.run()?;
            let branch = &mut site.berlin;
            let config = by_hand(branch.kea.config(branch.lan.interface(), &json!([])));
            branch.kea.configure(&config)?;
            branch.kea.start()?;
            let mut agent = Agent::enrol(&controller, branch)?;
            agent.run()?;
            controller.wait_connected(SERVER, SOON)?;
            let mut berlin = Berlin { controller, agent, branch, lab: &site.lab };
            berlin.done("server manage berlin/kea4 --wait")?;
            story(&mut berlin)
        })
    }

    /// Runs `freehold` with the words of `line`, whatever comes of it.
    pub(crate) fn freehold(&self, line: &str) -> Result<Output> {
        self.controller.cli(line.split_whitespace())
    }

    /// Runs `freehold` with the words of `line`, which must end well.
    pub(crate) fn done(&self, line: &str) -> Result<String> {
        self.freehold(line)?.success().with_context(|| format!("`freehold {line}`"))
    }

    /// Runs `freehold --output json` with the words of `line`.
    pub(crate) fn json(&self, line: &str) -> Result<Value> {
        self.controller.json(line.split_whitespace())
    }

    /// The addresses of a list of leases in the API.
    pub(crate) fn leased(&self) -> Result<BTreeSet<Ipv4Addr>> {
        let listed = self.json(&format!("lease list --server {SERVER}"))?;
        listed
            .as_array()
            .into_iter()
            .flatten()
            .map(|lease| Ok(lease["address"].as_str().unwrap_or_default().parse()?))
            .collect()
    }

    /// Waits until the API shows exactly the leases that Kea's file has.
    pub(crate) fn wait_leases_equal(&self, limit: Duration) -> Result<()> {
        until("the controller knows Kea's leases", limit, || {
            let (controller, kea) = (self.leased()?, self.branch.kea.leases()?.into_keys().collect::<BTreeSet<_>>());
            ensure!(controller == kea, "the controller has {controller:?}, Kea {kea:?}");
            Ok(())
        })
    }

    /// How often Kea was given a configuration, or a part of one.
    pub(crate) fn pushes(&self) -> Result<usize> {
        let log = self.branch.kea.process().context("Kea runs")?.log()?;
        // From 2.6 on it gives itself its first one.
        let (_, log) = log.split_once("COMMAND_ACCEPTOR_START").context("Kea takes no commands")?;
        let parts =
            ["subnet4", "reservation"].map(|part| ["add", "update", "del"].map(|verb| format!("{part}-{verb}")));
        let names = parts.iter().flatten().map(String::as_str).chain(["config-set"]);
        Ok(names.map(|name| log.matches(&format!("Received command '{name}'")).count()).sum())
    }

    /// A client host that relays for a crowd, and the load of so many clients.
    pub(crate) fn crowd(&self, name: &str, clients: u32, rate: u32) -> Result<(Client, Load)> {
        let (relay, server) = (self.branch.address(255, 1), self.branch.address(0, 1));
        let crowd = self.branch.relay(self.lab, name, relay)?;
        Ok((crowd, Load { relay, server, clients, first: [2, 1, 0, 0, 0, 0], rate }))
    }
}
