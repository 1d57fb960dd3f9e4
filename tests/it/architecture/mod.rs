//! The house rules as tests (ARCHITECTURE.md): who may import whom, who may name what, how long a file may be, and
//! what the documents promise. Every rule is shown a planted fault, so that none of them is green because it is blind.

mod documents;
mod source;

pub use self::source::root;
use self::source::{Source, names, sources};

/// The areas each area may name besides itself. What is not here may name nothing of ours.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("domain", &["limits"]),
    ("crypto", &["domain", "limits"]),
    ("db", &["domain", "limits"]),
    ("api", &["domain", "limits"]),
    ("ui", &["api", "domain", "limits"]),
    ("cli", &["api", "clock", "config", "domain", "logging", "secrets", "ui"]),
    ("node/wire", &["domain", "limits"]),
    ("node/engine", &["api", "crypto", "db", "domain", "limits", "node/wire"]),
    ("node/net", &["api", "crypto", "domain", "limits", "node/engine", "node/wire"]),
    ("node/sim", &["api", "crypto", "db", "domain", "limits", "node", "node/engine", "node/wire"]),
    (
        "node",
        &[
            "api",
            "clock",
            "crypto",
            "db",
            "domain",
            "limits",
            "logging",
            "node/engine",
            "node/net",
            "node/sim",
            "node/wire",
        ],
    ),
    ("clock", &["domain"]),
    ("secrets", &["limits"]),
    ("main", &["cli", "node"]),
];

/// Words of code and the only areas that may hold them.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("iroh*", &["node/net"]),
    ("rusqlite", &["db"]),
    ("ratatui", &["ui"]),
    ("tui_textarea", &["ui"]),
    ("clap", &["cli"]),
    ("tokio", &["api", "cli", "node", "node/net", "ui"]),
    ("async", &["api", "cli", "node", "node/net", "ui"]),
    ("await", &["api", "cli", "node", "node/net", "ui"]),
    ("SystemTime", &["clock"]),
    ("Instant", &[]),
    ("rand::rng", &["clock"]),
    ("SysRng", &[]),
    ("env::var", &["config"]),
    ("env::var_os", &["config"]),
    ("env::temp_dir", &["config"]),
    // `node/net` syncs the files of the store of blobs, which is `store::fs` there.
    ("fs", &["db", "logging", "node", "node/net", "secrets"]),
    // Their order differs from run to run and must not reach what an engine decides.
    ("HashMap", &["api", "cli", "db", "node", "node/net", "ui"]),
    ("HashSet", &["api", "cli", "db", "node", "node/net", "ui"]),
];

/// How SQL begins.
const SQL: &[&str] = &[
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "DROP TABLE ",
    "ALTER TABLE ",
    "PRAGMA ",
    "EXPLAIN ",
    "VACUUM",
];

/// Lines of the longest file.
const LONGEST_FILE: usize = 800;

type Rule = fn(&Source) -> Vec<String>;

fn imports_only_downwards(source: &Source) -> Vec<String> {
    let area = source.area();
    if area == "lib" {
        return Vec::new();
    }
    let allowed = MAY_IMPORT.iter().find(|(name, _)| *name == area).map_or(&[][..], |(_, areas)| areas);
    let named = source.named_areas();
    let wrong = named.iter().filter(|named| **named != area && !allowed.contains(&named.as_str()));
    wrong.map(|named| format!("{} is in {area} and names {named}", source.path)).collect()
}

fn words_stay_in_their_area(source: &Source) -> Vec<String> {
    let area = source.area();
    let wrong =
        ONLY_IN.iter().filter(|(word, areas)| !areas.contains(&area.as_str()) && names(&source.code, word));
    wrong.map(|(word, _)| format!("{} is in {area} and names `{word}`", source.path)).collect()
}

fn sql_stays_in_db(source: &Source) -> Vec<String> {
    if source.area() == "db" {
        return Vec::new();
    }
    let is_sql = |text: &&String| {
        let text = text.trim_start();
        SQL.iter().any(|word| text.starts_with(word))
    };
    source.strings.iter().filter(is_sql).map(|text| format!("{} holds SQL: {text}", source.path)).collect()
}

