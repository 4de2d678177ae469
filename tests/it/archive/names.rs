//! Names and their records: of the caller's own type, updated whole or not at all.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sessiondb::entry::{Active, Extra, WorkerName, WorkerRecord};
use sessiondb::{Archive, StoreError, new_segment_id, new_session_id};

use crate::raw::raw;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Worker {
    port: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    active: Option<Value>,
}

#[test]
fn records_may_be_of_a_type_of_the_callers_own() {
    let archive = Archive::in_memory().unwrap();
    let (session, other) = (new_session_id(), new_session_id());
    for session in [session, other] {
        archive
            .log(session, new_segment_id())
            .append(&raw(b"1"))
            .unwrap();
    }
    let active = Some(json!({"session_id": session}));
    let worker = Worker { port: 7, active };
    archive.write_name("worker-a", &worker).unwrap();
    assert_eq!(
        archive.read_name_as("worker-a").unwrap(),
        Some(worker.clone())
    );
    assert_eq!(archive.read_name_as::<Worker>("worker-b").unwrap(), None);
    assert!(archive.check(None).unwrap().problems.is_empty());

    // What knows only `WorkerRecord` gets along with it.
    let record = archive.read_name("worker-a").unwrap().unwrap();
    assert_eq!(
        (&*record.worker_name, &record.extra["port"]),
        ("worker-a", &json!(7))
    );
    archive
        .update_name("worker-a", |record: &mut Option<WorkerRecord>| {
            let extra = &mut record.as_mut().unwrap().extra;
            extra.insert("more".into(), json!(1));
            Ok::<_, StoreError>(())
        })
        .unwrap();
    assert_eq!(archive.read_name_as("worker-a").unwrap(), Some(worker));

    for no_object in [json!(7), json!([]), json!("x"), json!(null)] {
        let refused = archive.write_name("worker-a", &no_object);
        assert!(matches!(refused, Err(StoreError::Serde(_))), "{no_object}");
    }
    assert!(archive.read_name_as::<Vec<u8>>("worker-a").is_err());
}

#[test]
fn a_name_is_updated_all_or_not_and_the_update_returns_a_value() {
    #[derive(Debug)]
    enum Refused {
        Taken,
        Store,
    }
    impl From<StoreError> for Refused {
        fn from(_: StoreError) -> Self {
            Self::Store
        }
    }
    let archive = Archive::in_memory().unwrap();
    let bump = |limit: u16| {
        archive.update_name("worker-a", |worker: &mut Option<Worker>| {
            let worker = worker.get_or_insert(Worker {
                port: 0,
                active: None,
            });
            worker.port += 1;
            if worker.port > limit {
                Err(Refused::Taken)
            } else {
                Ok(worker.port)
            }
        })
    };
    assert_eq!(bump(2).unwrap(), 1);
    assert_eq!(bump(2).unwrap(), 2);
    let version = archive.version().unwrap();
    assert!(matches!(bump(2), Err(Refused::Taken)));
    assert_eq!(archive.version().unwrap(), version, "nothing is written");
    let taken: Option<Worker> = archive
        .update_name("worker-a", |worker| Ok::<_, StoreError>(worker.take()))
        .unwrap();
    assert_eq!(taken.unwrap().port, 2);
    assert!(archive.names().unwrap().is_empty());
    let nameless = archive.update_name("a/b", |_: &mut Option<Worker>| Ok::<_, Refused>(()));
    assert!(matches!(nameless, Err(Refused::Store)));
}

#[test]
fn names_keep_the_fields_that_an_update_does_not_know() {
    let archive = Archive::in_memory().unwrap();
    let record: WorkerRecord =
        serde_json::from_value(json!({"pod_name": "worker-b", "children": [1, {"x": null}]}))
            .unwrap();
    archive.write_name("worker-b", &record).unwrap();
    archive
        .write_name(
            "worker-a",
            &WorkerRecord::new(WorkerName::new("worker-a").unwrap()),
        )
        .unwrap();
    assert_eq!(archive.names().unwrap(), ["worker-a", "worker-b"]);
    let session_id = new_session_id();
    let active = Active {
        session_id,
        segment_id: None,
        extra: Extra::new(),
    };
    archive
        .update_name("worker-b", |record: &mut Option<WorkerRecord>| {
            record.as_mut().unwrap().active = Some(active);
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let back = serde_json::to_value(archive.read_name("worker-b").unwrap()).unwrap();
    let expected = json!({
        "worker_name": "worker-b", "children": [1, {"x": null}],
        "active": {"session_id": session_id},
    });
    assert_eq!(back, expected);
    archive.write_name("worker-c", &json!({})).unwrap();
    assert!(archive.read_name("worker-c").unwrap().is_some());
    assert!(archive.delete_name("worker-c").unwrap());
    assert!(!archive.delete_name("worker-c").unwrap());
    assert_eq!(archive.read_name("worker-c").unwrap(), None);
    for name in ["", ".", "..", "a/b", "a\0b"] {
        assert!(
            matches!(archive.read_name(name), Err(StoreError::InvalidPodName(_))),
            "{name:?}"
        );
        assert!(matches!(
            archive.delete_name(name),
            Err(StoreError::InvalidPodName(_))
        ));
        assert!(matches!(
            archive.update_name(name, |_: &mut Option<Value>| Ok::<_, StoreError>(())),
            Err(StoreError::InvalidPodName(_))
        ));
    }
    let mut long = WorkerRecord::new(WorkerName::new(&"n".repeat(1024)).unwrap());
    archive.write_name(&long.worker_name, &long).unwrap();
    long.worker_name = WorkerName::new(&"n".repeat(1025)).unwrap();
    assert!(matches!(
        archive.write_name(&long.worker_name, &long),
        Err(StoreError::TooLarge { .. })
    ));
}
