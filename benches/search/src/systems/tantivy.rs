//! tantivy: one document for each text, of which the number alone is stored.

use std::fs;
use std::path::{Path, PathBuf};

use tantivy::collector::DocSetCollector;
use tantivy::query::TermQuery;
use tantivy::schema::{
    Field, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions, Value,
};
use tantivy::{Index, IndexReader, ReloadPolicy, TantivyDocument, Term};

use super::{Ask, How, System, id_of};
use crate::Result;
use crate::items::texts;
use crate::logs::Logs;

/// What the writer may use before it writes a segment.
const MEMORY_BYTES: usize = 256 << 20;

pub(super) struct Tantivy {
    folder: PathBuf,
}

impl Tantivy {
    pub(super) fn new(folder: &Path) -> Self {
        Self {
            folder: folder.join("tantivy"),
        }
    }
}

impl System for Tantivy {
    fn name(&self) -> &'static str {
        "tantivy"
    }

    fn build(&mut self, logs: &Logs) -> Result<()> {
        fs::create_dir(&self.folder)?;
        let mut schema = Schema::builder();
        let indexing =
            TextFieldIndexing::default().set_index_option(IndexRecordOption::WithFreqsAndPositions);
        let text = TextOptions::default().set_indexing_options(indexing);
        let text = schema.add_text_field("text", text);
        let id = schema.add_u64_field("id", STORED);
        let index = Index::create_in_dir(&self.folder, schema.build())?;
        let mut writer = index.writer(MEMORY_BYTES)?;
        for (log, path) in logs.files.iter().enumerate() {
            texts(path, &mut |item, content| {
                let mut document = TantivyDocument::default();
                document.add_text(text, content);
                document.add_u64(id, id_of(log, item)?);
                writer.add_document(document)?;
                Ok(())
            })?;
        }
        writer.commit()?;
        writer.wait_merging_threads()?;
        Ok(())
    }

    fn len_bytes(&self) -> Result<u64> {
        let mut len_bytes = 0;
        for file in fs::read_dir(&self.folder)? {
            len_bytes += file?.metadata()?.len();
        }
        Ok(len_bytes)
    }

    fn can(&self, how: How) -> bool {
        how == How::Word
    }

    fn scans(&self, _how: How) -> bool {
        false
    }

    fn count(&self, ask: &Ask) -> Result<u64> {
        let index = Index::open_in_dir(&self.folder)?;
        let field = |name: &str| -> Result<Field> { Ok(index.schema().get_field(name)?) };
        let (text, id) = (field("text")?, field("id")?);
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual);
        let reader: IndexReader = reader.try_into()?;
        let searcher = reader.searcher();
        let word = Term::from_field_text(text, ask.pattern);
        let query = TermQuery::new(word, IndexRecordOption::Basic);
        let mut hits = 0;
        for place in searcher.search(&query, &DocSetCollector)? {
            let document: TantivyDocument = searcher.doc(place)?;
            let stored = document.get_first(id).and_then(|value| value.as_u64());
            stored.ok_or("a document without its number")?;
            hits += 1;
        }
        Ok(hits)
    }
}