fn files_are_short(source: &Source) -> Vec<String> {
    let lines = source.text.lines().count();
    let is_long = lines > LONGEST_FILE;
    is_long.then(|| format!("{} has {lines} lines", source.path)).into_iter().collect()
}

fn files_say_what_they_are(source: &Source) -> Vec<String> {
    let has_head = source.text.starts_with("//! ");
    (!has_head).then(|| format!("{} does not begin with //!", source.path)).into_iter().collect()
}

/// The second implementation of conversations (`tests/second`) is worth something only while it shares no line with the
/// first: it names nothing of the program, and nothing beside its own folder.
fn the_second_implementation_stands_alone(source: &Source) -> Vec<String> {
    let is_top = source.path.ends_with("/mod.rs");
    let words = ["itsgoin", "crate", "include", "include_str", "include_bytes"];
    let named = words.into_iter().filter(|word| names(&source.code, word));
    let leaves = ["super::super", "#[path"].into_iter().filter(|text| source.code.contains(text));
    let above = (is_top && names(&source.code, "super")).then_some("super");
    let wrong = named.chain(leaves).chain(above);
    wrong.map(|word| format!("{} names `{word}`", source.path)).collect()
}

/// Asserts that a rule holds for all of these files.
fn check(rule: Rule, folders: &[&str]) {
    let sources = sources(folders);
    assert!(sources.len() > 5, "only {} files below {folders:?}", sources.len());
    let broken: Vec<String> = sources.iter().flat_map(rule).collect();
    assert!(broken.is_empty(), "{broken:#?}");
}

/// Whether a rule notices a file of this text at this place.
fn notices(rule: Rule, path: &str, text: &str) -> bool {
    !rule(&Source::new(path, text)).is_empty()
}

const CODE: &[&str] = &["src"];
const EVERYTHING: &[&str] = &["src", "tests", "benches"];

#[test]
fn areas_import_only_what_lies_below_them() {
    check(imports_only_downwards, CODE);
}

#[test]
fn libraries_clock_and_randomness_stay_in_their_home() {
    check(words_stay_in_their_area, CODE);
}

#[test]
fn only_the_database_speaks_sql() {
    check(sql_stays_in_db, CODE);
}

#[test]
fn no_file_is_longer_than_a_person_reads() {
    check(files_are_short, EVERYTHING);
}

#[test]
fn every_file_says_at_its_head_what_it_is() {
    check(files_say_what_they_are, EVERYTHING);
}

#[test]
fn the_second_implementation_names_nothing_of_the_first() {
    check(the_second_implementation_stands_alone, &["tests/second"]);
    let planted = [
        ("tests/second/x.rs", "use itsgoin::crypto::keys::PostingKey;"),
        ("tests/second/x.rs", "use crate::domain::inner::Inner;"),
        ("tests/second/x.rs", "use super::super::kdf::root;"),
        ("tests/second/mod.rs", "use super::kdf::root;"),
        ("tests/second/x.rs", "include!(\"../../src/crypto/kdf.rs\");"),
        ("tests/second/x.rs", "#[path = \"../../src/crypto/kdf.rs\"]\nmod kdf;"),
    ];
    for (path, text) in planted {
        assert!(notices(the_second_implementation_stands_alone, path, text), "{path}: {text}");
    }
    let fine = "use super::primitives::Key; const LABEL: &str = \"itsgoin/dm/1 root\"; // Unlike the crate.";
    assert!(!notices(the_second_implementation_stands_alone, "tests/second/x.rs", fine));
}

