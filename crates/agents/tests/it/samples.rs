use sessiondb_agents::{Fold, Probe, Summary, recognise};

/// Folds a log line by line.
pub(crate) fn summary(path: &str, log: &str) -> Summary {
    let probe = Probe {
        path,
        head: log.as_bytes(),
    };
    let mut fold = Fold::new(recognise(&probe).expect(path), path);
    for line in log.lines() {
        fold.entry(line.as_bytes());
    }
    fold.summary()
}

#[test]
fn shared_logs_have_a_summary() {
    let shared = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    for name in [
        "real/claude/snapshot-2.jsonl",
        "real/claude/compacted.jsonl",
    ] {
        let path = shared.join(name);
        let Ok(log) = std::fs::read_to_string(&path) else {
            eprintln!("SKIPPED: {} is not there", path.display());
            continue;
        };
        let summary = summary(name, &log);
        println!("{}", serde_json::to_string_pretty(&summary).unwrap());
        assert!(summary.title.is_some() && summary.turns > 0);
    }
}
