//! The page of the scoreboard against the scoreboard.

use super::{rows, text};

#[test]
fn the_page_lists_every_row_and_no_violation() {
    let page = text("docs/reliability.md");
    let table: Vec<[String; 4]> = rows::<4>(&page, "# Reliability, counted").collect();
    for number in 1..=18 {
        let name = format!("R{number}");
        let listed = table.iter().find(|[row, ..]| *row == name);
        let [_, _, cases, violations] = listed.unwrap_or_else(|| panic!("{name} is not listed"));
        let cases: u64 = cases.replace(',', "").parse().expect("a number of cases");
        assert!(cases > 0, "{name}");
        assert_eq!(violations, "0", "{name}");
    }
}

#[test]
fn the_page_s_command_is_the_one_that_the_rows_name() {
    let page = text("docs/reliability.md");
    let command = "cargo test --release --test it scoreboard -- --nocapture";
    assert!(page.contains(&format!("SCOREBOARD=deep {command}")));
    let rows = text("tests/it/scoreboard/mod.rs");
    assert!(rows.contains(command));
}
