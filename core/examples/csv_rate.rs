//! How fast a file of addresses is read, and how much memory that takes.
//!
//! `cargo run --release -p freehold-core --example csv_rate [ROWS] [freehold|netbox]`

use freehold_core::exchange::{Asked, Reader, Settings};
use freehold_core::name::SpaceName;
use std::time::{Duration, Instant};

fn line(source: &str, i: u32) -> String {
    let address = std::net::Ipv4Addr::from(0x0a00_0000 + i);
    let mac = i.to_be_bytes().map(|byte| format!("{byte:02x}")).join(":");
    if source == "netbox" {
        return format!(
            "{address}/16,active,host-{i}.example.net,\"Büro {i}, rack\",Kunde Süd (65000:1),\"voice,berlin\"\n"
        );
    }
    format!(
        "default,{address},claim,02:00:{mac},,,host-{i}.example.net,netops,\"Büro {i}, rack\",2027-01-01T00:00:00Z,site=berlin; voice,r{i}\n"
    )
}

/// A line of /proc/self/status, in kB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(name)).expect("a line");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("a number")
}

/// Time on a processor so far, of the only thread there is.
fn processor() -> Duration {
    let schedule = std::fs::read_to_string("/proc/self/schedstat").expect("Linux");
    Duration::from_nanos(schedule.split_whitespace().next().and_then(|ns| ns.parse().ok()).expect("a number"))
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rows: u32 = arguments.next().map_or(1_000_000, |rows| rows.parse().expect("a number"));
    let source = arguments.next().unwrap_or_else(|| "freehold".to_owned());
    let header = match source.as_str() {
        "netbox" => "IP Address,Status,DNS Name,Description,VRF,Tags\n",
        _ => "space,address,kind,hardware_address,client_id,duid,host_name,owner,comment,expires,tags,field:rack\n",
    };
    let settings = Settings { space: SpaceName::from_id("default").expect("an id"), format: Asked::Any };
    let mut reader = Reader::new(settings);
    let (mut sum, mut bytes) = (0u64, 0usize);
    let (mut spent, mut worked) = (Duration::ZERO, Duration::ZERO);
    let mut out = |row: freehold_core::exchange::Row| sum = sum.wrapping_add(row.line);
    let mut piece = String::from(header);
    let before = memory("VmHWM");
    for i in 0..rows {
        piece.push_str(&line(&source, i));
        if piece.len() > 1 << 20 || i + 1 == rows {
            let (begun, before) = (Instant::now(), processor());
            reader.feed(piece.as_bytes(), &mut out);
            worked += processor() - before;
            spent += begun.elapsed();
            bytes += piece.len();
            piece.clear();
        }
    }
    let outcome = reader.finish(&mut out);
    assert_eq!((outcome.rows, outcome.faults.total()), (u64::from(rows), 0), "{:?}", outcome.faults.kept().first());
    let seconds = spent.as_secs_f64();
    println!("{source}: {rows} rows, {:.1} MB in {seconds:.2} s", bytes as f64 / 1e6);
    println!("{:.0} rows/s, {:.0} MB/s", f64::from(rows) / seconds, bytes as f64 / 1e6 / seconds);
    println!(
        "{:.2} s of a processor, {:.2} µs a row",
        worked.as_secs_f64(),
        worked.as_secs_f64() * 1e6 / f64::from(rows)
    );
    println!("peak memory of the process {} kB, {before} kB of it before the first row (sum {sum})", memory("VmHWM"));
}
