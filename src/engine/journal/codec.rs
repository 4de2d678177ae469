//! Ops as bytes: the payload of a journal frame. Pure, no I/O. `docs/format.md` has the layout.

use uuid::Uuid;

use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind, OriginRecord};
use crate::engine::model::op::Op;
use crate::engine::model::row::Reader;

const APPEND: u8 = 1;
const REPLACE: u8 = 2;
const TRUNCATE: u8 = 3;
const DELETE_LOG: u8 = 4;
const DELETE_SESSION: u8 = 5;
/// As format 2 has it: without a time, of sessions that are there.
const SET_METADATA_OF_2: u8 = 6;
const SET_NAME: u8 = 7;
const DELETE_NAME: u8 = 8;
const BRANCH: u8 = 9;
const ERASE: u8 = 10;
const SET_METADATA: u8 = 11;

/// Appends the bytes of an op to `out`. Conditions, such as the length that an append expects, are
/// not part of them: they were checked when the op took effect.
pub(crate) fn encode(op: &Op, out: &mut Vec<u8>) {
    match op {
        Op::Append {
            log,
            entries,
            origin,
            at_ms,
            ..
        } => put_write(out, APPEND, log, entries, *origin, *at_ms),
        Op::Replace {
            log,
            entries,
            origin,
            at_ms,
        } => put_write(out, REPLACE, log, entries, *origin, *at_ms),
        Op::Branch {
            session,
            from,
            len,
            to,
            origin,
            at_ms,
        } => {
            put_ids(out, BRANCH, &[session, from, to]);
            out.extend_from_slice(&len.to_le_bytes());
            out.extend_from_slice(&at_ms.to_le_bytes());
            put_origin(out, *origin);
        }
        Op::Erase {
            log,
            first,
            entries,
            at_ms,
        } => {
            put_log(out, ERASE, log);
            out.extend_from_slice(&at_ms.to_le_bytes());
            out.extend_from_slice(&first.to_le_bytes());
            put_entries(out, entries);
        }
        Op::Truncate { log, len, at_ms } => {
            put_log(out, TRUNCATE, log);
            out.extend_from_slice(&len.to_le_bytes());
            out.extend_from_slice(&at_ms.to_le_bytes());
        }
        Op::DeleteLog { log } => put_log(out, DELETE_LOG, log),
        Op::DeleteSession { session } => put_ids(out, DELETE_SESSION, &[session]),
        Op::SetMetadata {
            session,
            json,
            at_ms,
        } => {
            put_ids(out, SET_METADATA, &[session]);
            out.extend_from_slice(&at_ms.to_le_bytes());
            put_bytes(out, json);
        }
        Op::SetName { name, json } => {
            out.push(SET_NAME);
            put_bytes(out, name.as_bytes());
            put_bytes(out, json);
        }
        Op::DeleteName { name } => {
            out.push(DELETE_NAME);
            put_bytes(out, name.as_bytes());
        }
        // Neither ever comes to a frame.
        Op::AppendLarge { .. } | Op::Expect(_) => {}
    }
}

/// About how many bytes [`encode`] will append.
pub(crate) fn len_estimate(op: &Op) -> usize {
    const FIXED: usize = 128;
    FIXED + content_bytes(op)
}

/// How many of the bytes that [`encode`] will append are entries, metadata or a record.
pub(crate) fn content_bytes(op: &Op) -> usize {
    match op {
        Op::Append { entries, .. } | Op::Replace { entries, .. } | Op::Erase { entries, .. } => {
            entries.payload().len()
        }
        Op::SetMetadata { json, .. } | Op::SetName { json, .. } => json.len(),
        _ => 0,
    }
}

/// The ops of a payload.
pub(crate) fn decode_all(payload: &[u8]) -> Result<Vec<Op>, String> {
    let mut fields = Reader::new(payload);
    let mut ops = Vec::new();
    while !fields.is_empty() {
        ops.push(decode(&mut fields)?);
    }
    Ok(ops)
}

