//! What one address comes to, of what each way of asking came to.

use freehold_proto::sync::{ProbeMethod, ProbeResult, probe_result::Verdict};
use std::net::IpAddr;
use std::time::Duration;

/// Why one way of asking could not be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// ARP is for IPv4.
    OtherFamily,
    /// No interface of this host is in the address's network.
    NotOnLink,
    /// Something failed, in words.
    Cannot(String),
}

/// What one way of asking came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked<Who, Why> {
    /// Somebody answered, after so long.
    Answered(Who, Duration),
    /// Nobody answered in time.
    Silent,
    /// It could not be tried.
    Not(Why),
}

/// An address that nobody could be asked about.
pub fn unable(address: String, why: &str) -> ProbeResult {
    ProbeResult { address, verdict: Verdict::Unable.into(), message: why.to_owned(), ..ProbeResult::default() }
}

/// What the address comes to: an answer counts, whatever the other way came to; silence counts only of a way that was tried,
/// and says what was not.
pub fn judge(address: IpAddr, arp: Asked<[u8; 6], Why>, ping: Asked<(), String>) -> ProbeResult {
    let address = address.to_string();
    let us = |took: Duration| u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let answered = |method: ProbeMethod, hardware: &[u8], took| ProbeResult {
        verdict: Verdict::Answered.into(),
        method: method.into(),
        hardware: hardware.to_vec(),
        round_trip_us: us(took),
        address: address.clone(),
        ..ProbeResult::default()
    };
    let silent = |message: String| ProbeResult {
        verdict: Verdict::Silent.into(),
        message,
        address: address.clone(),
        ..ProbeResult::default()
    };
    match (arp, ping) {
        (Asked::Answered(hardware, took), _) => answered(ProbeMethod::Arp, &hardware, took),
        (_, Asked::Answered((), took)) => answered(ProbeMethod::Ping, &[], took),
        // On its own link an address that is there answers ARP; that it could not be pinged, too, takes nothing away.
        (Asked::Silent, _) | (Asked::Not(Why::OtherFamily), Asked::Silent) => silent(String::new()),
        (Asked::Not(Why::NotOnLink), Asked::Silent) => {
            silent("asked by ping alone, through a router: a host that drops pings stays hidden".to_owned())
        }
        (Asked::Not(Why::Cannot(why)), Asked::Silent) => {
            silent(format!("asked by ping alone, as ARP cannot be used: {why}"))
        }
        (Asked::Not(Why::Cannot(arp)), Asked::Not(ping)) => {
            unable(address, &format!("it cannot be asked by ARP: {arp}; nor by ping: {ping}"))
        }
        (Asked::Not(Why::NotOnLink), Asked::Not(ping)) => {
            unable(address, &format!("it is on no link of this host, and cannot be pinged: {ping}"))
        }
        (Asked::Not(Why::OtherFamily), Asked::Not(ping)) => unable(address, &format!("it cannot be pinged: {ping}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(arp: Asked<[u8; 6], Why>, ping: Asked<(), String>) -> (Verdict, ProbeMethod, String) {
        let result = judge(IpAddr::from([10, 1, 2, 3]), arp, ping);
        assert_eq!(result.address, "10.1.2.3");
        (result.verdict(), result.method(), result.message)
    }

    fn cannot(why: &str) -> Asked<[u8; 6], Why> {
        Asked::Not(Why::Cannot(why.to_owned()))
    }

    fn mute(why: &str) -> Asked<(), String> {
        Asked::Not(why.to_owned())
    }

    const ARP: Asked<[u8; 6], Why> = Asked::Answered([2, 0, 0, 0, 0, 7], Duration::from_micros(250));
    const PING: Asked<(), String> = Asked::Answered((), Duration::from_micros(400));

    #[test]
    fn any_answer_counts_and_arp_says_more() {
        let full = judge(IpAddr::from([10, 1, 2, 3]), ARP, PING);
        let expected = ProbeResult {
            address: "10.1.2.3".to_owned(),
            verdict: Verdict::Answered.into(),
            method: ProbeMethod::Arp.into(),
            hardware: vec![2, 0, 0, 0, 0, 7],
            round_trip_us: 250,
            message: String::new(),
        };
        assert_eq!(full, expected);
        assert_eq!(check(cannot("x"), PING), (Verdict::Answered, ProbeMethod::Ping, String::new()));
        assert_eq!(check(Asked::Silent, PING), (Verdict::Answered, ProbeMethod::Ping, String::new()));
    }

    #[test]
    fn silence_says_what_was_not_tried() {
        let none = ProbeMethod::Unspecified;
        assert_eq!(check(Asked::Silent, Asked::Silent), (Verdict::Silent, none, String::new()));
        assert_eq!(check(Asked::Silent, mute("firewall")), (Verdict::Silent, none, String::new()));
        let words = "asked by ping alone, as ARP cannot be used: no right";
        assert_eq!(check(cannot("no right"), Asked::Silent), (Verdict::Silent, none, words.to_owned()));
        let words = "asked by ping alone, through a router: a host that drops pings stays hidden";
        assert_eq!(check(Asked::Not(Why::NotOnLink), Asked::Silent), (Verdict::Silent, none, words.to_owned()));
        assert_eq!(check(Asked::Not(Why::OtherFamily), Asked::Silent), (Verdict::Silent, none, String::new()));
    }

    #[test]
    fn what_could_not_be_asked_is_not_silent() {
        let none = ProbeMethod::Unspecified;
        let words = "it cannot be asked by ARP: a; nor by ping: b";
        assert_eq!(check(cannot("a"), mute("b")), (Verdict::Unable, none, words.to_owned()));
        let words = "it is on no link of this host, and cannot be pinged: no route";
        assert_eq!(check(Asked::Not(Why::NotOnLink), mute("no route")), (Verdict::Unable, none, words.to_owned()));
        let words = "it cannot be pinged: no route";
        assert_eq!(check(Asked::Not(Why::OtherFamily), mute("no route")), (Verdict::Unable, none, words.to_owned()));
    }
}
