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
    // Each manifest stays for a day after another one followed it, and is in each list of all.
    let manifests = DAYS_PUSHES * machines;
    let lists = manifests / 1_000.0;
    let pulls = PULLS * machines;
    for (what, call, lists, times) in [
        (
            "a push a minute",
            "push of a turn each",
            large.value("push of a turn each, lists"),
            PUSHES,
        ),
        (
            "a pull an hour, a turn of each other",
            "pull of a turn each",
            lists,
            pulls,
        ),
        (
            "a pull an hour, of nothing",
            "pull of nothing",
            lists,
            pulls,
        ),
        (
            "a listing a day, without a cache",
            "listing",
            lists,
            DAYS * machines,
        ),
    ] {
        let of = |kind: &str| large.value(&format!("{call}, {kind}"));
        let requests = (of("puts") + lists) * PUT + of("gets") * GET;
        tell_row(what, requests * times, of("bytes in") * times);
    }
    let young = manifests / large.value("stored, manifests");
    let gc = lists * PUT + large.value("gc, gets") * GET * young;
    let bytes = large.value("gc, bytes in") * young;
    tell_row(
        "one gc a day, with a grace of a day",
        gc * DAYS,
        bytes * DAYS,
    );
}

fn tell_row(what: &str, requests: f64, received: f64) {
    println!("{what:48} {requests:14.2} {:14.2}", received / GB * EGRESS);
}
