//! New inputs out of old ones: by token, so that many of them get past the lexer, and by byte, so that some do not.

use crate::rng::Rng;

/// The longest input; longer than every limit of a target, so that the limits are tried too.
const BYTES_MAX: usize = 6_000;

/// What opens something, and what closes it again.
const PAIRS: &[(&str, &str)] = &[("(", ")"), ("-(", ")"), ("NOT (a ", ")"), ("\"", "\""), ("'", "'")];

/// `base`, changed in one place or more; half of the time in one, a quarter in two, and so on.
pub fn mutated(base: &[u8], other: &[u8], dictionary: &[&str], rng: &mut Rng) -> Vec<u8> {
    let mut input = base.to_vec();
    loop {
        input = if rng.below(4) > 0 { by_token(&input, other, dictionary, rng) } else { by_byte(input, other, rng) };
        if rng.below(2) == 0 {
            break;
        }
    }
    input.truncate(BYTES_MAX);
    input
}

/// Runs of letters, digits and what is no ASCII; every other byte alone. `fine` cuts between letters and digits too, so
/// that a number can be changed in the middle of a word.
fn tokens(input: &[u8], fine: bool) -> Vec<&[u8]> {
    let kind = |b: &u8| match b {
        b'0'..=b'9' if fine => 2,
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => 1,
        _ => 0,
    };
    input.chunk_by(|a, b| kind(a) != 0 && kind(a) == kind(b)).collect()
}

fn by_token(input: &[u8], other: &[u8], dictionary: &[&str], rng: &mut Rng) -> Vec<u8> {
    let fine = rng.below(3) == 0;
    let mut tokens = tokens(input, fine);
    let (from, to) = (rng.below(tokens.len() + 1), rng.below(tokens.len() + 1));
    let (from, to) = (from.min(to), from.max(to).min(from.min(to) + 1 + rng.below(8)));
    let others = self::tokens(other, fine);
    let word = rng.pick(dictionary).map_or(&[][..], |word| word.as_bytes());
    match rng.below(9) {
        0 => drop(tokens.drain(from..to)),
        1 => {
            let copy = tokens[from..to].to_vec();
            let at = rng.below(tokens.len() + 1);
            tokens.splice(at..at, copy);
        }
        2 => {
            // Long lists.
            let copy = tokens[from..to].repeat(1 + rng.below(60));
            tokens.splice(to..to, copy);
        }
        3 => {
            let start = rng.below(others.len() + 1);
            let end = (start + 1 + rng.below(8)).min(others.len());
            tokens.splice(from..to, others[start..end].iter().copied());
        }
        4 => {
            let (open, close) = rng.pick(PAIRS).expect("there are some");
            let times = if rng.below(2) == 0 { 1 } else { 1 + rng.below(60) };
            tokens.splice(to..to, vec![close.as_bytes(); times]);
            tokens.splice(from..from, vec![open.as_bytes(); times]);
        }
        5 if !tokens.is_empty() => {
            let (a, b) = (rng.below(tokens.len()), rng.below(tokens.len()));
            tokens.swap(a, b);
        }
        6 if !tokens.is_empty() => {
            let at = rng.below(tokens.len());
            tokens[at] = word;
        }
        _ => tokens.insert(from, word),
    }
    tokens.concat()
}

fn by_byte(mut input: Vec<u8>, other: &[u8], rng: &mut Rng) -> Vec<u8> {
    let at = rng.below(input.len() + 1);
    let byte = rng.draw().to_le_bytes()[0];
    match rng.below(6) {
        0 => input.insert(at, byte),
        1 => input.insert(at, byte & 0x7f),
        2 => {
            input.truncate(at);
            input.extend(&other[rng.below(other.len() + 1)..]);
        }
        _ if at == input.len() => input.push(byte & 0x7f),
        3 => drop(input.remove(at)),
        4 => input[at] ^= 1 << rng.below(8),
        _ => input[at] = byte & 0x7f,
    }
    input
}
