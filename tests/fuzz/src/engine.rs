//! The loop: take an input, change it, try it, keep it if it reached something new.

use crate::coverage::Coverage;
use crate::mutate::mutated;
use crate::rng::Rng;
use crate::targets::Target;
use std::io;
use std::time::{Duration, Instant};

/// What the loop needs from outside.
pub trait Surroundings {
    /// Told of each input before it is tried; `false` ends the loop.
    fn goes_on(&mut self, tried: u64, input: &[u8]) -> io::Result<bool>;

    /// Told of an input that reached something new.
    fn found(&mut self, input: &[u8]) -> io::Result<()>;
}

/// What a loop did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Inputs tried.
    pub tried: u64,
    /// Inputs to go on from, at the end.
    pub corpus: usize,
    /// Edges of the program that were taken; 0 where nobody counts.
    pub edges: usize,
    /// The longest that an input took, by the wall clock.
    pub slowest: Duration,
}

/// Tries `corpus`, then what can be made of it, until the surroundings say stop. A fault of the target is a panic.
pub fn fuzz(target: &Target, mut corpus: Vec<Vec<u8>>, seed: u64, around: &mut impl Surroundings) -> io::Result<Tally> {
    let mut rng = Rng::new(seed);
    let mut coverage = Coverage::default();
    let mut tried = 0;
    let mut slowest = Duration::ZERO;
    let mut check = |input: &[u8], coverage: &mut Coverage| {
        coverage.reset();
        let begun = Instant::now();
        (target.check)(input);
        slowest = slowest.max(begun.elapsed());
        coverage.is_new()
    };
    for input in &corpus {
        if !around.goes_on(tried, input)? {
            break;
        }
        check(input, &mut coverage);
        tried += 1;
    }
    loop {
        let none = Vec::new();
        let base = rng.pick(&corpus).unwrap_or(&none);
        let other = rng.pick(&corpus).unwrap_or(&none);
        let input = mutated(base, other, target.dictionary, &mut rng);
        if !around.goes_on(tried, &input)? {
            return Ok(Tally { tried, corpus: corpus.len(), edges: coverage.edges(), slowest });
        }
        tried += 1;
        if check(&input, &mut coverage) {
            around.found(&input)?;
            corpus.push(input);
        }
    }
}
