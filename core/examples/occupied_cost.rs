//! What a set of taken addresses costs: time of each question and change by how full the range is, memory by member.
//!
//! `cargo run --release -p freehold-core --example occupied_cost`
//!
//! Times are means over many calls at drawn places, the best of three passes; memory is the growth of the resident set, all sets kept alive.
//! Ends with status 1 if finding a free address in a 99 %-full /8 costs more than twice that in a half-full one.

use freehold_core::occupied::{AddressSet, Union};
use std::hint::black_box;
use std::io::{Error, ErrorKind};
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::Instant;

const EIGHT: RangeInclusive<u128> = 0x0a00_0000..=0x0aff_ffff;
const SIXTY_FOUR: u128 = 0x2001_0db8_0000_0000_u128 << 64;
const CALLS: u64 = 1_000_000;

/// SplitMix64: the same numbers at every run.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u128) -> u128 {
        (u128::from(self.next()) * limit) >> 64
    }

    fn within(&mut self, range: &RangeInclusive<u128>) -> u128 {
        range.start() + self.below(range.end() - range.start() + 1)
    }
}

/// Every address of the /8 with this chance, ascending.
fn in_eight(seed: u64, per_mille: u128) -> impl Iterator<Item = u128> {
    let mut draw = Draw(seed);
    EIGHT.filter(move |_| draw.below(1000) < per_mille)
}

/// So many in the /64, in no order.
fn in_sixty_four(count: u64) -> impl Iterator<Item = u128> {
    let mut draw = Draw(64);
    (0..count).map(move |_| SIXTY_FOUR | u128::from(draw.next()))
}

fn resident_bytes() -> Result<f64, Error> {
    let statm = std::fs::read_to_string("/proc/self/statm")?;
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.map(|pages| pages * 4096.0).ok_or_else(|| Error::new(ErrorKind::InvalidData, statm))
}

fn built(what: &str, build: impl FnOnce() -> AddressSet) -> Result<AddressSet, Error> {
    let (before, start) = (resident_bytes()?, Instant::now());
    let set = build();
    let (took, bytes) = (start.elapsed(), resident_bytes()? - before);
    let each = bytes / set.len() as f64;
    println!("{what:<44} {:>10} members {:>7.0} ms {each:>8.3} bytes each", set.len(), took.as_secs_f64() * 1e3);
    Ok(set)
}

fn inserted(numbers: impl Iterator<Item = u128>) -> AddressSet {
    let mut set = AddressSet::new();
    numbers.for_each(|number| {
        set.insert(number);
    });
    set
}

/// Mean nanoseconds of a call, in the best of three passes.
fn nanoseconds(calls: u64, mut call: impl FnMut(&mut Draw)) -> f64 {
    let mut pass = || {
        let mut draw = Draw(7);
        let start = Instant::now();
        (0..calls).for_each(|_| call(&mut draw));
        start.elapsed().as_secs_f64() * 1e9 / calls as f64
    };
    pass().min(pass()).min(pass())
}

/// Prints a row of times; returns those of finding a free address.
fn timed(what: &str, set: &AddressSet, range: &RangeInclusive<u128>) -> [f64; 3] {
    let free = set.free_in(range.clone());
    let contains = nanoseconds(CALLS, |draw| {
        black_box(set.contains(draw.within(range)));
    });
    let from_start = nanoseconds(CALLS, |_| {
        black_box(set.first_free(black_box(range).clone(), *range.start()));
    });
    let first = nanoseconds(CALLS, |draw| {
        black_box(set.first_free(range.clone(), draw.within(range)));
    });
    let nth = nanoseconds(CALLS, |draw| {
        black_box(set.nth_free(range.clone(), draw.below(free)));
    });
    let count = nanoseconds(CALLS, |draw| {
        black_box(set.count_in(draw.within(range)..=*range.end()));
    });
    let change = |set: &mut AddressSet, draw: &mut Draw| {
        let number = draw.within(range);
        if set.insert(number) {
            set.remove(number);
        } else {
            set.remove(number);
            set.insert(number);
        }
    };
    let mut own = set.clone();
    let in_place = nanoseconds(CALLS, |draw| change(&mut own, draw));
    let copying = nanoseconds(CALLS / 4, |draw| {
        let kept = own.clone();
        change(&mut own, draw);
        black_box(kept);
    });
    println!(
        "{what:<26} {contains:>9.0} {from_start:>9.0} {first:>9.0} {nth:>9.0} {count:>9.0} {in_place:>9.0} {copying:>9.0}"
    );
    [from_start, first, nth]
}

