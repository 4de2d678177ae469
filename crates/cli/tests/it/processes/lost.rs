//! A disk without room, and an archive that is removed, beneath processes that append.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};

use super::Place;
use super::writer::{Told, line, numbers, unseen};

#[test]
fn without_room_to_grow_a_reader_still_sees_what_a_killed_writer_left() {
    let place = Place::new();
    let options = ["--durability", "written", "--lock-timeout", "60"];
    // Not enough for the journal to begin anew, so all of it is left there.
    let mut writer = place.writer(&options, |_| 10_000, unseen());
    assert!(writer.goes_on(40));
    writer.hold();
    let (mut told, acknowledged) = (BTreeMap::new(), writer.acknowledged());
    writer.kill(&mut told);

    let segment = place.segment.to_string();
    let mut show = place.command("show", &[]);
    show.args([&segment, "--raw"]);
    let shown = place.without_room(&show, "");
    assert!(shown.status.success(), "{shown:?}");
    let shown = String::from_utf8(shown.stdout).expect("UTF-8");
    let shown: Vec<_> = shown.lines().map(numbers).collect();
    assert_eq!(shown, (0..acknowledged).map(|n| (0, n)).collect::<Vec<_>>());

    // The journal has room for a line, and closing leaves there what has none elsewhere.
    let appended = place.without_room(&place.append(&[]), &line(1, 0, |_| 0));
    let stderr = String::from_utf8_lossy(&appended.stderr).into_owned();
    assert_eq!(appended.status.code(), Some(0), "{stderr}");
    let lengths = vec![acknowledged + 1];
    let code = Some(0);
    told.insert(
        1,
        Told {
            lengths,
            code,
            stderr,
        },
    );
    place.verify(&told);
}

/// What is appended to a file that has no name any more is not acknowledged.
#[test]
fn a_line_after_the_archive_was_removed_is_not_acknowledged() {
    for durability in ["synced", "written"] {
        let place = Place::new();
        let mut child = place
            .append(&["--durability", durability])
            .arg("--ack")
            .spawn()
            .expect("the command starts");
        let mut input = child.stdin.take().expect("a pipe");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut said = String::new();
        writeln!(input, "1").expect("the command reads");
        output.read_line(&mut said).expect("an acknowledgement");
        assert_eq!(said, "1\n");
        std::fs::remove_file(&place.archive).expect("it is there");
        writeln!(input, "2").expect("the command reads");
        drop(input);
        let ended = child.wait_with_output().expect("the command ends");
        let message = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success(), "{durability}: {message}");
        assert!(message.contains("nothing is there any more"), "{message}");
        said.clear();
        output.read_to_string(&mut said).expect("what it said");
        assert!(durability == "written" || said.is_empty(), "{said}");
    }
}
