//! The driver of ISC Kea, DHCPv4 and DHCPv6, by its control socket, its lease file and its configuration file.
//!
//! Which of the two a server is, and what they call the same thing: [`protocol`]. All else is about both.
//!
//! Finding it: [`discover`] reads processes and the configuration file ([`source`]).
//!
//! Talking to it: [`control`] is the socket, [`lookup`] what can be asked, [`bytes`] what its strings are.
//!
//! Configuring it, in the order of an apply ([`mod@apply`] is the sequence, and [`intent`] what a crash leaves of it):
//! - [`config`] takes what runs apart into Freehold's part and the rest; [`hidden`] adds what Kea does not show
//! - [`mod@plan`] makes the next configuration of a bundle, [`render`] each subnet of it
//! - [`steps`] says which single changes make it so, and [`live`] carries them out, where this Kea can; [`known`] remembers what it runs meanwhile
//! - [`mod@preview`] says what would come of all that, and changes nothing
//! - [`blame`] finds what Kea refuses, with [`locate`] for places in its complaints
//! - [`readback`] tells from what runs which bundle it is
//! - [`mod@review`] says what is doubtful in what runs
//! - [`probe`] tells from the kernel whether Kea hears its clients
//! - [`persist`] writes the file that Kea starts with
//!
//! Hearing of its leases: [`follow`] reads the lease file ([`memfile`]) as it grows, [`leases`] says what a row means.
//!
//! Kea 2.2 and 2.6 have nothing but `config-set`, for every change; until its turn comes [`bridge`] keeps Kea from leasing what is held or claimed.

pub mod apply;
pub mod blame;
pub mod bridge;
pub mod bytes;
pub mod config;
pub mod control;
pub mod discover;
pub mod follow;
mod found;
pub mod hidden;
pub mod intent;
pub mod known;
pub mod leases;
pub mod live;
pub mod locate;
pub mod lookup;
pub mod memfile;
pub mod persist;
pub mod plan;
pub mod preview;
pub mod probe;
pub mod protocol;
pub mod readback;
pub mod render;
pub mod review;
pub mod source;
pub mod steps;
