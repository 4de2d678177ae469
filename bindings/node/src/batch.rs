//! Several changes that are made as one, or not at all.

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde_json::{Map, Value};
use sessiondb::{Archive, Batch, Log, SegmentId, SessionId};

use crate::archive::NativeArchive;
use crate::error::Failure;
use crate::log::{Given, Text, entries, texts};
use crate::number::{count, segment, session};
use crate::options::durability;
use crate::settle::Abort;

/// One change or condition of a batch; which of the fields it has is said by `verb`.
#[napi(object)]
pub struct Step {
    /// What is to be done.
    pub verb: String,
    /// The session.
    pub session: Option<String>,
    /// The segment.
    pub segment: Option<String>,
    /// Whether it is the segment's log of traces.
    pub trace: Option<bool>,
    /// A length, or the first entry.
    pub from: Option<f64>,
    /// The number behind the last entry.
    pub to: Option<f64>,
    /// Entries.
    pub entries: Option<Vec<Given>>,
    /// The segment that is made.
    pub target: Option<String>,
    /// The key of a note, or a name.
    pub key: Option<String>,
    /// A value as JSON.
    pub json: Option<String>,
}

/// The same taken over from JavaScript.
struct Taken {
    verb: String,
    session: Option<SessionId>,
    segment: Option<SegmentId>,
    trace: bool,
    from: Option<u64>,
    to: Option<u64>,
    entries: Vec<Text>,
    target: Option<SegmentId>,
    key: String,
    json: String,
}

impl Step {
    fn take(self) -> Result<Taken, Failure> {
        let number = |number: Option<f64>| number.map(|n| count("a length", n)).transpose();
        Ok(Taken {
            session: self.session.as_deref().map(session).transpose()?,
            segment: self.segment.as_deref().map(segment).transpose()?,
            trace: self.trace.unwrap_or_default(),
            from: number(self.from)?,
            to: number(self.to)?,
            entries: texts(self.entries.unwrap_or_default()),
            target: self.target.as_deref().map(segment).transpose()?,
            key: self.key.unwrap_or_default(),
            json: self.json.unwrap_or_default(),
            verb: self.verb,
        })
    }
}

impl Taken {
    fn missing(&self, what: &str) -> Failure {
        Failure::Invalid(format!("the step {:?} has no {what}", self.verb))
    }

    fn session(&self) -> Result<SessionId, Failure> {
        self.session.ok_or_else(|| self.missing("session"))
    }

    fn segment(&self) -> Result<SegmentId, Failure> {
        self.segment.ok_or_else(|| self.missing("segment"))
    }

    fn log(&self, archive: &Archive) -> Result<Log, Failure> {
        let (session, segment) = (self.session()?, self.segment()?);
        Ok(if self.trace {
            archive.trace(session, segment)
        } else {
            archive.log(session, segment)
        })
    }

    fn from(&self) -> Result<u64, Failure> {
        self.from.ok_or_else(|| self.missing("length"))
    }

    fn to(&self) -> Result<u64, Failure> {
        self.to.ok_or_else(|| self.missing("end"))
    }

    fn target(&self) -> Result<SegmentId, Failure> {
        self.target.ok_or_else(|| self.missing("target"))
    }

    fn put(mut self, archive: &Archive, batch: &mut Batch) -> Result<(), Failure> {
        match self.verb.as_str() {
            "append" | "appendAt" | "replace" => return self.put_entries(archive, batch),
            "truncate" => batch.truncate(&self.log(archive)?, self.from()?),
            "erase" => batch.erase(&self.log(archive)?, self.from()?..self.to()?),
            "delete" => batch.delete(&self.log(archive)?),
            "branch" => batch.branch(&self.log(archive)?, self.from()?, self.target()?),
            "deleteSegment" => batch.delete_segment(self.session()?, self.segment()?),
            "deleteSession" => batch.delete_session(self.session()?),
            "expectLen" => batch.expect_len(&self.log(archive)?, self.from()?),
            "expectAbsent" => batch.expect_absent(&self.log(archive)?),
            "expectPresent" => batch.expect_present(&self.log(archive)?),
            "expectOnlySegment" => batch.expect_only_segment(&self.log(archive)?),
            "expectSessionAbsent" => batch.expect_session_absent(self.session()?),
            "expectSessionPresent" => batch.expect_session_present(self.session()?),
            "setMetadata" => {
                let fields: Map<String, Value> = serde_json::from_str(&self.json)?;
                batch.set_metadata(self.session()?, &fields)?
            }
            "writeName" => {
                let record: Value = serde_json::from_str(&self.json)?;
                let key = std::mem::take(&mut self.key);
                batch.write_name(&key, &record)?
            }
            "deleteName" => batch.delete_name(&self.key)?,
            "writeNote" => {
                let note: Value = serde_json::from_str(&self.json)?;
                batch.write_note(&self.key, &note)?
            }
            "deleteNote" => batch.delete_note(&self.key),
            other => return Err(Failure::Invalid(format!("{other:?} is no step of a batch"))),
        };
        Ok(())
    }

    fn put_entries(mut self, archive: &Archive, batch: &mut Batch) -> Result<(), Failure> {
        let log = self.log(archive)?;
        let given = std::mem::take(&mut self.entries);
        let entries = entries(log.session_id(), log.segment_id(), given)?;
        match self.verb.as_str() {
            "append" => batch.append_many(&log, &entries)?,
            "appendAt" => batch.append_at(&log, self.from()?, &entries)?,
            _ => batch.replace(&log, &entries)?,
        };
        Ok(())
    }
}

#[napi]
impl NativeArchive {
    /// Makes the changes as one, if all conditions hold.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn commit<'env>(
        &self,
        env: &'env Env,
        steps: Vec<Step>,
        durability_name: Option<String>,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let durability = durability(durability_name.as_deref())?;
        let steps: Result<Vec<Taken>, Failure> = steps.into_iter().map(Step::take).collect();
        let steps = steps?;
        self.call(env, abort, move |archive| {
            let mut batch = archive.batch();
            if let Some(durability) = durability {
                batch = batch.with_durability(durability);
            }
            for step in steps {
                step.put(archive, &mut batch)?;
            }
            Ok(batch.commit()?)
        })
    }
}
