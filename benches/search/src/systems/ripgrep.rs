//! ripgrep over the folder of the logs, as a process.

use std::path::PathBuf;
use std::process::Command;

use super::{Ask, How, System};
use crate::Result;
use crate::logs::Logs;

/// What `rg` says that it is; `None` if there is none.
pub(crate) fn version() -> Option<String> {
    let output = Command::new("rg").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(str::to_owned)
}

pub(super) struct Ripgrep {
    folder: PathBuf,
}

impl Ripgrep {
    pub(super) fn new(logs: &Logs) -> Self {
        Self {
            folder: logs.folder.clone(),
        }
    }
}

impl System for Ripgrep {
    fn name(&self) -> &'static str {
        "ripgrep"
    }

    fn build(&mut self, _logs: &Logs) -> Result<()> {
        Ok(())
    }

    fn len_bytes(&self) -> Result<u64> {
        Ok(0)
    }

    fn can(&self, _how: How) -> bool {
        true
    }

    fn scans(&self, _how: How) -> bool {
        true
    }

    /// Counts lines. What was planted is once in its line, so that these are the hits.
    fn count(&self, ask: &Ask) -> Result<u64> {
        let mut command = Command::new("rg");
        command.args(["--no-config", "--no-messages", "--count", "--no-filename"]);
        match ask.how {
            How::Word => command.args(["-F", "-w"]),
            How::Part => command.arg("-F"),
            How::Regex => &mut command,
        };
        let output = command
            .args(["-e", ask.pattern, "--"])
            .arg(&self.folder)
            .output()?;
        // 1: nothing was found.
        if !matches!(output.status.code(), Some(0 | 1)) {
            return Err(format!("rg failed: {}", output.status).into());
        }
        let mut hits = 0;
        for count in String::from_utf8(output.stdout)?.lines() {
            hits += count.parse::<u64>()?;
        }
        Ok(hits)
    }
}
