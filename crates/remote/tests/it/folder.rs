//! A folder of this machine as a remote, and what errors name.

use sessiondb::{Archive, new_segment_id, new_session_id};
use sessiondb_remote::{PullOptions, Remote, RemoteError, check, pull, push};

use crate::history::{history, run};

#[test]
fn archives_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("not there yet");
    let url = url::Url::from_directory_path(&path).unwrap();
    let remote = Remote::open(url.as_str()).unwrap();
    let (one, two) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
    one.log(new_session_id(), new_segment_id())
        .append("secret words")
        .unwrap();
    run(push(&one, &remote, None)).unwrap();
    run(pull(&two, &remote, &PullOptions::new(), None)).unwrap();
    assert_eq!(history(&one), history(&two));
    assert_eq!(
        run(check(&remote, None)).unwrap().problems,
        Vec::<String>::new()
    );
}

#[test]
fn what_is_damaged_is_told_with_its_key_and_never_merged() {
    let dir = tempfile::tempdir().unwrap();
    let url = url::Url::from_directory_path(dir.path()).unwrap();
    let remote = Remote::open(url.as_str()).unwrap();
    let (one, two) = (Archive::in_memory().unwrap(), Archive::in_memory().unwrap());
    one.log(new_session_id(), new_segment_id())
        .append("words")
        .unwrap();
    run(push(&one, &remote, None)).unwrap();
    let packs: Vec<_> = std::fs::read_dir(dir.path().join("v1/p"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    let [pack] = &*packs else { panic!("{packs:?}") };
    let mut bytes = std::fs::read(pack).unwrap();
    bytes[20] ^= 1;
    std::fs::write(pack, bytes).unwrap();
    let name = pack.file_name().unwrap().to_str().unwrap();
    let error = run(pull(&two, &remote, &PullOptions::new(), None)).unwrap_err();
    assert!(matches!(error, RemoteError::Damaged { .. }), "{error}");
    assert!(
        error.to_string().contains(name) && error.to_string().starts_with(remote.name()),
        "{error}"
    );
    assert!(history(&two).is_empty());
    let problems = run(check(&remote, None)).unwrap().problems;
    assert_eq!(problems.len(), 1);
    std::fs::remove_file(pack).unwrap();
    let error = run(pull(&two, &remote, &PullOptions::new(), None)).unwrap_err();
    assert!(matches!(error, RemoteError::Missing { .. }), "{error}");
    assert!(error.to_string().contains(name), "{error}");
}
