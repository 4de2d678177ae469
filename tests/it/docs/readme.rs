//! The README's commands and numbers are those of `.ci/run`.

use super::text;

#[test]
fn the_readme_s_commands_are_those_that_ci_runs() {
    let readme = text("README.md");
    let ci = text(".ci/run");
    let commands: Vec<&str> = readme
        .split("```sh\n")
        .skip(1)
        .filter_map(|block| block.split("```").next())
        .flat_map(str::lines)
        .filter(|line| line.starts_with("cargo "))
        .collect();
    assert!(
        commands
            .iter()
            .any(|command| command.starts_with("cargo test "))
    );
    assert!(
        commands
            .iter()
            .any(|command| command.starts_with("cargo run "))
    );
    for command in commands {
        let runs = ci.lines().any(|line| line.trim() == command);
        assert!(runs, ".ci/run does not run the README's `{command}`");
    }
}

#[test]
fn the_readme_states_the_crates_that_ci_counts() {
    let readme = text("README.md");
    let ci = text(".ci/run");
    let counted = ci
        .lines()
        .find_map(|line| line.strip_prefix("readme_crates="))
        .expect("a line `readme_crates=N` in .ci/run");
    let sentence = format!("pulls in {counted} crates");
    assert!(readme.contains(&sentence), "README: {sentence}");
}