/// Prints what two sets cost, asked as one.
fn timed_union(what: &str, one: &AddressSet, other: &AddressSet, range: &RangeInclusive<u128>) {
    let union = Union::of([one, other]);
    let few = 50;
    let first = nanoseconds(CALLS, |draw| {
        black_box(union.first_free(range.clone(), draw.within(range)));
    });
    let free = union.free_in(range.clone());
    let count = nanoseconds(few, |_| {
        black_box(union.free_in(black_box(range).clone()));
    });
    let nth = nanoseconds(few, |draw| {
        black_box(union.nth_free(range.clone(), draw.below(free)));
    });
    let page = nanoseconds(CALLS / 100, |draw| {
        black_box(union.runs_in(draw.within(range)..=*range.end()).take(100).count());
    });
    println!("{what:<44} {first:>9.0} {nth:>9.0} {count:>9.0} {page:>9.0}");
}

fn main() -> Result<ExitCode, Error> {
    println!("Memory, and time to build");
    let dense = built("1M in a row, ascending", || (*EIGHT.start()..EIGHT.start() + 1_000_000).collect())?;
    let spread = built("10M in a /8, one in 1.6, ascending", || in_eight(1, 625).take(10_000_000).collect())?;
    let spread_inserted = built("the same, inserted one by one", || inserted(in_eight(1, 625).take(10_000_000)))?;
    let ten = built("10M, even numbers, ascending", || (0..10_000_000).map(|n| EIGHT.start() + 2 * n).collect())?;
    let wide = built("1M drawn in a /64, in no order", || inserted(in_sixty_four(1_000_000)))?;
    let wide_sorted = built("the same, ascending", || wide.iter_in(0..=u128::MAX).collect())?;
    assert!(wide == wide_sorted && spread == spread_inserted, "a set is built as it is inserted");
    drop((dense, ten, wide_sorted, spread_inserted));
    let empty = AddressSet::new();
    let one = built("one per mille of a /8", || in_eight(3, 1).collect())?;
    let half = built("half of a /8", || in_eight(4, 500).collect())?;
    let most = built("99 % of a /8", || in_eight(5, 990).collect())?;
    let front = built("the first 99 % of a /8", || EIGHT.take(16_609_443).collect())?;

    println!("\nNanoseconds: contains; first free from the start, from a drawn place; n-th free; count in a range;");
    println!("insert and remove of one, alone and with a clone held before each pair");
    let wide_range = SIXTY_FOUR..=SIXTY_FOUR | u128::from(u64::MAX);
    timed("/8 empty", &empty, &EIGHT);
    timed("/8 one per mille", &one, &EIGHT);
    let at_half = timed("/8 half full", &half, &EIGHT);
    timed("/8 one in 1.6", &spread, &EIGHT);
    let at_most = timed("/8 99 % full", &most, &EIGHT);
    timed("/8 first 99 % full", &front, &EIGHT);
    timed("/64 empty", &empty, &wide_range);
    timed("/64 with 1M", &wide, &wide_range);

    println!("\nNanoseconds, two sets as one: first free, n-th free, count of free ones, a page of 100 runs");
    timed_union("/8 half full, and one per mille", &half, &one, &EIGHT);
    timed_union("/8 half full, and 99 % full", &half, &most, &EIGHT);
    timed_union("/64 with 1M, and a /8 elsewhere", &wide, &half, &wide_range);

    let steady = at_half.iter().zip(at_most).all(|(half, most)| most <= 2.0 * half);
    Ok(if steady { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
