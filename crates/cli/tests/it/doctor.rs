//! `doctor`: says what it can of an archive that is sound, damaged, busy, or not there.

use std::fs;

use sessiondb::{Archive, Sharing};

use crate::place::{Place, new_ids};

#[test]
fn a_sound_archive_is_told_of_as_a_whole() {
    let place = Place::with_samples();
    let told = place.run("doctor", &["--json"]).code(0).json();
    let versions = &told["versions"];
    assert_eq!(versions["command"], env!("CARGO_PKG_VERSION"));
    assert_eq!(versions["format_written"], 4);
    let archive = &told["archive"];
    assert_eq!(archive["path"], place.archive().to_str().unwrap());
    assert_eq!(archive["stats"]["sessions"], 7);
    assert_eq!(archive["file"]["head"]["format_version"], 4);
    assert_eq!(archive["journal"]["frames"], 0);
    let run = place.run("doctor", &[]).code(0).out("7 sessions");
    run.out("redb 4.").out("sessiondb check");
}

#[test]
fn what_waits_in_the_journal_is_counted() {
    let place = Place::new();
    let archive = Archive::open(place.archive()).unwrap();
    let (session, segment) = new_ids();
    archive.log(session, segment).append("hello").unwrap();
    let told = place.run("doctor", &["--json"]).code(0).json();
    assert_eq!(told["archive"]["journal"]["frames"], 1);
    assert!(told["archive"]["journal"]["bytes"].as_u64().unwrap() > 0);
}

#[cfg(target_os = "linux")]
#[test]
fn who_keeps_an_archive_is_named() {
    let place = Place::new();
    place.append(new_ids(), "{}\n").code(0);
    let options = Archive::options().sharing(Sharing::Exclusive);
    let _kept = options.open(place.archive()).unwrap();
    let args = ["--json", "--lock-timeout", "0"];
    let told = place.run("doctor", &args).code(0).json();
    let archive = &told["archive"];
    assert_eq!(archive["stats"], serde_json::Value::Null);
    let opener = &archive["open_in"][0];
    assert_eq!(opener["pid"], std::process::id());
    assert!(
        opener["locks"].to_string().contains("all of it"),
        "{told:#}"
    );
    let notes = archive["notes"].to_string();
    assert!(notes.contains("end the one that hangs"), "{notes}");
}

#[test]
fn a_damaged_file_is_told_of_as_far_as_it_can_be() {
    let place = Place::with_samples();
    let mut bytes = fs::read(place.archive()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..].fill(0xa5);
    fs::write(place.archive(), &bytes).unwrap();
    let before = bytes;
    let told = place.run("doctor", &["--json"]).code(0).json();
    assert_eq!(told["archive"]["file"]["head"]["format_version"], 4);
    assert_eq!(fs::read(place.archive()).unwrap(), before, "it only reads");

    fs::write(place.archive(), "no archive at all").unwrap();
    let run = place.run("doctor", &[]).code(0);
    run.out("note").out("not a sessiondb archive");
}

#[test]
fn without_an_archive_the_versions_are_told() {
    let place = Place::new();
    let run = place.run("doctor", &[]).code(0);
    run.out("redb 4.").out("no such archive");
    assert!(!place.archive().exists());
    let mut unnamed = crate::place::sessiondb();
    unnamed.args(["doctor", "--json"]);
    let told = crate::place::feed(unnamed, b"").code(0).json();
    assert_eq!(told["archive"]["path"], serde_json::Value::Null);
}
