//! Three archives at random over a bad way: one history in the end, and nothing is lost.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

use sessiondb_remote::Remote;
use sessiondb_remote_s3::Team;

use crate::proxy::{FAULTS, Proxy};
use crate::server::{Server, google, remote};

fn converge(start: fn() -> Server, remote: fn(SocketAddr) -> Remote) {
    let seeds: u64 = std::env::var("SEEDS").map_or(2, |seeds| seeds.parse().unwrap());
    let mut met_at_all = BTreeSet::new();
    for seed in 0..seeds {
        println!("seed {seed}");
        let (begun, server) = (Instant::now(), start());
        let proxy = Proxy::start(server.address, seed, 4);
        let mut team = Team::new(3, seed).unwrap();
        let bad = remote(proxy.address);
        for _ in 0..50 {
            team.step(&bad).unwrap();
        }
        let met = proxy.met();
        proxy.be_good();
        let entries = team.settle(&bad).unwrap();
        println!(
            "{:?}: {met:?}, {entries} entries, {:#?}",
            begun.elapsed(),
            team.counts
        );
        met_at_all.extend(met.into_keys());
        assert!(server.bucket.later_pages() > 0, "no list had two pages");
        let counts = &team.counts;
        assert!(counts.pushes > 0 && counts.pulls > 0 && counts.gcs > 0);
        assert!(counts.branches > 0 && entries > 0, "{counts:?}");
    }
    for fault in FAULTS {
        assert!(met_at_all.contains(&fault), "{fault:?} was not met");
    }
}

#[test]
fn archives_converge_over_a_bad_way() {
    converge(Server::start, remote);
}

#[test]
fn they_do_so_by_the_protocol_of_google() {
    converge(Server::open_for_all, google);
}
