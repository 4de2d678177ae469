//! What an archive holds of the logs of a writer, and whether a check is clean.

use sessiondb::archive::LogSnapshot;
use sessiondb::{Archive, Log, StoreError};

use super::open::log_of;
use super::plan::{LOGS, Logs};

pub(super) fn check(archive: &Archive) -> Result<(), String> {
    let report = archive.check(None).map_err(|err| err.to_string())?;
    if report.is_clean() {
        return Ok(());
    }
    Err(format!("check finds {:?}", report.problems))
}

/// The entries of a log as text; `None` if it is not there.
pub(super) fn texts(log: &LogSnapshot) -> Result<Option<Vec<String>>, StoreError> {
    if !log.exists()? && !log.is_trace() {
        return Ok(None);
    }
    let texts = log.read(..)?;
    let texts = texts.map(|entry| Ok(entry?.as_str().to_owned()));
    texts.collect::<Result<_, StoreError>>().map(Some)
}

/// The same as of now.
pub(super) fn texts_now(log: &Log) -> Result<Option<Vec<String>>, StoreError> {
    texts(&log.snapshot()?)
}

pub(super) type Stored = Vec<Option<Vec<String>>>;

/// The logs of a writer as they are stored, all of one state.
pub(super) fn stored_logs(archive: &Archive, writer: u64) -> Result<Stored, StoreError> {
    let snapshot = archive.snapshot()?;
    let read = |log: Log| {
        if log.is_trace() {
            snapshot.trace(log.session_id(), log.segment_id())
        } else {
            snapshot.log(log.session_id(), log.segment_id())
        }
    };
    (0..LOGS)
        .map(|number| texts(&read(log_of(archive, writer, number))))
        .collect()
}

/// The logs as they should be stored: traces are empty where they are not there.
pub(super) fn texts_of(logs: &Logs) -> Stored {
    let mut stored: Stored = logs
        .0
        .iter()
        .map(|log| {
            let log = log.as_ref()?;
            Some(log.iter().map(|entry| entry.text()).collect())
        })
        .collect();
    stored[LOGS - 1].get_or_insert_default();
    stored
}

/// What logs hold, without the pads.
pub(super) fn brief(stored: &Stored) -> String {
    let brief = |text: &String| text.split(',').next().unwrap_or_default().to_owned();
    let logs: Vec<Option<Vec<String>>> = stored
        .iter()
        .map(|log| log.as_ref().map(|log| log.iter().map(brief).collect()))
        .collect();
    format!("{logs:?}")
}
