//! What the OpenAI Agents SDK asks of a session, against a plain list, and by several at once.

use std::thread;

use proptest::prelude::*;
use sessiondb::{Archive, ErrorKind};
use sessiondb_sdk::OpenAiSession;

use crate::disk::Disk;

fn items(session: &OpenAiSession, limit: Option<u64>) -> Vec<String> {
    let items = session.items(limit).unwrap();
    items.iter().map(|item| item.as_str().to_owned()).collect()
}

fn item(number: usize) -> String {
    format!(r#"{{"role":"user","content":"number {number}"}}"#)
}

fn add(session: &OpenAiSession, numbers: &[usize]) {
    let all: Vec<String> = numbers.iter().map(|number| item(*number)).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    session.add(&all).unwrap();
}

#[test]
fn conversations_are_apart_and_nothing_is_there_before_the_first_item() {
    let archive = Archive::in_memory().unwrap();
    let (one, two) = (
        OpenAiSession::new(&archive, "1"),
        OpenAiSession::new(&archive, "2"),
    );
    assert!(items(&one, None).is_empty() && one.pop().unwrap().is_none() && !one.clear().unwrap());
    one.add(&[]).unwrap();
    assert_eq!(archive.sessions().unwrap().count(), 0);
    add(&one, &[1, 2]);
    add(&two, &[3]);
    assert_eq!(items(&one, None), [item(1), item(2)]);
    assert!(two.clear().unwrap() && items(&two, None).is_empty());
    assert_eq!(items(&one, Some(0)), [""; 0]);
    assert_eq!(items(&one, Some(9)).len(), 2);
    let error = one.add(&["{}", "7"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(items(&one, None).len(), 2);
}

#[test]
fn what_was_erased_is_no_item() {
    let archive = Archive::in_memory().unwrap();
    let session = OpenAiSession::new(&archive, "1");
    add(&session, &[1, 2, 3]);
    let id = archive.sessions().unwrap().next().unwrap().unwrap().id;
    archive.log(id, id).erase(2..3).unwrap();
    assert_eq!(items(&session, Some(1)), [item(2)]);
    assert_eq!(session.pop().unwrap().unwrap().as_str(), item(2));
    assert_eq!(items(&session, None), [item(1)]);
}

#[test]
fn a_suffix_is_replaced_only_as_it_was_read() {
    let archive = Archive::in_memory().unwrap();
    let session = OpenAiSession::new(&archive, "1");
    add(&session, &[1, 2, 3]);
    let (two, three, four) = (item(2), item(3), item(4));
    assert!(!session.replace_suffix(&[], &[&four]).unwrap());
    assert!(!session.replace_suffix(&[&two], &[&four]).unwrap());
    assert!(
        !session
            .replace_suffix(&[&two, &two, &two, &three], &[&four])
            .unwrap()
    );
    assert_eq!(items(&session, None).len(), 3);
    assert!(session.replace_suffix(&[&two, &three], &[&four]).unwrap());
    assert_eq!(items(&session, None), [item(1), item(4)]);
    assert!(session.replace_suffix(&[&four], &[]).unwrap());
    assert_eq!(items(&session, None), [item(1)]);
}

#[test]
fn threads_add_and_pop_each_item_once() {
    let archive = Archive::in_memory().unwrap();
    let session = OpenAiSession::new(&archive, "1");
    let popped: Vec<String> = thread::scope(|scope| {
        for number in 0..3 {
            let session = &session;
            scope.spawn(move || (0..40).for_each(|round| add(session, &[number * 100 + round])));
        }
        let pop = |_| {
            let session = &session;
            scope.spawn(move || {
                let mut popped = Vec::new();
                while popped.len() < 30 {
                    popped.extend(session.pop().unwrap().map(|item| item.as_str().to_owned()));
                }
                popped
            })
        };
        let threads: Vec<_> = (0..2).map(pop).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    let mut all = [popped, items(&session, None)].concat();
    all.sort_unstable();
    let mut expected: Vec<String> = (0..3)
        .flat_map(|number| (0..40).map(move |round| item(number * 100 + round)))
        .collect();
    expected.sort_unstable();
    assert_eq!(all, expected);
}

#[derive(Debug, Clone)]
enum Call {
    Add(Vec<usize>),
    Pop,
    Clear,
    Replace(usize, Vec<usize>),
}

fn call() -> impl Strategy<Value = Call> {
    let numbers = || prop::collection::vec(0..9_usize, 0..4);
    prop_oneof![
        6 => numbers().prop_map(Call::Add),
        3 => Just(Call::Pop),
        1 => Just(Call::Clear),
        2 => (0..5_usize, numbers()).prop_map(|(count, new)| Call::Replace(count, new)),
    ]
}

fn texts(items: &[String]) -> Vec<&str> {
    items.iter().map(String::as_str).collect()
}

fn done(session: &OpenAiSession, model: &mut Vec<String>, call: &Call) {
    match call {
        Call::Add(numbers) => {
            add(session, numbers);
            model.extend(numbers.iter().map(|number| item(*number)));
        }
        Call::Pop => {
            let popped = session.pop().unwrap();
            assert_eq!(popped.map(|item| item.as_str().to_owned()), model.pop());
        }
        Call::Clear => {
            session.clear().unwrap();
            model.clear();
        }
        Call::Replace(count, new) => {
            let start = model.len().saturating_sub(*count);
            let new: Vec<String> = new.iter().map(|number| item(*number)).collect();
            let expected = model.split_off(start);
            let is_done = session
                .replace_suffix(&texts(&expected), &texts(&new))
                .unwrap();
            assert_eq!(is_done, !expected.is_empty());
            model.extend(if is_done { new } else { expected });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_calls_give_what_a_list_gives(calls in prop::collection::vec(call(), 1..30), limit in 0..6_u64) {
        let archive = Archive::in_memory().unwrap();
        let session = OpenAiSession::new(&archive, "1");
        let mut model = Vec::new();
        for call in &calls {
            done(&session, &mut model, call);
        }
        prop_assert_eq!(items(&session, None), &model[..]);
        let last = model.len().saturating_sub(usize::try_from(limit).unwrap());
        prop_assert_eq!(items(&session, Some(limit)), &model[last..]);
        prop_assert!(archive.check(None).unwrap().problems.is_empty());
    }
}

#[test]
fn a_call_that_is_cut_off_at_any_write_leaves_all_or_nothing() {
    let disk = Disk::with_archive();
    let start = disk.content();
    let archive = disk.open();
    let session = OpenAiSession::new(&archive, "1");
    let calls = [
        Call::Add(vec![1, 2]),
        Call::Pop,
        Call::Replace(1, vec![3, 4, 5]),
        Call::Clear,
        Call::Add(vec![6]),
    ];
    let mut model = Vec::new();
    let (mut states, mut acknowledged) = (vec![model.clone()], vec![0]);
    for call in &calls {
        done(&session, &mut model, call);
        states.push(model.clone());
        acknowledged.push(disk.now());
    }
    drop((session, archive));
    disk.states(start, |changes, disk| {
        let now = items(&OpenAiSession::new(&disk.open(), "1"), None);
        let returned = acknowledged.iter().filter(|at| **at <= changes).count() - 1;
        let allowed = now == states[returned] || Some(&now) == states.get(returned + 1);
        assert!(
            allowed,
            "after {changes} changes, {returned} calls had returned: {now:?}"
        );
    });
}
