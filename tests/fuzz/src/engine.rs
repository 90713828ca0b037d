//! The loop: take an input, change it, try it, keep it if it reached something new.

use crate::coverage::Coverage;
use crate::mutate::mutated;
use crate::rng::Rng;
use crate::targets::Target;
use std::io;

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
}

/// Tries `corpus`, then what can be made of it, until the surroundings say stop. A fault of the target is a panic.
pub fn fuzz(target: &Target, mut corpus: Vec<Vec<u8>>, seed: u64, around: &mut impl Surroundings) -> io::Result<Tally> {
    let mut rng = Rng::new(seed);
    let mut coverage = Coverage::default();
    let mut tried = 0;
    coverage.reset();
    for input in &corpus {
        if !around.goes_on(tried, input)? {
            break;
        }
        coverage.reset();
        (target.check)(input);
        coverage.is_new();
        tried += 1;
    }
    loop {
        let none = Vec::new();
        let base = rng.pick(&corpus).unwrap_or(&none);
        let other = rng.pick(&corpus).unwrap_or(&none);
        let input = mutated(base, other, target.dictionary, &mut rng);
        if !around.goes_on(tried, &input)? {
            return Ok(Tally { tried, corpus: corpus.len(), edges: coverage.edges() });
        }
        coverage.reset();
        (target.check)(&input);
        tried += 1;
        if coverage.is_new() {
            around.found(&input)?;
            corpus.push(input);
        }
    }
}
