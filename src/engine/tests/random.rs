//! Random calls on three engines that share a file, against a plain list.

use proptest::prelude::*;

use super::shared::{LOG, Shared, append, put, stored, texts};
use crate::engine::model::op::Op;

#[derive(Debug, Clone)]
enum Step {
    Append { by: usize, count: usize, len: usize },
    Batch { by: usize, lens: Vec<usize> },
    Truncate { by: usize, share: usize },
    Replace { by: usize, count: usize, len: usize },
    Delete { by: usize },
    Checkpoint { by: usize },
    Reopen { by: usize },
    Read { by: usize },
}

fn step() -> impl Strategy<Value = Step> {
    let by = 0..3_usize;
    let len = prop_oneof![6 => 0..900_usize, 2 => 3_000..7_000_usize, 1 => 8_000..30_000_usize];
    prop_oneof![
        8 => (by.clone(), 1..4_usize, len.clone())
            .prop_map(|(by, count, len)| Step::Append { by, count, len }),
        2 => (by.clone(), prop::collection::vec(len.clone(), 1..5))
            .prop_map(|(by, lens)| Step::Batch { by, lens }),
        2 => (by.clone(), 0..=100_usize).prop_map(|(by, share)| Step::Truncate { by, share }),
        1 => (by.clone(), 0..3_usize, len).prop_map(|(by, count, len)| Step::Replace { by, count, len }),
        1 => by.clone().prop_map(|by| Step::Delete { by }),
        1 => by.clone().prop_map(|by| Step::Checkpoint { by }),
        1 => by.clone().prop_map(|by| Step::Reopen { by }),
        4 => by.prop_map(|by| Step::Read { by }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(11),
        ..ProptestConfig::default()
    })]

    /// Three engines on one file, whatever each of them does, answer as one list does.
    #[test]
    fn engines_on_one_file_answer_as_one_list(steps in prop::collection::vec(step(), 1..60)) {
        let shared = Shared::new();
        let mut engines = [shared.open(), shared.open(), shared.open()];
        let mut model: Option<Vec<String>> = None;
        for (number, step) in steps.iter().enumerate() {
            match step {
                Step::Append { by, count, len } => {
                    let list = texts(number..number + count, *len);
                    put(&engines[*by], &list);
                    model.get_or_insert_default().extend(list);
                }
                Step::Batch { by, lens } => {
                    let lists: Vec<_> = lens.iter().map(|len| texts(number..number + 1, *len)).collect();
                    let ops: Vec<_> = lists.iter().map(|list| append(list)).collect();
                    engines[*by].write(false, ops).unwrap();
                    model.get_or_insert_default().extend(lists.concat());
                }
                Step::Truncate { by, share } => {
                    let len = model.as_ref().map_or(0, |model| model.len() * share / 100);
                    let op = Op::Truncate { log: LOG, len: len as u64, at_ms: 1 };
                    let done = engines[*by].write(false, &[op]);
                    prop_assert_eq!(done.is_ok(), model.is_some());
                    if let Some(model) = &mut model {
                        model.truncate(len);
                    }
                }
                Step::Replace { by, count, len } => {
                    let list = texts(number..number + count, *len);
                    let Op::Append { entries, .. } = append(&list) else { unreachable!() };
                    let op = Op::Replace { log: LOG, entries, origin: None, at_ms: 1 };
                    engines[*by].write(false, &[op]).unwrap();
                    model = Some(list);
                }
                Step::Delete { by } => {
                    engines[*by].write(false, &[Op::DeleteLog { log: LOG }]).unwrap();
                    model = None;
                }
                Step::Checkpoint { by } => engines[*by].checkpoint().unwrap(),
                Step::Reopen { by } => engines[*by] = shared.open(),
                Step::Read { by } => {
                    prop_assert_eq!(stored(&engines[*by]), model.clone().unwrap_or_default());
                }
            }
        }
        for engine in &engines {
            prop_assert_eq!(stored(engine), model.clone().unwrap_or_default());
        }
    }
}
