//! Any lines as a log of any agent: a fold that is saved and read again between its lines knows the
//! same as one that is not, and what it says keeps to its bounds.

use sessiondb_agents::{Agent, Fold, Probe, agents, recognise};

const PATH: &str = "logs/0198c1f2-0000-7000-8000-00000000000a.jsonl";
/// Saving after every line takes time with the square of their number.
const MOST_LINES: usize = 200;

pub(crate) fn check(data: &[u8]) {
    let _ = recognise(&Probe {
        path: PATH,
        head: data,
    });
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').take(MOST_LINES).collect();
    for agent in agents() {
        folds(*agent, &lines);
        items(*agent, &lines);
    }
}

fn folds(agent: &'static dyn Agent, lines: &[&[u8]]) {
    let mut whole = Fold::new(agent, PATH);
    let mut saved = save(&whole);
    for line in lines {
        whole.entry(line);
        let mut fold: Fold = serde_json::from_str(&saved).expect("what was saved can be read");
        fold.entry(line);
        saved = save(&fold);
    }
    assert_eq!(saved, save(&whole));

    let summary = whole.summary();
    let fold: Fold = serde_json::from_str(&saved).expect("what was saved can be read");
    assert_eq!(summary, fold.summary());
    assert_eq!(whole.identity(), fold.identity());
    let chars = |text: &Option<String>| text.as_ref().map_or(0, |text| text.chars().count());
    assert!(chars(&summary.title) <= 200 && chars(&summary.first_prompt) <= 2_000);
    assert!(
        summary
            .title
            .is_none_or(|title| !title.contains(['\n', '\r']))
    );
}

fn save(fold: &Fold) -> String {
    serde_json::to_string(fold).expect("a fold can be saved")
}

fn items(agent: &'static dyn Agent, lines: &[&[u8]]) {
    let mut items = Vec::new();
    for (index, line) in (0..).zip(lines) {
        let before = items.len();
        agent.items(line, index, &mut items);
        assert!(items.iter().skip(before).all(|item| item.entry == index));
    }
    agent.settle(&mut items);
    serde_json::to_string(&items).expect("items can be written");
}
