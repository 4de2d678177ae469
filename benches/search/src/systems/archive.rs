//! An archive, with word filters or without.

use std::path::{Path, PathBuf};

use sessiondb::Archive;
use sessiondb_logs::Import;
use sessiondb_search::{Query, Search};

use super::{Ask, How, System};
use crate::Result;
use crate::logs::Logs;

pub(super) struct Filtered {
    path: PathBuf,
    word_filters: bool,
}

impl Filtered {
    pub(super) fn new(folder: &Path, word_filters: bool) -> Self {
        let name = if word_filters { "filters" } else { "plain" };
        Self {
            path: folder.join(format!("{name}.sessiondb")),
            word_filters,
        }
    }
}

impl System for Filtered {
    fn name(&self) -> &'static str {
        if self.word_filters {
            "sessiondb"
        } else {
            "sessiondb without filters"
        }
    }

    fn build(&mut self, logs: &Logs) -> Result<()> {
        let options = Archive::options().word_filters(self.word_filters);
        let archive = options.open(&self.path)?;
        let report = Import::new(&archive).run(std::slice::from_ref(&logs.folder), None)?;
        if report.failed() > 0 || report.files.len() != logs.files.len() {
            let (came, failed) = (report.files.len(), report.failed());
            return Err(format!("{came} logs came in, and {failed} failed").into());
        }
        // So that all is in the tables, as it is before long in one that is used.
        archive.checkpoint()?;
        archive.close()?;
        Ok(())
    }

    fn len_bytes(&self) -> Result<u64> {
        Ok(self.path.metadata()?.len())
    }

    fn compacted_bytes(&self) -> Result<Option<u64>> {
        let archive = Archive::options().create(false).open(&self.path)?;
        let (_, compacted) = archive.compact(None).map_err(|failed| failed.error)?;
        Ok(Some(compacted.bytes_after))
    }

    fn can(&self, _how: How) -> bool {
        true
    }

    fn scans(&self, how: How) -> bool {
        !self.word_filters || how != How::Word
    }

    fn count(&self, ask: &Ask) -> Result<u64> {
        let archive = Archive::options().read_only(true).open(&self.path)?;
        let query = match ask.how {
            How::Word => Query::literal(ask.pattern).whole_words(true),
            How::Part => Query::literal(ask.pattern),
            How::Regex => Query::regex(ask.pattern),
        };
        let mut hits = 0;
        for hit in Search::new(&archive.snapshot()?, query.build()?) {
            hit?;
            hits += 1;
        }
        Ok(hits)
    }
}
