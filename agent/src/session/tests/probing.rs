use super::*;
use freehold_proto::sync::{ProbeAnswer, ProbeRequest};

#[test]
fn a_probe_is_handed_on_and_answered_while_the_line_holds() {
    let (mut bench, _) = Bench::welcomed(memory_of(None), store_point(1, 10));
    let request = ProbeRequest { probe_id: 7, addresses: vec!["10.1.2.3".into()], timeout_ms: 500 };
    assert_eq!(bench.hear(Down::Probe(request.clone())), [Output::Probe(request.clone())]);
    let answer = ProbeAnswer { probe_id: 7, results: Vec::new() };
    bench.0.probed(answer.clone());
    let [Output::Send(message)] = &bench.all()[..] else { panic!("one message") };
    assert_eq!(message.message, Some(Up::Probe(answer.clone())));

    bench.0.lost(at(20), 0);
    bench.0.probed(answer);
    assert_eq!(bench.all(), [], "nobody waits for it any more");
    assert_eq!(bench.hear(Down::Probe(request)), []);
}

#[test]
fn the_controller_is_told_the_networks_at_once_and_with_every_sign_of_life() {
    let mut bench = Bench::new(memory_of(None));
    bench.0.networks(vec!["10.1.0.0/16".into()]);
    bench.0.tick(at(0));
    bench.all();
    bench.0.connected(at(1));
    let [Output::Send(message)] = &bench.all()[..] else { panic!("a greeting") };
    let Some(Up::Hello(hello)) = &message.message else { panic!("a greeting") };
    assert_eq!(hello.networks, ["10.1.0.0/16"]);
    assert!(hello.features.iter().any(|feature| feature == "probe.v1"));

    bench.hear(Down::Welcome(welcome(store_point(1, 10), 5)));
    bench.0.networks(vec!["10.2.0.0/16".into()]);
    bench.0.tick(at(10 + 20_000));
    let [Output::Send(message)] = &bench.all()[..] else { panic!("a sign of life") };
    let Some(Up::Health(health)) = &message.message else { panic!("a sign of life") };
    assert_eq!(health.networks, ["10.2.0.0/16"]);
}
