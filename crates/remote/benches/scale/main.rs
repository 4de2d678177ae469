//! What it costs as more machines share a remote: requests by kind, bytes, time and memory of pushes, pulls, listings and
//! `gc`, at growing sizes; how each of them grows; and what that makes of 10,000 machines and ten million sessions.
//!
//! `cargo bench -p sessiondb-remote --bench scale -- [MACHINESxSESSIONS...]`. All sizes but the last one are fitted, and
//! the last one is held against what the fit says of it.

#![expect(clippy::print_stdout, reason = "it is what a measurement is for")]

mod bill;
mod fit;
#[path = "../shared/mod.rs"]
mod shared;
mod world;

use std::error::Error;

use self::fit::Fit;
use self::world::{Measured, Size, reader, run};

/// Three numbers of machines, three of sessions; and one with many machines to check them by.
const SIZES: [&str; 6] = [
    "10x100", "100x100", "1000x100", "100x250", "100x1000", "5000x60",
];
/// Whom the bill is for.
const LARGE: Size = Size {
    machines: 10_000,
    sessions: 1_000,
};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<_> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == world::READER) {
        return reader(words.get(1..).unwrap_or_default());
    }
    let mut sizes: Vec<Size> = Vec::new();
    for word in words.iter().filter(|word| !word.starts_with("--")) {
        sizes.push(word.parse()?);
    }
    if sizes.is_empty() {
        sizes = SIZES
            .iter()
            .map(|size| size.parse())
            .collect::<Result<_, _>>()?;
    }
    let mut runs = Vec::new();
    for size in sizes {
        let measured = run(size)?;
        tell(size, &measured);
        runs.push((size, measured));
    }
    let Some((last, fitted)) = runs.split_last().filter(|(_, fitted)| fitted.len() >= 3) else {
        println!("\nthree sizes and one more are needed to tell how it grows");
        return Ok(());
    };
    let large = fit(fitted, last);
    bill::tell(LARGE, &large);
    Ok(())
}

/// Tells how each number grows, and returns what that makes of it at the large size.
fn fit(fitted: &[(Size, Measured)], (last, measured): &(Size, Measured)) -> Measured {
    println!(
        "\n{:38} {:>10} {:>12} {:>12} {:>7} {:>14} {:>14} {:>16}",
        "",
        "+",
        "a machine",
        "a session",
        "off by",
        format!("{last}, fit"),
        "measured",
        LARGE.to_string()
    );
    let mut large = Measured::default();
    for (what, measured) in &measured.rows {
        let points = fitted.iter().map(|(size, rows)| (*size, rows.value(what)));
        let fit = Fit::of(&points.collect::<Vec<_>>());
        let (at_last, at_large) = (fit.at(*last), fit.at(LARGE));
        println!("{what:38} {fit} {at_last:14.1} {measured:14.1} {at_large:16.1}");
        large.rows.push((what.clone(), at_large));
    }
    large
}

fn tell(size: Size, measured: &Measured) {
    println!("\n{size}");
    for (what, value) in &measured.rows {
        println!("{what:38} {value:16.1}");
    }
}
