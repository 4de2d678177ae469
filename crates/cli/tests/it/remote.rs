//! `push`, `pull`, `remote check` and `remote gc` over a folder.

use crate::place::Place;

pub(crate) fn url(place: &Place) -> String {
    let path = place.path("shared").to_str().unwrap().replace('\\', "/");
    format!(
        "file://{}{path}",
        if path.starts_with('/') { "" } else { "/" }
    )
}

#[test]
fn machines_share_a_folder() {
    let (one, two) = (Place::with_samples(), Place::new());
    let url = url(&one);
    let pushed = one.run("push", &[&url, "--json"]).code(0).json();
    assert!(pushed["new_entries"].as_u64().unwrap() > 0 && pushed["is_put"] == true);
    let again = one.run("push", &[&url]).code(0);
    assert!(again.stderr.contains("nothing is new"), "{}", again.stderr);
    let pulled = two.run("pull", &[&url, "--json"]).code(0).json();
    // Branches count with what they share.
    assert!(pulled["new_entries"].as_u64() >= pushed["new_entries"].as_u64());
    assert_eq!(pulled["notes"].as_array().unwrap().len(), 0);
    let list = |place: &Place| place.run("ls", &["--json"]).code(0).stdout;
    assert_eq!(list(&one), list(&two));

    let checked = one.run("remote", &["check", &url, "--json"]).code(0).json();
    assert_eq!(
        (&checked["writers"], &checked["unused_packs"]),
        (&1.into(), &0.into())
    );
    let gc = one
        .run("remote", &["gc", &url, "--dry-run", "--json"])
        .code(0)
        .json();
    assert_eq!((&gc["manifests"], &gc["packs"]), (&0.into(), &0.into()));

    let pack = std::fs::read_dir(one.path("shared/v1/p"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    std::fs::write(pack.path(), "cut").unwrap();
    let damaged = one.run("remote", &["check", &url]).code(5);
    let name = pack.file_name().into_string().unwrap();
    assert!(damaged.stderr.contains(&name), "{}", damaged.stderr);
}

#[test]
fn a_url_that_names_no_store_is_wrong_usage_and_tells_no_password() {
    let place = Place::with_samples();
    let run = place
        .run("push", &["ftp://ann:secret@host/folder?token=secret"])
        .code(2);
    assert!(
        run.stderr.contains("ftp://host/folder") && !run.stderr.contains("secret"),
        "{}",
        run.stderr
    );
}

#[test]
fn some_sessions_are_pulled_by_the_beginning_of_their_id_or_by_a_filter() {
    let one = Place::with_samples();
    let url = url(&one);
    one.run("push", &[&url]).code(0);
    let all = one.run("ls", &["--all", "--json"]).code(0).json_lines();
    let all = all.as_array().unwrap();
    let id = all[0]["id"].as_str().unwrap();
    let pulled = |args: &[&str]| {
        let place = Place::new();
        place.run("pull", &[&[&*url], args].concat()).code(0);
        let list = place.run("ls", &["--all", "--json"]).code(0).json_lines();
        let ids = list.as_array().unwrap().iter();
        ids.map(|it| it["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let short = all
        .iter()
        .filter(|it| it["id"].as_str().unwrap()[..8] == id[..8]);
    assert_eq!(short.count(), 1);
    assert_eq!(pulled(&[&id[..8]]), [id]);
    let title = all.iter().find_map(|it| it["title"].as_str()).unwrap();
    let of_title = one
        .run("ls", &["--title", title, "--json"])
        .code(0)
        .json_lines();
    let found = pulled(&["--title", title]);
    assert_eq!(found.len(), of_title.as_array().unwrap().len());
    assert!(!found.is_empty() && found.len() < all.len());
    assert!(pulled(&["--since", "2999-01-01"]).is_empty());
    Place::new().run("pull", &[&url, "no-such-id"]).code(3);
    Place::new()
        .run("pull", &[&url, &id[..8], "--title", title])
        .code(2);
}

/// Waits until something is so, for as long as a slow machine may take.
#[cfg(unix)]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed().as_secs() < 60, "in vain: {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[cfg(unix)]
#[test]
fn a_watch_pushes_as_things_grow_and_the_rest_at_its_end() {
    use std::process::Stdio;

    let (one, two) = (Place::with_samples(), Place::new());
    let url = url(&one);
    let mut watch = one
        .command("push", &[&url, "--watch", "--every", "0.05", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let entries = |place: &Place| {
        let pulled = place.run("pull", &[&url, "--json"]).code(0);
        pulled.json()["new_entries"].as_u64().unwrap()
    };
    until("what there is", || entries(&two) > 0);
    let log = (sessiondb::new_session_id(), sessiondb::new_segment_id());
    let append = || one.append(log, "{\"more\":1}\n").code(0);
    append();
    until("what is new", || entries(&two) == 1);
    // What cannot be pushed for a while is pushed later.
    std::fs::rename(one.path("shared"), one.path("away")).unwrap();
    std::fs::write(one.path("shared"), "no folder").unwrap();
    append();
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(watch.try_wait().unwrap().is_none(), "it goes on");
    std::fs::remove_file(one.path("shared")).unwrap();
    std::fs::rename(one.path("away"), one.path("shared")).unwrap();
    until("what could not be pushed", || entries(&two) == 1);
    append();
    let id = watch.id().to_string();
    std::process::Command::new("kill")
        .args(["-TERM", &id])
        .status()
        .unwrap();
    let output = watch.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(entries(&two), 1, "what was new at the end");
    let told = String::from_utf8(output.stdout).unwrap();
    for line in told.lines() {
        let report: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(report["is_put"], true);
    }
    assert!(told.lines().count() >= 3, "{told}");
}

/// A push to a bucket with these variables, and none of the tester's own.
#[cfg(feature = "cloud")]
fn push_to_bucket(variables: &[(&str, &str)]) -> crate::place::Run {
    let place = Place::with_samples();
    let mut command = place.command("push", &["s3://bucket/team"]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command.envs(variables.iter().copied());
    crate::place::feed(command, b"")
}

#[cfg(feature = "cloud")]
#[test]
fn a_bucket_is_set_up_by_the_variables_of_its_provider() {
    let endpoint = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
    let run = push_to_bucket(&[endpoint]).code(2);
    assert!(run.stderr.contains("AWS_ALLOW_HTTP=true"), "{}", run.stderr);
    // Who has no keys is told which to set, and need not wait.
    let nobody = ("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1");
    let run = push_to_bucket(&[endpoint, nobody, ("AWS_ALLOW_HTTP", "true")]).code(1);
    assert!(
        run.stderr.contains("s3://bucket/team/") && run.stderr.contains("set AWS_ACCESS_KEY_ID"),
        "{}",
        run.stderr
    );
}
