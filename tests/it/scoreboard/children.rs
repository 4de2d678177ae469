//! Which function a child runs for its task: the end of the child that `child` has started.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::child::{Parent, Task, own_task};
use super::{concurrent_processes, kills, limits};
#[cfg(unix)]
use super::{forks, paths};

/// What a child does; without a task, nothing.
#[test]
fn obey() {
    let Some((task, details)) = own_task() else {
        return;
    };
    // Behind what the harness may have begun to say.
    println!();
    let parent = Parent::new();
    match task {
        Task::Write => kills::write(&parent),
        Task::Serve => concurrent_processes::serve(&read(details), &parent),
        Task::Cycle => limits::cycle(&read(details), &parent),
        #[cfg(unix)]
        Task::Fork => forks::live(&read(details), &parent),
        #[cfg(unix)]
        Task::Path => paths::live(&read(details), &parent),
        Task::Stay => {
            let (path, snapshot): (std::path::PathBuf, bool) = read(details);
            limits::stay(&path, snapshot, &parent);
        }
    }
    std::process::exit(0);
}

fn read<T: DeserializeOwned>(details: Value) -> T {
    serde_json::from_value(details).expect("the details of a task")
}
