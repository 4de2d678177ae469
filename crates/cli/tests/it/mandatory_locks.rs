//! Every test of the command once more where a lock keeps others from reading and writing, as on Windows.

use std::process::Command;

/// What turns the simulation on, in a process that starts with it and in those that it starts.
const ASKED: &str = "SESSIONDB_MANDATORY_LOCKS";

#[test]
fn the_command_does_all_it_does_where_a_lock_keeps_others_from_reading() {
    if std::env::var_os(ASKED).is_some() {
        return;
    }
    let run = Command::new(std::env::current_exe().unwrap())
        .env(ASKED, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}");
    let passed = said.lines().filter(|line| line.ends_with("... ok")).count();
    assert!(passed > 90, "only {passed} tests ran:\n{said}");
}
