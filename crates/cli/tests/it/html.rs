//! `html`: the page appears when it is whole, holds what was asked for, and replaces nothing unasked.

use std::fs;

use serde_json::json;

use crate::place::{Place, new_ids};

#[test]
fn a_page_of_all_sessions_is_made_once() {
    let place = Place::with_samples();
    let out = place.path("out.html");
    let out = out.to_str().unwrap();
    let told = place.run("html", &[out, "--json"]).code(0).json();
    assert_eq!(told["sessions"], 7);
    assert_eq!(told["bytes"], fs::metadata(out).unwrap().len());
    assert_eq!(told["unreadable"], json!([]));
    let page = fs::read_to_string(out).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"));
    assert_eq!(page.matches("id=\"session-").count(), 7);

    place.run("html", &[out]).code(1).err("--force replaces it");
    assert_eq!(fs::read_to_string(out).unwrap(), page);
    place.run("html", &[out, "--force", "--limit", "2"]).code(0);
    let fewer = fs::read_to_string(out).unwrap();
    assert_eq!(fewer.matches("id=\"session-").count(), 2);
}

#[test]
fn filters_choose_the_sessions() {
    let place = Place::with_samples();
    let made = |name: &str, args: &[&str]| {
        let out = place.path(name);
        let args = [&[out.to_str().unwrap(), "--json"], args].concat();
        place.run("html", &args).code(0).json()["sessions"].clone()
    };
    assert_eq!(made("1", &["--agent", "yoi"]), 7);
    assert_eq!(made("2", &["--agent", "claude"]), 0);
    assert_eq!(made("3", &["--until", "2026-03-02"]), 3);
    assert_eq!(made("4", &["--since", "2026-03-03T00:00"]), 4);
    assert_eq!(made("5", &["019cbda7"]), 1);
    assert_eq!(made("6", &["019cbda7", "--until", "2000-01-01"]), 0);
    assert_eq!(made("7", &["--cwd", "/nowhere"]), 0);
    let out = place.path("8");
    let out = out.to_str().unwrap();
    place
        .run("html", &[out, "--since", "soon"])
        .code(2)
        .err("3d");
    place.run("html", &[out, "ffff"]).code(3);
    assert!(!place.path("8").exists());
}

#[test]
fn what_cannot_be_written_is_said_and_leaves_nothing() {
    let place = Place::new();
    place.append(new_ids(), "{}\n").code(0);
    let out = place.path("no").join("out.html");
    place
        .run("html", &[out.to_str().unwrap()])
        .code(1)
        .err("the page cannot be written");
    let left = fs::read_dir(place.folder.path()).unwrap().count();
    assert_eq!(left, 1, "the archive alone");
}

#[cfg(unix)]
#[test]
fn a_page_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with_samples();
    let out = place.path("out.html");
    place.run("html", &[out.to_str().unwrap()]).code(0);
    assert_eq!(out.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}
