//! What a month costs at the list prices of S3.

use crate::world::{Measured, Size, real};

/// USD: a GB stored for a month, a put or a list, a get, and a GB that leaves for the internet.
const STORED: f64 = 0.023;
const PUT: f64 = 0.005 / 1_000.0;
const GET: f64 = 0.0004 / 1_000.0;
const EGRESS: f64 = 0.09;
const GB: f64 = 1e9;
/// A machine pushes once a minute and pulls once an hour, eight hours a day, twenty days a month.
const PUSHES: f64 = 9_600.0;
const DAYS_PUSHES: f64 = 480.0;
const PULLS: f64 = 160.0;
const DAYS: f64 = 20.0;
/// The bytes of packs, in place of the short entries that are measured.
const CONTENT: f64 = 1e12;

pub(crate) fn tell(size: Size, large: &Measured) {
    let machines = real(size.machines);
    let states: f64 = ["bases", "manifests"]
        .map(|what| large.value(&format!("stored, bytes of {what}")))
        .iter()
        .sum();
    let storage = (CONTENT + states) / GB * STORED;
    println!("\n{size}, a month, in USD at list prices");
    println!("{:48} {storage:14.2}", "1 TB of packs, with the states");
    println!("{:48} {:>14} {:>14}", "", "requests", "egress");
    for (what, call, times) in [
        ("a push a minute by each", "push of a turn each", PUSHES),
        (
            "a pull an hour by each of a turn of each other",
            "pull of a turn each",
            PULLS * machines,
        ),
        (
            "a pull an hour by each of nothing",
            "pull of nothing",
            PULLS * machines,
        ),
        (
            "a listing a day by each, without a cache",
            "listing",
            DAYS * machines,
        ),
    ] {
        let of = |kind: &str| large.value(&format!("{call}, {kind}"));
        let requests = (of("puts") + of("lists")) * PUT + of("gets") * GET;
        let egress = of("bytes in") / GB * EGRESS;
        println!(
            "{what:48} {:14.2} {:14.2}",
            requests * times,
            egress * times
        );
    }
    // It reads what each manifest says that is younger than the grace.
    let young = DAYS_PUSHES * machines / large.value("stored, manifests");
    let gc = large.value("gc, gets") * GET * young * DAYS;
    let bytes = large.value("gc, bytes in") / GB * EGRESS * young * DAYS;
    println!(
        "{:48} {gc:14.2} {bytes:14.2}",
        "a gc a day, with a grace of a day"
    );
}
