//! The table of checks: what is looked for, how bad it is, why, and what to do.

use crate::refusal::{Reason, Refusal};
use crate::text::shown;
use std::fmt;
use std::str::FromStr;

/// How bad a finding is; what is worse is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It works, and could be better.
    Advice,
    /// It works today, or for some; it will not always.
    Warning,
    /// Clients suffer now.
    Error,
}

impl Severity {
    /// Every severity, the least first.
    pub const ALL: [Self; 3] = [Self::Advice, Self::Warning, Self::Error];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Advice => "advice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// What a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A scope of the plan.
    Scope,
    /// A server, as the plan uses it.
    Server,
    /// The configuration that a server runs, which its agent looks at: it never leaves the host whole.
    Configuration,
}

macro_rules! checks {
    ($($variant:ident = $id:literal, $severity:ident, $subject:ident, $reason:literal, $fix:literal;)*) => {
        /// Something that is looked for.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check {
            $(#[doc = $reason] $variant,)*
        }

        impl Check {
            /// Every check, those of scopes first, then those of servers, then those of configurations.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name, which never changes.
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)* }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What it looks at.
            pub fn subject(self) -> Subject {
                match self { $(Self::$variant => Subject::$subject,)* }
            }

            /// Why it matters, in a sentence.
            pub fn reason(self) -> &'static str {
                match self { $(Self::$variant => $reason,)* }
            }

            /// What to do, in a sentence.
            pub fn fix(self) -> &'static str {
                match self { $(Self::$variant => $fix,)* }
            }
        }
    };
}

