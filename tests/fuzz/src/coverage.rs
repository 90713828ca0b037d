//! Which branches an input took, in a build with `coverage.toml`; elsewhere nobody counts.
//!
//! LLVM's SanitizerCoverage puts a byte for each edge of the program into one array, adds one to it whenever the edge is
//! taken, and tells where the array is before `main` (clang's SanitizerCoverage.rst, "Inline 8bit-counters").

/// The counts of edges that were ever seen, as libFuzzer coarsens them: 1, 2, 3, 4–7, 8–15, 16–31, 32–127, more.
#[derive(Debug, Default)]
pub struct Coverage {
    seen: Vec<u8>,
}

impl Coverage {
    /// Forgets what was counted since the last look, at the cost of a look.
    pub fn reset(&mut self) {
        edges::take(|_, _| {});
    }

    /// Whether an edge was taken as often as never before, since the last look; always no where nobody counts.
    pub fn is_new(&mut self) -> bool {
        let mut new = false;
        let seen = &mut self.seen;
        edges::take(|edge, count| {
            if seen.len() <= edge {
                seen.resize(edge + 1, 0);
            }
            let bit = match count {
                0 => 0,
                1..=3 => 1 << (count - 1),
                4..=7 => 1 << 3,
                8..=15 => 1 << 4,
                16..=31 => 1 << 5,
                32..=127 => 1 << 6,
                _ => 1 << 7,
            };
            new |= seen[edge] & bit != bit;
            seen[edge] |= bit;
        });
        new
    }

    /// How many edges were taken at all.
    pub fn edges(&self) -> usize {
        self.seen.iter().filter(|counts| **counts != 0).count()
    }
}

/// Whether this build counts.
pub fn counts() -> bool {
    cfg!(freehold_coverage)
}

#[cfg(not(freehold_coverage))]
mod edges {
    pub(super) fn take(_: impl FnMut(usize, u8)) {}
}

#[cfg(freehold_coverage)]
#[expect(unsafe_code, reason = "the counters are the compiler's, in an array outside of Rust")]
mod edges {
    use std::ptr::null_mut;
    use std::sync::atomic::{AtomicPtr, AtomicU8, Ordering::Relaxed};

    static START: AtomicPtr<u8> = AtomicPtr::new(null_mut());
    static STOP: AtomicPtr<u8> = AtomicPtr::new(null_mut());

    /// Called by each instrumented module before `main`, always with the array of the whole program.
    #[unsafe(no_mangle)]
    extern "C" fn __sanitizer_cov_8bit_counters_init(start: *mut u8, stop: *mut u8) {
        START.store(start, Relaxed);
        STOP.store(stop, Relaxed);
    }

    /// Hands out the count of every edge that was taken, and sets it to 0.
    pub(super) fn take(mut see: impl FnMut(usize, u8)) {
        let (start, stop) = (START.load(Relaxed), STOP.load(Relaxed));
        for edge in 0..stop as usize - start as usize {
            // SAFETY: the linker made [start, stop) of the counters alone; they live as long as the program, and a
            // byte has the layout of an AtomicU8.
            let counter = unsafe { AtomicU8::from_ptr(start.add(edge)) };
            let count = counter.load(Relaxed);
            if count != 0 {
                counter.store(0, Relaxed);
                see(edge, count);
            }
        }
    }
}
