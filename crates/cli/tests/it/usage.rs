//! `stats --by` and `export --layout markdown`.

use std::fs;

use serde_json::{Value, json};

use crate::place::{Place, tree};

/// Three sessions of two folders, models and days. One has no tokens.
fn place() -> Place {
    let place = Place::new();
    let logs = place.path("logs");
    fs::create_dir(&logs).unwrap();
    for (number, (cwd, model, day, tokens)) in [
        ("/src/shop", "model-one", "2026-02-03", Some(10)),
        ("/src/shop", "model-two", "2026-02-04", Some(30)),
        ("/src/bakery", "model-one", "2026-02-04", None),
    ]
    .into_iter()
    .enumerate()
    {
        let session = format!("{number}a1b2c3d-0000-4061-8071-2a3b4c5d6e7f");
        let common = |uuid: &str, kind: &str| {
            json!({"type": kind, "uuid": uuid, "sessionId": session, "cwd": cwd, "isSidechain": false,
                "timestamp": format!("{day}T12:00:00Z"), "version": "2.0.0"})
        };
        let mut prompt = common("u1", "user");
        prompt["message"] =
            json!({"role": "user", "content": format!("Title, \"number\" {number}")});
        let mut answer = common("a1", "assistant");
        answer["message"] = json!({"role": "assistant", "model": model, "id": "m1",
            "content": [{"type": "text", "text": "Done."}]});
        if let Some(tokens) = tokens {
            answer["message"]["usage"] = json!({"input_tokens": tokens, "output_tokens": 5,
                "cache_read_input_tokens": 100});
        }
        fs::write(
            logs.join(format!("{session}.jsonl")),
            format!("{prompt}\n{answer}\n"),
        )
        .unwrap();
    }
    place.run("import", &[logs.to_str().unwrap()]).code(0);
    place
}

fn rows(place: &Place, args: &[&str]) -> Vec<Value> {
    let rows = place
        .run("stats", &[args, &["--json"]].concat())
        .code(0)
        .json_lines();
    rows.as_array().unwrap().clone()
}

#[test]
fn sessions_are_summed_up() {
    let place = place();
    let by_model = rows(&place, &["--by", "model"]);
    assert_eq!(by_model[0]["name"], "model-two");
    assert_eq!(
        (
            &by_model[0]["sessions"],
            &by_model[0]["input"],
            &by_model[0]["cached"],
            &by_model[0]["output"]
        ),
        (&json!(1), &json!(30), &json!(100), &json!(5))
    );
    assert_eq!(
        (&by_model[1]["sessions"], &by_model[1]["turns"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(by_model[1]["cost_usd"], Value::Null);
    let names = |args: &[&str]| -> Vec<String> {
        let rows = rows(&place, args);
        rows.iter()
            .map(|row| row["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&["--by", "day"]), ["2026-02-03", "2026-02-04"]);
    assert_eq!(names(&["--by", "cwd"]), ["/src/shop", "/src/bakery"]);
    assert_eq!(
        names(&["--by", "agent,day"]),
        ["claude", "2026-02-03", "2026-02-04"]
    );
    assert_eq!(
        names(&["--by", "day", "--since", "2026-02-04"]),
        ["2026-02-04"]
    );
    assert_eq!(
        names(&["--by", "day", "--until", "2026-02-03"]),
        ["2026-02-03"]
    );
}

#[test]
fn sums_are_drawn_and_given_as_csv() {
    let place = place();
    let table = place
        .run("stats", &["--by", "cwd"])
        .code(0)
        .out("FOLDER")
        .out("/src/bakery");
    assert!(
        table.stdout.lines().last().unwrap().starts_with("total "),
        "{table:#?}"
    );
    let bars = place
        .run("stats", &["--by", "model", "--bars"])
        .code(0)
        .stdout;
    let lines: Vec<&str> = bars.lines().collect();
    assert_eq!(lines[0], "tokens by model");
    let columns = |line: &str| line.chars().filter(|c| *c == '█').count();
    assert!(columns(lines[1]) > columns(lines[2]), "{bars}");
    let csv = place.run("stats", &["--by", "day", "--csv"]).code(0).stdout;
    assert!(csv.starts_with("by,name,sessions,turns,"), "{csv}");
    assert!(csv.contains("\nday,2026-02-03,1,1,2,10,100,5,0,,"), "{csv}");
    for wrong in [
        &["--bars"][..],
        &["--csv"],
        &["--since", "3d"],
        &["--by", "day", "--csv", "--json"],
    ] {
        place.run("stats", wrong).code(2);
    }
    place.run("stats", &[]).code(0).out("format version");
}

#[test]
fn documents_are_written_once_and_nothing_is_overwritten() {
    let place = place();
    let out = place.path("out");
    let dir = out.to_str().unwrap();
    let export =
        |args: &[&str]| place.run("export", &[&["--layout", "markdown", dir], args].concat());
    export(&[]).code(0).err("3 files, 3 written");
    export(&[]).code(0).err("3 files, 0 written");
    let names: Vec<String> = tree(&out)
        .iter()
        .map(|(path, _)| path.to_str().unwrap().to_owned())
        .collect();
    assert_eq!(names[0], "2026-02-03-title-number-0-0a1b2c3d.md");
    let file = out.join(&names[0]);
    let whole = fs::read_to_string(&file).unwrap();
    assert!(whole.starts_with("# Title, \"number\" 0\n"), "{whole}");
    fs::write(&file, "mine").unwrap();
    export(&[]).code(8).err("holds something else");
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    let report = export(&["0a1b2c3d", "--force", "--json"]).code(0).json();
    assert_eq!(
        (
            &report["written"],
            report["files"].as_array().unwrap().len()
        ),
        (&json!(1), 1)
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), whole);
}
