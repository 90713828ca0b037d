//! Fuzzing of what reads text from outside.
//!
//! A target ([`targets`]) is a function of some bytes that asserts what must hold for any; a new one is a row in
//! [`targets::TARGETS`] and a folder of examples in `corpus/`. Three ways run it:
//!
//! - `cargo test` feeds it its corpus, so what was found once stays found;
//! - `cargo verify` runs `freehold-fuzz --seconds 10`: examples, mutated with an eye to their tokens ([`mutate`]);
//! - `cargo run --config tests/fuzz/coverage.toml --package freehold-fuzz -- --seconds 3600` also counts the branches
//!   that inputs take, and keeps an input that reaches a new one ([`coverage`]) in `target/fuzz/found/TARGET/`.
//!
//! Each target runs in a process of its own ([`worker`]) that writes down an input before it tries it. So whatever ends
//! that process, be it a panic, a stack overflow or an endless loop, the one who waits for it ([`supervisor`]) has the
//! input, makes it short, and leaves it in `target/fuzz/failures/`. Without coverage the inputs follow from the seed
//! and the corpus alone.

pub mod corpus;
pub mod coverage;
pub mod engine;
pub mod mutate;
pub mod rng;
pub mod supervisor;
pub mod targets;
pub mod worker;