checks! {
    NoRouter = "no-router", Warning, Scope,
        "Clients that are given no router reach nothing outside their own network.",
        "Set the option routers (3); if the network is isolated on purpose, leave it.";
    RouterElsewhere = "router-elsewhere", Error, Scope,
        "A client can send to a router in its own network only.",
        "Set the option routers (3) to the router's address inside this network.";
    UselessAddress = "useless-address", Error, Scope,
        "No host can have the address that clients are told to use.",
        "Correct the address in the option.";
    AddressTwice = "address-twice", Advice, Scope,
        "An address that is given twice in an option is no second one: clients wait for it twice.",
        "Give each address once.";
    NoDnsServers = "no-dns-servers", Warning, Scope,
        "Clients that are given no DNS server resolve no names.",
        "Set the option domain-name-servers (6) or, for IPv6, dns-servers (23); if routers announce them (RFC 8106), leave it.";
    DnsServerInPool = "dns-server-in-pool", Warning, Scope,
        "A DNS server's address may be leased to a client, and then both are lost.",
        "Claim or reserve the address for the DNS server, or exclude it from its range.";
    SearchWithoutDomain = "search-without-domain", Advice, Scope,
        "Clients that do not know domain search (119), older Windows among them, are given no domain at all.",
        "Set the option domain-name (15), too.";
    MtuTooSmall = "mtu-too-small", Warning, Scope,
        "Every host of IPv4 takes packets of 576 bytes (RFC 1122, section 3.3.2); a smaller MTU breaks path discovery and TLS.",
        "Correct the option interface-mtu (26), or leave it out.";
    RenewStorm = "renew-storm", Warning, Scope,
        "Leases that are short for so many clients keep the server busy renewing, and all at once after an outage.",
        "Lengthen the lease or its renewal time until a full pool renews at most 100 leases a second, and no pool of more than 256 leases for less than 5 minutes.";
    LateRenewal = "late-renewal", Warning, Scope,
        "Whoever renews late has no time left to outlive a server that is away (RFC 2131, section 4.4.5: half of the lease, then 7/8).",
        "Have clients renew before 80 % and rebind before 95 % of the lease, or leave both to the server.";
    PreferredEndsEarly = "preferred-ends-early", Warning, Scope,
        "An address that is deprecated before it is renewed takes no new connections for a while, each time.",
        "Make the preferred lifetime longer than the renewal time.";
    LongLeasesInFullPool = "long-leases-in-full-pool", Warning, Scope,
        "Addresses of clients that left stay leased for days while the pool is almost used up.",
        "Shorten the lease, or widen the ranges.";
    PoolExhausted = "pool-exhausted", Error, Scope,
        "A new client gets no address.",
        "Widen the ranges, take exclusions back, shorten leases, or reclaim stale addresses.";
    PoolNearlyExhausted = "pool-nearly-exhausted", Warning, Scope,
        "At 95 % and more, the next few new clients are the last ones to get an address.",
        "Widen the ranges, take exclusions back, shorten leases, or reclaim stale addresses.";
    PrefixPoolNearlyExhausted = "prefix-pool-nearly-exhausted", Warning, Scope,
        "At 95 % and more, the next few new routers are the last ones to get a prefix.",
        "Add a pool of delegated prefixes.";
    DelegatedPrefixTooLong = "delegated-prefix-too-long", Warning, Scope,
        "A router cannot number a network out of a prefix longer than /64 (RFC 7421): its hosts form no addresses.",
        "Delegate prefixes of /64 or shorter; /56 is usual.";
    ServesNobody = "serves-nobody", Warning, Scope,
        "An active scope without ranges, pools, reservations and claims answers nobody.",
        "Give it a range, reserve addresses in it, or make it inactive.";
    RangeExcluded = "range-excluded", Warning, Scope,
        "A range that exclusions cover whole leases nothing.",
        "Take the exclusion back, or the range out.";
    ScopeWithoutServer = "scope-without-server", Warning, Scope,
        "An active scope that no server has is not served.",
        "Give it a server, or make it inactive.";
    NetworkNotInUse = "network-not-in-use", Advice, Scope,
        "The plan says that the network is not, or not much longer, in use, and its scope goes on leasing there.",
        "Correct the status of the prefix, or make the scope inactive.";
    LinkUnknown = "link-unknown", Advice, Scope,
        "A client of DHCPv6 has no address by which its link could be told: without an interface the server hears only relays that name an address of the network.",
        "Name the server's interface on the link, the relay's addresses or its interface-id; if the relay's own address is in the network, leave it.";
    HostNameTwice = "host-name-twice", Warning, Scope,
        "Two clients that are given one host name take it from each other in DNS.",
        "Give each client a host name of its own.";
    PoolsOnOneLink = "pools-on-one-link", Error, Scope,
        "Two servers that hear the same relay lease the same addresses to different clients.",
        "Make the ranges of the two scopes disjoint, or serve the link from one of them.";
    ServerUnmanaged = "server-unmanaged", Warning, Server,
        "Freehold does not change a server that is not managed: its scopes are not served.",
        "Make the server managed, or give its scopes to another one.";
    ServerRenewStorm = "server-renew-storm", Warning, Server,
        "All pools of the server together renew more leases a second, when full, than leave it time for a storm after an outage.",
        "Lengthen the leases of its largest scopes, or give some of them to another server, until it is at most 500 a second.";
    LinkShared = "link-shared", Warning, Server,
        "Scopes of one server with the same interface, relay or interface-id are one link for it: its clients are served by the first of them only.",
        "Give each scope what tells its link from the others.";
    SubnetOnTwoServers = "subnet-on-two-servers", Warning, Server,
        "Two servers that serve a subnet by their own configurations and are no pair lease an address to two clients where their pools meet.",
        "Make the pools disjoint, make the servers a pair (high availability), or take the subnet from one of them.";

    UndefinedClass = "undefined-class", Error, Configuration,
        "A subnet or pool that only clients of an undefined class may use serves nobody, and Kea says nothing.",
        "Define the class, or correct its name.";
    ClassNeverEvaluated = "class-never-evaluated", Warning, Configuration,
        "A class that is evaluated only where it is asked for, and that nothing asks for, has no members.",
        "Name it in require-client-classes (evaluate-additional-classes), or take only-if-required (only-in-additional-list) out.";
    HaResponseDelay = "ha-response-delay", Warning, Configuration,
        "For max-response-delay, a minute unless said, the partner of a server that died is not even suspected, and clients wait.",
        "Set max-response-delay to 10 to 20 seconds, and heartbeat-delay to half of that or less.";
    HaUnackedClients = "ha-unacked-clients", Warning, Configuration,
        "A server takes over only when more clients than max-unacked-clients go unanswered at once; a small site never has as many.",
        "Set max-unacked-clients to a few per cent of the clients, or to 0 to take over as soon as the partner is silent.";
    HaInClear = "ha-in-clear", Warning, Configuration,
        "Whoever reaches the port of the pair can read and change leases and stop the service: it speaks HTTP without TLS and takes every command.",
        "Give the peers https URLs with trust-anchor, cert-file and key-file, and set restrict-commands to true.";
    HaSingleThreaded = "ha-single-threaded", Warning, Configuration,
        "The pair's own threads are not used while the server's multi-threading is off, and each lease waits for the partner alone.",
        "Set multi-threading.enable-multi-threading to true, or take it out of the hook's parameters.";
    HaPair = "ha-pair", Advice, Configuration,
        "The server is one of a pair: what is changed on one is not changed on the other by itself.",
        "Change both in the same way.";
    HaScopesOnOnePeer = "ha-scopes-on-one-peer", Warning, Configuration,
        "A scope has one server, and the partner of a pair refuses lease updates of a subnet that it does not have, and then counts as failed.",
        "Put the same subnets, with the same ids, into the partner's configuration, or serve the scopes from a server that is no part of a pair.";
    LeasesNotKept = "leases-not-kept", Error, Configuration,
        "The server forgets every lease when it restarts, and leases addresses in use to others.",
        "Set lease-database.persist to true.";
    LeaseFileGrows = "lease-file-grows", Warning, Configuration,
        "The lease file is never cleaned: it fills the disk, and each start reads all of it.",
        "Set lease-database.lfc-interval to 3600.";
    NoLeaseCommands = "no-lease-commands", Warning, Configuration,
        "Without libdhcp_lease_cmds.so a held or claimed address is kept from being leased only by a new configuration, seconds later.",
        "Load libdhcp_lease_cmds.so in hooks-libraries.";
    NoStatistics = "no-statistics", Advice, Configuration,
        "Without libdhcp_stat_cmds.so the server does not say how many addresses of its subnets are leased.",
        "Load libdhcp_stat_cmds.so in hooks-libraries.";
    ControlSocketOpen = "control-socket-open", Error, Configuration,
        "Anyone who reaches the HTTP control socket can change or stop the server.",
        "Give it authentication and TLS, or let it listen on 127.0.0.1 or a unix socket only.";
    ReservationElsewhere = "reservation-elsewhere", Warning, Configuration,
        "A client that is reserved an address outside of its subnet gets one that does not work there.",
        "Move the reservation to the subnet of its address.";
    SubnetsOverlap = "subnets-overlap", Warning, Configuration,
        "Kea takes subnets that share addresses, and leases an address once in each.",
        "Make the subnets, or at least their pools, disjoint.";
    SubnetEmpty = "subnet-empty", Advice, Configuration,
        "A subnet without pools and reservations answers nobody.",
        "Give it a pool, or take it out.";
    IdentifierNotLookedFor = "identifier-not-looked-for", Error, Configuration,
        "A reservation by an identifier that is not in host-reservation-identifiers is never found: its client gets any address.",
        "Add the kind of identifier to host-reservation-identifiers.";
    ReservationsIgnored = "reservations-ignored", Error, Configuration,
        "Reservations where the reservations-* flags say that there are none are never found: their clients get any address, and others theirs.",
        "Set reservations-in-subnet or reservations-global to true there, and reservations-out-of-pool to false where addresses in pools are reserved.";
    OwnRenewStorm = "own-renew-storm", Warning, Configuration,
        "Leases that are short for so many clients keep the server busy renewing, and all at once after an outage.",
        "Lengthen valid-lifetime or renew-timer until a full pool renews at most 100 leases a second.";
    OwnSubnetWithoutRouter = "own-subnet-without-router", Warning, Configuration,
        "Clients that are given no router reach nothing outside their own network.",
        "Set the option routers in the subnet, its pools or its shared network.";
    OwnSubnetWithoutDns = "own-subnet-without-dns", Warning, Configuration,
        "Clients that are given no DNS server resolve no names.",
        "Set the option domain-name-servers (IPv6: dns-servers) for all or in the subnet.";
    ListensNowhere = "listens-nowhere", Error, Configuration,
        "A server without interfaces hears no clients.",
        "Name its interfaces in interfaces-config.interfaces, or \"*\" for all.";
    DeclineTooShort = "decline-too-short", Advice, Configuration,
        "An address that a client found in use is leased again minutes later, and most likely is still in use.",
        "Leave decline-probation-period at a day, or set at least an hour.";
    DnsServerSilent = "dns-server-silent", Warning, Configuration,
        "A DNS server that clients are told of does not answer the server's host; they may wait seconds for each name.",
        "Correct the option, or see to the DNS server and to what filters the way to it.";
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Check {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let found = Self::ALL.iter().copied().find(|check| check.id() == text);
        found.ok_or_else(|| Refusal::new(Reason::InvalidValue, format!("no check is called {}", shown(text))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_check_has_a_name_of_its_own_a_reason_and_a_fix() {
        let ids: BTreeSet<_> = Check::ALL.iter().map(|check| check.id()).collect();
        assert_eq!(ids.len(), Check::ALL.len());
        for check in Check::ALL {
            let kebab = check.id().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
            assert!(kebab && check.id().len() <= 40, "{check}");
            for sentence in [check.reason(), check.fix()] {
                let begins = sentence.starts_with(|first: char| first.is_uppercase());
                assert!(begins && sentence.ends_with('.') && sentence.len() < 200, "{check}: {sentence}");
            }
            assert_eq!(check.id().parse(), Ok(*check));
        }
        assert_eq!("no-such".parse::<Check>().map_err(|refusal| refusal.reason), Err(Reason::InvalidValue));
        assert!(Check::ALL.is_sorted_by_key(|check| check.subject()), "by what they look at");
    }
}
