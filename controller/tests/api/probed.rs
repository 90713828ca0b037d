//! Addresses that are probed before they are given out: who answers is noted and passed over.

use crate::addresses::{allocate, client, details, get, given};
use crate::agent::{Agent, answered};
use crate::house::*;
use crate::probing::agent_in;
use crate::whole::{answer, refused};
use freehold_proto::sync::{ProbeResult, probe_result::Verdict};
use freehold_proto::v1::address::State;
use freehold_proto::v1::address_probe::Outcome;
use freehold_proto::v1::*;
use std::future::Future;
use std::time::Duration;
use tokio::time::timeout;
use tonic::{Code, Status};

const LIMIT: Duration = Duration::from_secs(20);
const LINKS: &[&str] = &["10.1.0.0/24", "10.2.0.0/24"];

fn probed(parent: &str, purpose: AddressPurpose, count: i32) -> AllocateAddressesRequest {
    AllocateAddressesRequest { probe: ProbePolicy::Required.into(), ..allocate(parent, purpose, count) }
}

fn claim(address: &str, hardware: &str) -> AllocateAddressesRequest {
    AllocateAddressesRequest {
        addresses: vec![address.to_owned()],
        details: vec![details(hardware)],
        ..probed(FREE, AddressPurpose::Claim, 1)
    }
}

async fn asks(house: &House, request: AllocateAddressesRequest) -> Result<AllocateAddressesResponse, Status> {
    timeout(LIMIT, client(house).allocate_addresses(request)).await.expect("in time").map(tonic::Response::into_inner)
}

/// What comes of `calls` while these addresses answer and all others are silent.
async fn while_there<T>(agent: &mut Agent, there: &[&str], calls: impl Future<Output = T>) -> T {
    tokio::select! {
        done = calls => done,
        never = agent.answers_for(there) => match never {},
    }
}

fn plain(made: &AllocateAddressesResponse) -> Vec<&str> {
    made.addresses.iter().map(|address| address.address.as_str()).collect()
}

fn outcomes(made: &AllocateAddressesResponse) -> Vec<(&str, Outcome)> {
    let last = |probe: &'_ AddressProbe| probe.name.rfind('/').map_or(0, |slash| slash + 1);
    made.probes.iter().map(|probe| (&probe.name[last(probe)..], probe.outcome())).collect()
}

/// Addresses of a network that something is known of.
async fn known(house: &House, parent: &str) -> Vec<(String, State)> {
    let list = ListAddressesRequest { parent: parent.to_owned(), ..Default::default() };
    let rows = client(house).list_addresses(list).await.expect("a list").into_inner().rows;
    let address = |row: AddressRow| match row.row {
        Some(address_row::Row::Address(address)) => Some((address.address.clone(), address.state())),
        _ => None,
    };
    rows.into_iter().filter_map(address).filter(|(_, state)| *state != State::NotUsable).collect()
}

fn is(address: &str, state: State) -> (String, State) {
    (address.to_owned(), state)
}

#[tokio::test]
async fn who_answers_is_noted_and_passed_over() {
    let mut house = House::furnished().await;
    let mut agent = agent_in(&house, "berlin-1", LINKS).await;
    let there = ["10.2.0.1", "10.2.0.2"];
    let one = probed(FREE, AddressPurpose::Claim, 1);
    let made = while_there(&mut agent, &there, asks(&house, one)).await.expect("given out");
    assert_eq!(plain(&made), ["10.2.0.3"]);
    let expected = [("10.2.0.1", Outcome::Answered), ("10.2.0.2", Outcome::Answered), ("10.2.0.3", Outcome::Silent)];
    assert_eq!(outcomes(&made), expected);
    let expected = [is("10.2.0.1", State::Answering), is("10.2.0.2", State::Answering), is("10.2.0.3", State::Claimed)];
    assert_eq!(known(&house, FREE).await, expected);
    let seen = get(&house, "10.2.0.1").await;
    let words = "02:00:00:00:00:66 answers on it, as agents/berlin-1 heard, though nothing is known of it";
    assert_eq!((seen.state(), seen.reasons[0].message.as_str()), (State::Answering, words));
    let Some(address_reason::Detail::Sighting(sighting)) = &seen.reasons[0].detail else { panic!("a sighting") };
    let days = sighting.expire_time.expect("an end").seconds - sighting.create_time.expect("a time").seconds;
    assert_eq!((sighting.agent.as_str(), days), ("agents/berlin-1", 7 * 24 * 3600));

    // Nobody gets it, asked or not, and whatever was restarted; but at their own risk, by name.
    house.restart().await;
    let next = given(&house, allocate(FREE, AddressPurpose::Hold, 1)).await;
    assert_eq!(next[0].address, "10.2.0.4");
    let by_name = AllocateAddressesRequest { probe: 0, ..claim("10.2.0.1", "02:00:00:00:00:01") };
    let error = client(&house).allocate_addresses(by_name.clone()).await.expect_err("somebody answers");
    assert_eq!(answer(&error), refused(Code::FailedPrecondition, "ADDRESS_ANSWERS"));
    let risked = given(&house, AllocateAddressesRequest { accept_risk: true, ..by_name }).await;
    assert_eq!((risked[0].state(), risked[0].reasons.len()), (State::Claimed, 2));

    let clear = ClearSightingRequest { name: format!("{DEFAULT}/addresses/10.2.0.2"), ..Default::default() };
    client(&house).clear_sighting(clear.clone()).await.expect("cleared");
    assert_eq!(given(&house, allocate(FREE, AddressPurpose::Hold, 1)).await[0].address, "10.2.0.2");
    let error = client(&house).clear_sighting(clear).await.expect_err("it is clear");
    assert_eq!(answer(&error), refused(Code::NotFound, "SIGHTING_NOT_FOUND"));
}