#[test]
fn a_planted_import_is_noticed_in_every_form() {
    let planted = [
        ("src/domain/x.rs", "use crate::db::Read;"),
        ("src/domain/x.rs", "use crate::{domain::ids, node};"),
        ("src/domain/mod.rs", "use super::crypto::keys;"),
        ("src/domain/x.rs", "mod deep { use super::super::super::db; }"),
        ("src/ui/panes/x.rs", "fn f() { crate::node::start(); }"),
        ("src/cli/x.rs", "use crate::{\n    api::View,\n    db::{Read, Write},\n};"),
        ("src/node/engine/x.rs", "use crate::node::{wire::Pull, net::Link};"),
        ("src/node/engine/mod.rs", "use super::store::Readers;"),
        ("src/node/wire/x.rs", "type T = crate::node::engine::Effect;"),
        ("src/db/x.rs", "use crate::crypto::keys::PostingKey;"),
        ("src/crypto/x.rs", "const N: usize = crate::clock::N;"),
    ];
    for (path, text) in planted {
        assert!(notices(imports_only_downwards, path, text), "{path}: {text}");
    }
    let fine = [
        ("src/domain/x.rs", "//! Unlike [`crate::db`]…\nuse crate::limits::NAME_BYTES;"),
        ("src/node/engine/mod.rs", "mod tests { use super::*; use super::wanted; }"),
        ("src/node/engine/x.rs", "use super::answer::Checked; use crate::node::wire::{Page, Pull};"),
        ("src/node/store.rs", "use super::committer::Committer; use super::engine::Input;"),
        ("src/ui/x.rs", "const HINT: &str = \"crate::db\"; /* crate::node /* nested */ */"),
    ];
    for (path, text) in fine {
        assert!(!notices(imports_only_downwards, path, text), "{path}: {text}");
    }
}

#[test]
fn a_planted_word_is_noticed_and_a_comment_is_none() {
    let planted = [
        ("src/node/engine/x.rs", "use tokio::sync::mpsc;"),
        ("src/node/driver/x.rs", "use iroh_blobs::Hash;"),
        ("src/crypto/x.rs", "let rng = rand::rng();"),
        ("src/domain/x.rs", "let now = std::time::SystemTime::now();"),
        ("src/node/wire/x.rs", "async fn f() {}"),
        ("src/ui/x.rs", "let c: rusqlite::Connection;"),
        ("src/node/control/x.rs", "let home = std::env::temp_dir();"),
        ("src/node/engine/x.rs", "let peers = HashMap::new();"),
    ];
    for (path, text) in planted {
        assert!(notices(words_stay_in_their_area, path, text), "{path}: {text}");
    }
    let fine = [
        ("src/node/engine/x.rs", "/// Unlike tokio.\nfn f<'a>(c: char) -> bool { c == '\"' } // iroh"),
        ("src/ui/x.rs", "const NETWORK: &str = r#\"iroh's \"public\" relays\"#;"),
        ("src/domain/x.rs", "let asynchronous = Instantly;"),
    ];
    for (path, text) in fine {
        assert!(!notices(words_stay_in_their_area, path, text), "{path}: {text}");
    }
}

#[test]
fn planted_sql_is_noticed_and_prose_is_none() {
    assert!(notices(sql_stays_in_db, "src/node/x.rs", "const S: &str = \"SELECT 1\";"));
    assert!(notices(sql_stays_in_db, "src/ui/x.rs", "f(\"\n    DELETE FROM posts\")"));
    assert!(!notices(sql_stays_in_db, "src/db/x.rs", "const S: &str = \"SELECT 1\";"));
    assert!(!notices(sql_stays_in_db, "src/ui/x.rs", "/// `\"SELECT 1\"`\nconst S: &str = \"Select one\";"));
}

#[test]
fn a_planted_long_or_headless_file_is_noticed() {
    assert!(notices(files_are_short, "src/x.rs", &"\n".repeat(LONGEST_FILE + 1)));
    assert!(!notices(files_are_short, "src/x.rs", &"\n".repeat(LONGEST_FILE)));
    assert!(notices(files_say_what_they_are, "src/x.rs", "use std::io;\n//! Late."));
    assert!(!notices(files_say_what_they_are, "src/x.rs", "//! A file.\nuse std::io;"));
}
