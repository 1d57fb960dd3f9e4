//! What the documents say is true: cards name tests that exist, the table of limits is the code's, the README's
//! commands are the ones that are run, and nothing points outside the repository.

use super::source::{Source, files_below, name_of, root, sources};

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).expect("the documents are there")
}

/// A card of THREATS.md.
struct Card<'t> {
    title: &'t str,
    status: &'t str,
    tests: Vec<&'t str>,
}

/// The cards: a heading of the third level, then `Status:`, and `Test:` lines below.
fn cards(threats: &str) -> Vec<Card<'_>> {
    let mut cards: Vec<Card<'_>> = Vec::new();
    for line in threats.lines() {
        if let Some(title) = line.strip_prefix("### ") {
            cards.push(Card { title, status: "", tests: Vec::new() });
        } else if let Some(card) = cards.last_mut() {
            if let Some(status) = line.strip_prefix("Status: ") {
                card.status = status;
            }
            card.tests.extend(line.strip_prefix("Test: "));
        }
    }
    cards
}

/// What is wrong with the cards, given all code there is.
fn false_cards(threats: &str, code: &[Source]) -> Vec<String> {
    let exists = |test: &str| {
        let head = format!("fn {test}(");
        code.iter().any(|source| source.code.contains(&head))
    };
    let mut wrong = Vec::new();
    for Card { title, status, tests } in cards(threats) {
        match status {
            "Mitigated" if tests.is_empty() => wrong.push(format!("`{title}` names no test")),
            "Mitigated" | "Partly" | "Open" => {}
            _ => wrong.push(format!("`{title}` has the status `{status}`")),
        }
        let missing = tests.into_iter().filter(|test| !exists(test));
        wrong.extend(missing.map(|test| format!("`{title}` names `{test}`, which is no test")));
    }
    wrong
}

/// Name and value of every row of the table of limits.
fn table_of_limits(threats: &str) -> Vec<(String, String)> {
    let (_, table) = threats.split_once("| limit | value | why |\n").unwrap_or_default();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| {
        let mut cells = line.split('|').skip(1).map(|cell| cell.trim().trim_matches('`').to_owned());
        (cells.next().unwrap_or_default(), cells.next().unwrap_or_default())
    };
    rows.map(cells).collect()
}

/// The cargo commands of a text.
fn cargo_commands(text: &str) -> Vec<&str> {
    let starts = text.match_indices("cargo ").map(|(at, _)| at);
    let command =
        |at| text.get(at..).unwrap_or_default().split(['\n', '`']).next().unwrap_or_default().trim();
    starts.map(command).collect()
}

/// A path that only exists where we work.
const OUTSIDE: &str = concat!("..", "/shared");

fn points_outside(text: &str) -> bool {
    text.contains(OUTSIDE) || text.contains(concat!("/work", "/shared"))
}

#[test]
fn every_mitigated_card_names_a_test_that_exists() {
    let threats = read("THREATS.md");
    assert!(cards(&threats).len() > 20, "THREATS.md has few cards");
    let wrong = false_cards(&threats, &sources(&["src", "tests"]));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_planted_false_card_is_noticed() {
    let code = [Source::new("src/x.rs", "#[test]\nfn it_is_so() {} // fn it_is_not()")];
    let wrong = |card: &str| !false_cards(&format!("### A card\n{card}\n"), &code).is_empty();
    assert!(!wrong("Status: Mitigated\n\nThus.\n\nTest: it_is_so"));
    assert!(wrong("Status: Mitigated\n\nThus.\n\nTest: it_is_not"));
    assert!(wrong("Status: Mitigated\n\nThus."));
    assert!(wrong("Status: Solved"));
    assert!(wrong("Thus."));
    assert!(!wrong("Status: Open"));
}

#[test]
fn the_table_of_limits_equals_the_code() {
    let code: Vec<(String, String)> =
        itsgoin::limits::table().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let written = table_of_limits(&read("THREATS.md"));
    for (ours, theirs) in code.iter().zip(&written) {
        assert_eq!(ours, theirs, "code, and THREATS.md");
    }
    assert_eq!(code.len(), written.len(), "rows of limits.rs, and of THREATS.md");
}

#[test]
fn a_planted_wrong_row_is_noticed() {
    let table =
        "| limit | value | why |\n|---|---|---|\n| `A` | 1 | so |\n| `B` | 2s | so |\n\nEnd.\n| C | 3 |";
    let row = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(table_of_limits(table), [row("A", "1"), row("B", "2s")]);
    assert_ne!(table_of_limits(&table.replace('1', "7")), [row("A", "1"), row("B", "2s")]);
}

#[test]
fn the_readme_has_two_commands_and_the_pipeline_runs_them_as_they_stand() {
    let readme = read("README.md");
    let commands = cargo_commands(&readme);
    assert_eq!(commands, ["cargo run --release", "cargo test --locked"]);
    let pipeline = read(".ci/run");
    assert!(pipeline.lines().any(|line| line == "cargo test --locked"), "the very line of the README");
}

#[test]
fn a_planted_third_command_is_noticed() {
    assert_eq!(cargo_commands("Run\n\n    cargo run\n\nor `cargo doc`."), ["cargo run", "cargo doc"]);
}

#[test]
fn nothing_points_outside_the_repository() {
    let files = files_below(root());
    assert!(files.len() > 100, "only {} files", files.len());
    // What is no text cannot point anywhere.
    let text_of = |path: &std::path::Path| std::fs::read_to_string(path).unwrap_or_default();
    let wrong: Vec<String> =
        files.iter().filter(|path| points_outside(&text_of(path))).map(|path| name_of(path)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(points_outside(&format!("see {OUTSIDE}/page.md")));
}

#[test]
fn the_documents_of_the_project_exist_and_say_something() {
    for name in
        ["README.md", "ARCHITECTURE.md", "PROTOCOL.md", "THREATS.md", "CHANGELOG.md", "CONTRIBUTING.md"]
    {
        assert!(read(name).lines().count() > 10, "{name}");
    }
    let changes = read("CHANGELOG.md");
    let schema = format!("schema {}", itsgoin::db::SCHEMA_VERSION);
    assert!(
        changes.contains("protocol `itsgoin/0.6`") && changes.contains(&schema),
        "CHANGELOG.md: {schema}"
    );
}