fn decode(fields: &mut Reader<'_>) -> Result<Op, String> {
    Ok(match fields.u8()? {
        APPEND => {
            let (log, at_ms, origin, entries) = write(fields)?;
            Op::Append {
                log,
                expected: None,
                entries,
                origin,
                at_ms,
            }
        }
        REPLACE => {
            let (log, at_ms, origin, entries) = write(fields)?;
            Op::Replace {
                log,
                entries,
                origin,
                at_ms,
            }
        }
        BRANCH => {
            let (session, from, to) = (fields.uuid()?, fields.uuid()?, fields.uuid()?);
            let (len, at_ms) = (fields.u64()?, fields.u64()?);
            Op::Branch {
                session,
                from,
                len,
                to,
                origin: origin(fields)?,
                at_ms,
            }
        }
        ERASE => {
            let (log, at_ms, first) = (log(fields)?, fields.u64()?, fields.u64()?);
            Op::Erase {
                log,
                first,
                entries: entries(fields)?,
                at_ms,
            }
        }
        TRUNCATE => Op::Truncate {
            log: log(fields)?,
            len: fields.u64()?,
            at_ms: fields.u64()?,
        },
        DELETE_LOG => Op::DeleteLog { log: log(fields)? },
        DELETE_SESSION => Op::DeleteSession {
            session: fields.uuid()?,
        },
        tag @ (SET_METADATA | SET_METADATA_OF_2) => Op::SetMetadata {
            session: fields.uuid()?,
            at_ms: if tag == SET_METADATA {
                fields.u64()?
            } else {
                0
            },
            json: bytes(fields)?.to_vec(),
        },
        SET_NAME => Op::SetName {
            name: text(fields)?,
            json: bytes(fields)?.to_vec(),
        },
        DELETE_NAME => Op::DeleteName {
            name: text(fields)?,
        },
        tag => return Err(format!("an op of the unknown kind {tag}")),
    })
}

fn put_write(
    out: &mut Vec<u8>,
    tag: u8,
    log: &LogId,
    entries: &Entries,
    origin: Option<OriginRecord>,
    at_ms: u64,
) {
    put_log(out, tag, log);
    out.extend_from_slice(&at_ms.to_le_bytes());
    put_origin(out, origin);
    put_entries(out, entries);
}

fn put_origin(out: &mut Vec<u8>, origin: Option<OriginRecord>) {
    match origin {
        Some(origin) => {
            out.push(origin.kind);
            out.extend_from_slice(origin.segment.as_bytes());
            out.extend_from_slice(&origin.at_turn.to_le_bytes());
        }
        None => out.push(0),
    }
}

fn put_entries(out: &mut Vec<u8>, entries: &Entries) {
    out.extend_from_slice(&entries.len().to_le_bytes());
    put_bytes(out, entries.payload());
}

fn write(fields: &mut Reader<'_>) -> Result<(LogId, u64, Option<OriginRecord>, Entries), String> {
    let log = log(fields)?;
    let at_ms = fields.u64()?;
    let origin = origin(fields)?;
    Ok((log, at_ms, origin, entries(fields)?))
}

fn origin(fields: &mut Reader<'_>) -> Result<Option<OriginRecord>, String> {
    Ok(match fields.u8()? {
        0 => None,
        kind @ (1 | 2) => Some(OriginRecord {
            kind,
            segment: fields.uuid()?,
            at_turn: fields.u64()?,
        }),
        kind => return Err(format!("an origin of the unknown kind {kind}")),
    })
}

fn entries(fields: &mut Reader<'_>) -> Result<Entries, String> {
    let count = fields.u64()?;
    let payload = bytes(fields)?;
    let entries = match count {
        0 if payload.is_empty() => Entries::default(),
        _ => Entries::from_lines(payload.to_vec()),
    };
    if entries.len() != count {
        return Err(format!("{} entries where {count} are named", entries.len()));
    }
    Ok(entries)
}

fn put_log(out: &mut Vec<u8>, tag: u8, log: &LogId) {
    out.push(tag);
    out.push(log.kind.tag());
    out.extend_from_slice(log.session.as_bytes());
    out.extend_from_slice(log.segment.as_bytes());
}

fn put_ids(out: &mut Vec<u8>, tag: u8, ids: &[&Uuid]) {
    out.push(tag);
    for id in ids {
        out.extend_from_slice(id.as_bytes());
    }
}

fn log(fields: &mut Reader<'_>) -> Result<LogId, String> {
    let kind = LogKind::from_tag(fields.u8()?).ok_or("a log of an unknown kind")?;
    Ok(LogId {
        session: fields.uuid()?,
        segment: fields.uuid()?,
        kind,
    })
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}

fn bytes<'r>(fields: &mut Reader<'r>) -> Result<&'r [u8], String> {
    let len = usize::try_from(fields.u64()?).map_err(|err| err.to_string())?;
    fields.bytes(len)
}

