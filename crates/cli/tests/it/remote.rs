//! `push`, `pull`, `remote check` and `remote gc` over a folder.

use crate::place::Place;

fn url(place: &Place) -> String {
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
