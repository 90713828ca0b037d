//! Spools written by earlier versions open for ever. Never change a sample; add one beside it.

use super::*;
use freehold_agent::spool::frame::{Frame, Header, encode};
use prost::Message;

const SAMPLE: &[u8] = b"\x01\x00EEEEEEEEEEEEEEEE\x02\x01\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\
\x05\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0\xe8\x03\0\0\0\0\0\0\x04\0\0\0line\x02\0\0\0\
\x0a\0\0\0\x08\x03\x12\x04\x0a\x00\x00\x01\x60\x07\x06\0\0\0\x12\x04\x0a\x00\x00\x02";

fn header() -> Header {
    Header {
        folding: false,
        epoch: *b"EEEEEEEEEEEEEEEE",
        epoch_frame: 258,
        first_seq: 3,
        acked_seq: 2,
        lost: 5,
        folded: 6,
        at_ms: 1000,
        position: b"line".to_vec(),
    }
}

fn events() -> Vec<LeaseEvent> {
    let renewed =
        LeaseEvent { kind: Kind::Renewed.into(), address: vec![10, 0, 0, 1], observed_ms: 7, ..LeaseEvent::default() };
    vec![renewed, LeaseEvent { address: vec![10, 0, 0, 2], ..LeaseEvent::default() }]
}

#[test]
fn the_first_version_reads_and_is_what_is_written() {
    let encoded: Vec<Vec<u8>> = events().iter().map(Message::encode_to_vec).collect();
    assert_eq!(encode(&header(), &encoded), SAMPLE);
    assert_eq!(Frame::decode(SAMPLE), Ok(Frame { header: header(), events: events() }));
}

#[test]
fn anything_else_is_refused() {
    for length in 0..SAMPLE.len() {
        assert!(Frame::decode(&SAMPLE[..length]).is_err(), "{length} bytes");
    }
    assert!(Frame::decode(&[SAMPLE, b"x"].concat()).is_err());
    let later = [b"\x02".as_slice(), &SAMPLE[1..]].concat();
    assert_eq!(Frame::decode(&later), Err("it is of another version"));
}
