//! What an archive keeps beside entries: metadata of sessions, names, notes. All of it crosses as JSON.

use napi::Env;
use napi::bindgen_prelude::Object;
use napi_derive::napi;
use serde_json::{Map, Value};

use crate::archive::NativeArchive;
use crate::error::Failure;
use crate::number;
use crate::settle::Abort;

#[napi]
impl NativeArchive {
    /// Sets the metadata of a session.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn set_metadata<'env>(
        &self,
        env: &'env Env,
        session: String,
        json: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let session = number::session(&session)?;
        self.call(env, abort, move |archive| {
            let fields: Map<String, Value> = serde_json::from_str(&json)?;
            Ok(archive.set_metadata(session, &fields)?)
        })
    }

    /// Sets the metadata of a session if it is what is expected; tells whether it was.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn replace_metadata<'env>(
        &self,
        env: &'env Env,
        session: String,
        expected: String,
        json: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        let session = number::session(&session)?;
        self.call(env, abort, move |archive| {
            let expected: Map<String, Value> = serde_json::from_str(&expected)?;
            let fields: Map<String, Value> = serde_json::from_str(&json)?;
            archive.update_metadata(session, |now| {
                let is_expected = *now == expected;
                if is_expected {
                    *now = fields;
                }
                Ok(is_expected)
            })
        })
    }

    /// Writes the record of a name.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn write_name<'env>(
        &self,
        env: &'env Env,
        name: String,
        json: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, abort, move |archive| {
            let record: Value = serde_json::from_str(&json)?;
            Ok(archive.write_name(&name, &record)?)
        })
    }

    /// Writes the record of a name if it is what is expected, where `null` is none; tells whether it was.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn replace_name<'env>(
        &self,
        env: &'env Env,
        name: String,
        expected: Option<String>,
        json: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, abort, move |archive| {
            let expected: Option<Value> = expected
                .map(|json| serde_json::from_str(&json))
                .transpose()?;
            let record: Value = serde_json::from_str(&json)?;
            archive.update_name(&name, |now: &mut Option<Value>| {
                let is_expected = *now == expected;
                if is_expected {
                    *now = Some(record);
                }
                Ok::<_, Failure>(is_expected)
            })
        })
    }

    /// Takes a name away; tells whether it was there.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn delete_name<'env>(
        &self,
        env: &'env Env,
        name: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, abort, move |archive| Ok(archive.delete_name(&name)?))
    }

    /// Writes a note.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn write_note<'env>(
        &self,
        env: &'env Env,
        key: String,
        json: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, abort, move |archive| {
            let note: Value = serde_json::from_str(&json)?;
            Ok(archive.write_note(&key, &note)?)
        })
    }

    /// Takes a note away; tells whether it was there.
    #[napi(ts_return_type = "Promise<boolean>")]
    pub fn delete_note<'env>(
        &self,
        env: &'env Env,
        key: String,
        abort: Option<&Abort>,
    ) -> napi::Result<Object<'env>> {
        self.call(env, abort, move |archive| Ok(archive.delete_note(&key)?))
    }
}
