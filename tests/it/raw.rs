//! JSON as it was written, for entries that are no values.

use sessiondb::RawJson;

pub(crate) fn raw(json: impl AsRef<[u8]>) -> RawJson {
    RawJson::from_bytes(json.as_ref()).expect("JSON on one line")
}

pub(crate) fn raws<B: AsRef<[u8]>>(jsons: impl IntoIterator<Item = B>) -> Vec<RawJson> {
    jsons.into_iter().map(raw).collect()
}
