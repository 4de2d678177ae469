//! Values of any kind come back as they were given, and lists are kept once.

use proptest::prelude::*;

use super::*;

fn message(number: u8) -> Vec<u8> {
    let text = format!("message number {number} of a conversation");
    let mut bytes = Vec::new();
    rmpv::encode::write_value(&mut bytes, &text.into()).unwrap();
    bytes
}

fn list(kind: &str, numbers: &[u8]) -> Typed {
    let form = Form::of(kind);
    let item = |number: &u8| match form {
        Form::MessagePack => Item::from(message(*number)),
        _ => Item::from(format!("{{\"message\":[\"number {number}\"]}}").into_bytes()),
    };
    let items: Vec<Item> = numbers.iter().map(item).collect();
    Typed {
        kind: kind.to_owned(),
        bytes: form.join(&items),
    }
}

fn bytes_of(all: &[Held], number: usize) -> Vec<u8> {
    match &all[number] {
        Held::Whole { bytes, .. } => bytes.to_vec(),
        Held::List { kind, .. } => kind.join(&items_of(all, number).unwrap()),
        Held::Lost => panic!("it is lost"),
    }
}

/// Lists one after the other, each with the one before as its base. Returns the bytes of all as stored.
fn kept(lists: &[Typed]) -> usize {
    let mut all: Vec<Held> = Vec::new();
    let mut stored_bytes = 0;
    for (number, value) in lists.iter().enumerate() {
        let before = number
            .checked_sub(1)
            .and_then(|before| items_of(&all, before));
        let base = before.as_ref().map(|items| Base {
            version: "1",
            items,
        });
        let json = serde_json::to_string(&stored(value, base.as_ref())).unwrap();
        stored_bytes += json.len();
        let stored: Stored = serde_json::from_str(&json).unwrap();
        let base = stored.base.is_some().then(|| number - 1);
        all.push(stored.held(base));
    }
    for (number, value) in lists.iter().enumerate() {
        assert_eq!(bytes_of(&all, number), value.bytes);
    }
    stored_bytes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lists_of_any_kind_come_back(
        kind in prop::sample::select(vec!["msgpack", "json"]),
        lists in prop::collection::vec(prop::collection::vec(0..8_u8, 0..12), 1..12),
    ) {
        let lists: Vec<Typed> = lists.iter().map(|numbers| list(kind, numbers)).collect();
        kept(&lists);
    }

    #[test]
    fn any_bytes_come_back(
        kind in prop::sample::select(vec!["msgpack", "json", "null", "bytes"]),
        values in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            "[\\[\\],{}\"a 1\n]{0,12}".prop_map(String::into_bytes),
        ], 1..6),
    ) {
        let typed = |bytes: Vec<u8>| Typed { kind: kind.to_owned(), bytes };
        kept(&values.into_iter().map(typed).collect::<Vec<_>>());
    }
}

#[test]
fn a_list_that_grows_or_slides_is_kept_once() {
    for kind in ["msgpack", "json"] {
        let all: Vec<u8> = (0..100).collect();
        let whole = kept(&[list(kind, &all)]);
        let grows: Vec<Typed> = (1..=100).map(|len| list(kind, &all[..len])).collect();
        let slides: Vec<Typed> = (0..90)
            .map(|from| list(kind, &all[from..from + 10]))
            .collect();
        for lists in [grows, slides] {
            let bytes = kept(&lists);
            assert!(
                bytes < whole + 100 * lists.len(),
                "{kind}: {bytes} of {whole}"
            );
        }
    }
}

#[test]
fn a_long_chain_is_gone_through_without_recursion() {
    let mut all = vec![stored(&list("json", &[0]), None).held(None)];
    for number in 1..100_000 {
        all.push(Held::List {
            kind: Form::Json,
            base: Some(number - 1),
            parts: vec![(0, 1)],
            items: Vec::new(),
        });
    }
    assert_eq!(
        items_of(&all, all.len() - 1).map(|items| items.len()),
        Some(1)
    );
}
