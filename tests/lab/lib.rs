//! The lab: whole systems on one machine, out of real parts.
//!
//! A [`Lab`] holds [`Host`]s, each a network namespace with a folder, joined by [`link::Link`]s that can be cut, deafened, made lossy
//! or slow. On them run real programs ([`Process`]): Freehold's own ([`freehold`]), Debian's [`Kea`], Debian's DHCP [`client`]s. [`Site`] is the
//! usual shape: a controller, the branches Berlin and Munich, and as many clients as a test wants.
//!
//! What it promises: nothing leaves the lab's namespaces; nothing is asserted about time except by polling with a deadline
//! ([`wait`]); nothing stays when a lab is dropped, and what a killed one left is removed by the next
//! (`/var/lib/freehold-lab`). Programs also run inside a killed lab no longer: the kernel kills them with their maker.
//!
//! Where it cannot run, it says SKIPPED and why ([`skip`]). Everything here blocks; in async tests call it from the test's own
//! thread or `spawn_blocking`.

pub mod client;
mod command;
pub mod freehold;
mod host;
pub mod kea;
mod lab;
mod leftovers;
pub mod link;
pub mod loopback;
mod netns;
mod process;
pub mod proxy;
mod site;
pub mod wait;

pub use client::{Client, ClientLease};
pub use freehold::{Agent, Controller};
pub use host::{Host, Output};
pub use kea::{Generation, Kea, NOBODY};
pub use lab::{Lab, skip};
pub use loopback::Loopback;
pub use process::{Process, Program, built};
pub use rustix::process::Signal;
pub use site::{Branch, LAN, Site, WAN};