fn text(fields: &mut Reader<'_>) -> Result<String, String> {
    String::from_utf8(bytes(fields)?.to_vec()).map_err(|err| err.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entries() -> impl Strategy<Value = Entries> {
        prop::collection::vec("[^\n]{0,30}", 0..5).prop_map(|list| {
            let mut entries = Entries::default();
            for entry in list {
                entries.push(entry.as_bytes());
            }
            entries
        })
    }

    fn id() -> impl Strategy<Value = Uuid> + Clone {
        any::<u128>().prop_map(Uuid::from_u128)
    }

    fn log_id() -> impl Strategy<Value = LogId> + Clone {
        let kind = prop_oneof![Just(LogKind::Entries), Just(LogKind::Traces)];
        (id(), id(), kind).prop_map(|(session, segment, kind)| LogId {
            session,
            segment,
            kind,
        })
    }

    fn op() -> impl Strategy<Value = Op> {
        let (id, log) = (id(), log_id());
        let origin =
            (1..3_u8, id.clone(), any::<u64>()).prop_map(|(kind, segment, at_turn)| OriginRecord {
                kind,
                segment,
                at_turn,
            });
        let origin = prop::option::of(origin);
        let json = prop::collection::vec(any::<u8>(), 0..20);
        prop_oneof![
            (log.clone(), entries(), origin.clone(), any::<u64>()).prop_map(
                |(log, entries, origin, at_ms)| Op::Append {
                    log,
                    expected: None,
                    entries,
                    origin,
                    at_ms
                }
            ),
            (log.clone(), entries(), origin.clone(), any::<u64>()).prop_map(
                |(log, entries, origin, at_ms)| Op::Replace {
                    log,
                    entries,
                    origin,
                    at_ms
                }
            ),
            (log.clone(), any::<u64>(), any::<u64>()).prop_map(|(log, len, at_ms)| Op::Truncate {
                log,
                len,
                at_ms
            }),
            (
                [id.clone(), id.clone(), id.clone()],
                any::<u64>(),
                origin,
                any::<u64>()
            )
                .prop_map(|([session, from, to], len, origin, at_ms)| Op::Branch {
                    session,
                    from,
                    len,
                    to,
                    origin,
                    at_ms
                }),
            (log.clone(), any::<u64>(), entries(), any::<u64>()).prop_map(
                |(log, first, entries, at_ms)| Op::Erase {
                    log,
                    first,
                    entries,
                    at_ms
                }
            ),
            log.prop_map(|log| Op::DeleteLog { log }),
            id.clone().prop_map(|session| Op::DeleteSession { session }),
            (id, json.clone(), any::<u64>()).prop_map(|(session, json, at_ms)| {
                Op::SetMetadata {
                    session,
                    json,
                    at_ms,
                }
            }),
            (".{0,9}", json).prop_map(|(name, json)| Op::SetName { name, json }),
            ".{0,9}".prop_map(|name| Op::DeleteName { name }),
        ]
    }

    proptest! {
        #[test]
        fn ops_read_back(ops in prop::collection::vec(op(), 0..6)) {
            let mut payload = Vec::new();
            for op in &ops {
                encode(op, &mut payload);
            }
            prop_assert_eq!(decode_all(&payload), Ok(ops));
        }

        #[test]
        fn any_bytes_decode_or_are_refused(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(ops) = decode_all(&payload) {
                let mut again = Vec::new();
                for op in &ops {
                    encode(op, &mut again);
                }
                prop_assert_eq!(again, payload);
            }
        }
    }

    #[test]
    fn what_no_op_is_written_as_is_refused() {
        let log = LogId {
            session: Uuid::from_u128(1),
            segment: Uuid::from_u128(2),
            kind: LogKind::Entries,
        };
        let payload = |origin, count: u64, entries: &[u8]| {
            let mut out = Vec::new();
            put_log(&mut out, APPEND, &log);
            out.extend_from_slice(&7_u64.to_le_bytes());
            out.push(origin);
            out.extend_from_slice(&[0; 24][..if origin == 0 { 0 } else { 24 }]);
            out.extend_from_slice(&count.to_le_bytes());
            put_bytes(&mut out, entries);
            out
        };
        assert!(decode_all(&payload(2, 1, b"1")).is_ok());
        assert!(decode_all(&payload(3, 1, b"1")).is_err());
        assert!(decode_all(&payload(0, 0, b"")).is_ok());
        assert!(decode_all(&payload(0, 0, b"1")).is_err());
        assert!(decode_all(&payload(0, 2, b"1")).is_err());
    }
}
