//! Waits for the process that tries inputs, and takes down the one that ended it.

use crate::corpus;
use crate::targets::Target;
use crate::worker::Log;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How much processor time one input may take; all of them take microseconds. Not time of day: a busy machine is no fault.
const INPUT_TIME_MAX: Duration = Duration::from_secs(10);
/// How long a failing input is made shorter.
const SHORTENING_TIME_MAX: Duration = Duration::from_secs(30);

/// How a target did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// No input was a fault.
    Passed,
    /// One was; it was printed where it lies.
    Failed,
}

/// Has `target` fuzzed for `time` by another process of `program`, this program.
pub fn supervise(program: &Path, target: &Target, time: Duration, seed: u64) -> io::Result<Verdict> {
    let logs = corpus::left_in("logs");
    std::fs::create_dir_all(&logs)?;
    let log = logs.join(format!("{}-{}", target.name, std::process::id()));
    drop(Log::create(&log)?);
    let child = Command::new(program)
        .args(["work", target.name, &time.as_secs().to_string(), &seed.to_string()])
        .arg(&log)
        .spawn()?;
    let ended = wait(child, || Log::read(&log).map(|read| read.map(|(tried, _)| tried)))?;
    let last = Log::read(&log)?;
    std::fs::remove_file(&log)?;
    let why = match ended {
        Some(status) if status.success() => return Ok(Verdict::Passed),
        Some(status) => format!("ended with {status}"),
        None => format!("worked on it for {INPUT_TIME_MAX:?} and was ended"),
    };
    let Some((tried, input)) = last else {
        return Err(io::Error::other(format!("{} {why} before the first input", target.name)));
    };
    let short = shortened(program, target, input)?;
    let file = corpus::keep(&corpus::left_in("failures").join(target.name), &short)?;
    let (name, shown) = (target.name, String::from_utf8_lossy(&short));
    println!("{name}: FAULT at input {tried} of seed {seed}: the process {why}\n  input: {shown:?}");
    println!("  again: cargo run --package freehold-fuzz -- replay {name} {}", file.display());
    println!("  after mending it, keep the file in tests/fuzz/corpus/{name}/");
    Ok(Verdict::Failed)
}

/// The child's end; `None` if it worked too long without `progress`, and was ended.
fn wait(mut child: Child, mut progress: impl FnMut() -> io::Result<Option<u64>>) -> io::Result<Option<ExitStatus>> {
    let mut last = (None, Duration::ZERO);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let (now, used) = (progress()?, processor_time(child.id())?);
        if now != last.0 {
            last = (now, used);
        } else if used.saturating_sub(last.1) > INPUT_TIME_MAX {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// What a child of ours has used of the processor, in user mode: `utime` of proc(5), in hundredths of a second.
fn processor_time(process: u32) -> io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name of the program, in parentheses, may hold spaces; `utime` is the twelfth field behind it.
    let ticks = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(11)?.parse().ok());
    let ticks: u64 = ticks.ok_or_else(|| io::Error::other(format!("no processor time in {stat:?}")))?;
    Ok(Duration::from_millis(10 * ticks))
}

/// `input` without the parts that the fault does not need, as far as the time allows.
fn shortened(program: &Path, target: &Target, mut input: Vec<u8>) -> io::Result<Vec<u8>> {
    let end = Instant::now() + SHORTENING_TIME_MAX;
    let file = corpus::left_in("logs").join(format!("{}-{}-short", target.name, std::process::id()));
    let mut part = input.len().div_ceil(2);
    while part > 0 {
        let mut at = 0;
        while at < input.len() && Instant::now() < end {
            let shorter = [&input[..at], &input[(at + part).min(input.len())..]].concat();
            if fails(program, target, &shorter, &file)? {
                input = shorter;
            } else {
                at += part;
            }
        }
        part /= 2;
    }
    std::fs::remove_file(&file)?;
    Ok(input)
}

fn fails(program: &Path, target: &Target, input: &[u8], file: &Path) -> io::Result<bool> {
    std::fs::write(file, input)?;
    let child = Command::new(program)
        .args(["replay", target.name])
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let ended = wait(child, || Ok(None))?;
    Ok(ended.is_none_or(|status| !status.success()))
}
