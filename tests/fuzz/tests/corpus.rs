//! What was found once stays found, and what is planted is found.

use freehold_fuzz::engine::{Surroundings, fuzz};
use freehold_fuzz::targets::{TARGETS, Target};
use freehold_fuzz::{corpus, mutate, rng::Rng};
use std::collections::BTreeSet;
use std::io;
use std::panic::catch_unwind;

#[test]
fn every_target_takes_its_corpus() {
    for target in TARGETS {
        let inputs = corpus::read(&corpus::checked_in(target.name)).expect("readable");
        assert!(!inputs.is_empty(), "{} has no examples in {:?}", target.name, corpus::checked_in(target.name));
        inputs.iter().for_each(|input| (target.check)(input));
    }
}

#[test]
fn every_folder_of_the_corpus_has_its_target() {
    let folders = std::fs::read_dir(corpus::checked_in("")).expect("a folder");
    let folders: BTreeSet<_> = folders.map(|entry| entry.expect("readable").file_name()).collect();
    assert_eq!(folders, TARGETS.iter().map(|target| target.name.into()).collect());
}

/// So many inputs; the last one is kept.
struct Count {
    most: u64,
    last: Vec<u8>,
}

impl Surroundings for Count {
    fn goes_on(&mut self, tried: u64, input: &[u8]) -> io::Result<bool> {
        self.last = input.to_vec();
        Ok(tried < self.most)
    }

    fn found(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// A fault as a parser could have one: a tag compared by order, inside a second parenthesis.
fn planted(input: &[u8]) {
    let has = |part: &str| input.windows(part.len()).any(|window| window == part.as_bytes());
    assert!(!(has("((") && has("tags.site>=")), "planted");
}

#[test]
fn a_planted_fault_is_found_from_every_seed() {
    let filter = TARGETS.iter().find(|target| target.name == "filter").expect("a target");
    let planted = Target { name: "planted", check: planted, dictionary: filter.dictionary };
    let examples = corpus::read(&corpus::checked_in("filter")).expect("readable");
    for seed in 0..5 {
        let mut count = Count { most: 2_000_000, last: Vec::new() };
        let run = catch_unwind(std::panic::AssertUnwindSafe(|| {
            fuzz(&planted, examples.clone(), seed, &mut count).expect("no file is involved")
        }));
        assert!(run.is_err(), "seed {seed}: {run:?}");
        assert!(catch_unwind(|| (planted.check)(&count.last)).is_err(), "the last input is the one");
    }
}

#[test]
fn inputs_follow_from_the_seed() {
    let draws = |seed| {
        let mut rng = Rng::new(seed);
        (0..50).map(|_| mutate::mutated(b"a = (b OR c)", b"-x:\"y\"", &["AND"], &mut rng)).collect::<Vec<_>>()
    };
    assert_eq!(draws(1), draws(1));
    assert_ne!(draws(1), draws(2));
}
