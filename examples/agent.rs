//! A turn of an agent, written entry by entry as it happens; then a restart, and the agent goes
//! on where it was: `cargo run --example agent`.

use sessiondb::entry::{Item, Role, RunResult, SegmentState, Trigger, UserSegment};
use sessiondb::segment::{self, Head, Seed};
use sessiondb::{Archive, Store, StoreError};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("agent.sessiondb");

    let archive = Archive::open(&path)?;
    let mut head = segment::start(
        &archive,
        &Seed {
            system_prompt: Some("You are a careful engineer.".to_owned()),
            ..Seed::default()
        },
    )?;
    turn(&archive, &mut head, 1, "Why does the build fail?")?;
    archive.close()?;

    // Another process, another day: all that is known is the id of the segment.
    let archive = Archive::open(&path)?;
    let (session, state) = segment::restore_by_segment(&archive, head.segment_id)?;
    println!("restored {} entries of session {session}", state.entries);
    let mut head = Head::new(session, head.segment_id, state.entries);

    // If another writer has been here, this goes on in a segment of its own.
    head = archive.ensure_head_or_fork(head, &state)?;
    turn(&archive, &mut head, state.turn_count + 1, "Then mend it.")?;
    print_history(&segment::restore(
        &archive,
        head.session_id,
        head.segment_id,
    )?);
    archive.close()?;
    Ok(())
}

/// What a runtime writes in a turn, through the trait: any other store would do.
fn turn(store: &dyn Store, head: &mut Head, number: u64, input: &str) -> Result<(), StoreError> {
    segment::save_invoke(store, head, Trigger::UserSend)?;
    segment::save_user_input(store, head, vec![UserSegment::text(input)], Vec::new())?;
    let answer = format!("Answer {number}: the linker is missing.");
    segment::save_history_delta(store, head, [Item::message(Role::Assistant, answer)])?;
    segment::save_turn_end(store, head, number)?;
    segment::save_run_completed(store, head, RunResult::Finished, false)
}

fn print_history(state: &SegmentState) {
    for item in &state.history {
        if let Item::Message(message) = item {
            println!("{:?}: {:?}", message.role, message.content);
        }
    }
    println!(
        "{} turns, interrupted: {}",
        state.turn_count, state.last_run_interrupted
    );
}