#[tokio::test]
async fn everything_that_is_given_out_can_be_probed() {
    let house = House::furnished().await;
    let mut agent = agent_in(&house, "berlin-1", LINKS).await;
    let there = ["10.1.0.10", "10.1.0.12", "10.2.0.1", "10.2.0.7"];
    let each = |first: u8| (first..first + 3).map(|last| details(&format!("02:00:00:00:01:{last:02x}"))).collect();
    let reserve =
        AllocateAddressesRequest { details: each(0), ..probed("scopes/yard", AddressPurpose::Reservation, 3) };
    let made = while_there(&mut agent, &there, asks(&house, reserve)).await.expect("reserved");
    assert_eq!(plain(&made), ["10.1.0.11", "10.1.0.13", "10.1.0.14"]);
    assert!(made.addresses.iter().all(|address| address.state() == State::Reserved), "{made:?}");

    let choose = AllocateAddressesRequest { networks: vec![FREE.to_owned()], ..probed("", AddressPurpose::Hold, 2) };
    let made = while_there(&mut agent, &there, asks(&house, choose)).await.expect("held");
    assert_eq!(plain(&made), ["10.2.0.2", "10.2.0.3"]);
    let until = made.addresses[0].reasons[0].end_time.expect("an end").seconds;
    let since = made.addresses[0].reasons[0].start_time.expect("a time").seconds;
    assert_eq!(until - since, 600, "as long as the caller asked for, not as long as a probe takes");

    let random = AllocateAddressesRequest { random: true, ..probed(FREE, AddressPurpose::Claim, 3) };
    let made = while_there(&mut agent, &there, asks(&house, random)).await.expect("claimed");
    assert_eq!(made.addresses.len(), 3);

    let named = claim("10.2.0.7", "02:00:00:00:02:07");
    let error = while_there(&mut agent, &there, asks(&house, named)).await.expect_err("somebody answers");
    assert_eq!(answer(&error), refused(Code::FailedPrecondition, "ADDRESS_ANSWERS"));
    assert_eq!(
        error.message(),
        "somebody answers, of whom nothing is known, on every address that was tried: 10.2.0.7 (02:00:00:00:00:66)"
    );
    assert_eq!(get(&house, "10.2.0.7").await.state(), State::Answering);
    let named = claim("10.2.0.8", "02:00:00:00:02:08");
    let made = while_there(&mut agent, &there, asks(&house, named)).await.expect("nobody answers");
    assert_eq!(plain(&made), ["10.2.0.8"]);
}

#[tokio::test]
async fn where_nobody_can_ask_the_caller_decides() {
    let house = House::furnished().await;
    let error = asks(&house, probed(FREE, AddressPurpose::Claim, 2)).await.expect_err("nobody can ask");
    assert_eq!(answer(&error), refused(Code::FailedPrecondition, "PROBE_IMPOSSIBLE"));
    assert_eq!(known(&house, FREE).await, [], "nothing stays held");

    let best_effort = ProbePolicy::BestEffort.into();
    let request = AllocateAddressesRequest { probe: best_effort, ..probed(FREE, AddressPurpose::Claim, 1) };
    let made = asks(&house, request).await.expect("given out all the same");
    assert_eq!((plain(&made), outcomes(&made)), (vec!["10.2.0.1"], vec![("10.2.0.1", Outcome::Unable)]));
    let why = "no connected agent has an interface in the network of 10.2.0.1, and no server serves it";
    assert_eq!(made.probes[0].message, why);

    let request = AllocateAddressesRequest { validate_only: true, ..probed(FREE, AddressPurpose::Claim, 1) };
    let planned = asks(&house, request).await.expect("a plan needs no probe");
    assert_eq!((plain(&planned), planned.probes.len()), (vec!["10.2.0.2"], 0));
}

