//! Any bytes as a session that is one JSON document: what comes apart comes together as equal JSON.

use serde_json::Value;
use sessiondb_agents::{Fold, agents};

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for agent in agents() {
        let Some(document) = agent.split(text) else {
            continue;
        };
        let joined = agent
            .join(&document)
            .expect("what came apart comes together");
        // Numbers that no f64 holds are kept, but cannot be compared so.
        if let Ok(value) = serde_json::from_str::<Value>(text) {
            let again: Value = serde_json::from_str(&joined).expect("it is JSON again");
            assert_eq!(again, value, "{}", agent.name());
        }
        assert_eq!(
            agent.split(&joined).as_ref(),
            Some(&document),
            "{}",
            agent.name()
        );

        let mut fold = Fold::new(*agent, "chats/session.json");
        fold.header(&document.header);
        for entry in &document.entries {
            fold.entry(entry.as_bytes());
        }
        let _ = (fold.summary(), fold.identity());
    }
}