#[tokio::test]
async fn a_call_that_finds_an_answer_everywhere_ends_and_names_them() {
    let house = House::furnished().await;
    let mut agent = agent_in(&house, "berlin-1", LINKS).await;
    let all: Vec<String> = (1..=20).map(|last| format!("10.2.0.{last}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let asked = asks(&house, probed(FREE, AddressPurpose::Claim, 1));
    let error = while_there(&mut agent, &all, asked).await.expect_err("somebody answers everywhere");
    assert_eq!(answer(&error), refused(Code::FailedPrecondition, "ADDRESS_ANSWERS"));
    let told = "10.2.0.1 (02:00:00:00:00:66); 10.2.0.2 (02:00:00:00:00:66); 10.2.0.3 (02:00:00:00:00:66); and 5 more";
    assert!(error.message().ends_with(told), "{}", error.message());
    let expected: Vec<_> = all[..8].iter().map(|address| is(address, State::Answering)).collect();
    assert_eq!(known(&house, FREE).await, expected, "noted, and not held");
}

#[tokio::test]
async fn a_repeated_call_gives_the_same_and_asks_nobody() {
    let mut house = House::furnished().await;
    let mut agent = agent_in(&house, "berlin-1", LINKS).await;
    let request = AllocateAddressesRequest {
        request_id: "r-1".to_owned(),
        details: vec![details("02:00:00:00:00:01")],
        ..probed("scopes/yard", AddressPurpose::Reservation, 1)
    };
    // Both at once: one comes first, and the other is told the same and leaves nothing held.
    let twice = async { tokio::join!(asks(&house, request.clone()), asks(&house, request.clone())) };
    let (one, other) = while_there(&mut agent, &[], twice).await;
    let (one, other) = (one.expect("reserved"), other.expect("reserved"));
    assert_eq!((plain(&one).len(), plain(&one)), (1, plain(&other)));
    let address = one.addresses[0].address.clone();
    let expected = {
        let mut both = [is(&address, State::Reserved), is("10.1.0.70", State::Reserved)];
        both.sort();
        both
    };
    assert_eq!(known(&house, "scopes/yard").await, expected);

    drop(agent);
    house.restart().await;
    let again = asks(&house, request.clone()).await.expect("the same again");
    assert_eq!((plain(&again), again.probes.len()), (vec![address.as_str()], 0));
    let other = AllocateAddressesRequest { count: 2, ..request };
    let error = asks(&house, other).await.expect_err("another request of the same id");
    assert_eq!(answer(&error), refused(Code::FailedPrecondition, "REQUEST_ID_REUSED"));
}

#[tokio::test]
async fn two_callers_get_two_addresses() {
    let house = House::furnished().await;
    let mut agent = agent_in(&house, "berlin-1", LINKS).await;
    let one = || asks(&house, probed(FREE, AddressPurpose::Claim, 1));
    let both = async { tokio::join!(one(), one()) };
    let (one, other) = while_there(&mut agent, &["10.2.0.1"], both).await;
    let mut both = [one.expect("given"), other.expect("given")].map(|made| plain(&made)[0].to_owned());
    both.sort();
    assert!(both[0] != both[1] && !both.contains(&"10.2.0.1".to_owned()), "{both:?}");
}

/// A hold that is given back while it is probed may be somebody else's by the time the answer comes.
#[tokio::test]
async fn what_is_not_held_any_more_is_not_given_out() {
    let house = House::furnished().await;
    let mut agent = agent_in(&house, "berlin-1", LINKS).await;
    let steals = async {
        let request = agent.probe().await;
        let name = format!("{DEFAULT}/addresses/10.2.0.1");
        client(&house).release_address(ReleaseAddressRequest { name, ..Default::default() }).await.expect("released");
        let hold = AllocateAddressesRequest {
            addresses: vec!["10.2.0.1".to_owned()],
            ..allocate(FREE, AddressPurpose::Hold, 1)
        };
        given(&house, hold).await;
        let silent =
            ProbeResult { verdict: Verdict::Silent.into(), address: "10.2.0.1".to_owned(), ..answered("10.2.0.1") };
        agent.found(request.probe_id, vec![silent]).await;
    };
    let (made, ()) = tokio::join!(asks(&house, probed(FREE, AddressPurpose::Claim, 1)), steals);
    let error = made.expect_err("it is another's");
    assert_eq!(answer(&error), refused(Code::FailedPrecondition, "HOLD_EXPIRED"));
    assert_eq!(known(&house, FREE).await, [is("10.2.0.1", State::Held)], "the other hold is left alone");
}
