//! What goes wrong in a person's hands: each time one sentence, a way out, the right exit code, and nothing lost.

use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::Value;

use super::program::{Home, PATIENCE, Refusal, Said, field, refusal, wait_until};
use super::screen::Screen;

/// An id that belongs to nothing.
const NOBODY: &str = "5866666666666666666666666666666666666666666666666666666666666666";

/// One sentence each for what is wrong and what to do, without an inside view of the program.
fn assert_clear(told: &Refusal) {
    for sentence in [&told.message, &told.hint] {
        assert!(sentence.len() > 10 && sentence.len() < 300 && !sentence.contains('\n'), "{told:?}");
        let inside = ["Error", "{", "::", "SQLITE", "os error 0", "panicked"];
        assert!(!inside.iter().any(|word| sentence.contains(word)), "{told:?}");
    }
    assert_ne!(told.message, told.hint);
}

/// A verb fails with this code and kind and a message about this.
fn assert_refused(home: &Home, arguments: &[&str], code: i32, kind: &str, about: &str) {
    let told = home.refused(arguments);
    assert_clear(&told);
    assert_eq!((told.code, told.kind.as_str()), (Some(code), kind), "{arguments:?}: {told:?}");
    assert!(told.message.contains(about), "{arguments:?}: {told:?}");
    let plain = home.run(arguments);
    assert_eq!((plain.code, plain.stdout.as_str()), (Some(code), ""));
    assert_eq!(plain.stderr, format!("itsgoin: {}\n  {}\n", told.message, told.hint));
}

#[test]
fn invites_that_cannot_be_used() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let good = ben.invite();
    let (head, last) = good.split_at(good.len() - 1);
    let damaged = format!("{head}{}", if last == "a" { "b" } else { "a" });
    let (cut, _) = good.split_at(good.len() - 5);
    let refused = [
        ("hello", "not an invite"),
        ("", "not an invite"),
        (&damaged, "missing or was changed"),
        (cut, "missing or was changed"),
        (&ana.invite(), "this invite is your own"),
        (&ana.posting_id(), "this invite is your own"),
        (&"x".repeat(5_000), "too long"),
    ];
    for (invite, about) in refused {
        assert_refused(&ana, &["follow", invite], 1, "invalid", about);
    }
    assert_refused(&ana, &["peer", "add", &good], 1, "invalid", "not a ticket");
    assert!(ana.list(&["people"]).is_empty(), "nobody is followed by mistake");
    let (head, tail) = good.split_at(30);
    let with_breaks = format!(" {head}\n {} ", tail.to_uppercase());
    ana.one(&["follow", &with_breaks]);
}

#[test]
fn posts_that_cannot_be_sent() {
    let home = Home::of("ana");
    home.post("kept");
    assert_refused(&home, &["post", ""], 1, "invalid", "needs some text");
    assert_refused(&home, &["post", " \n\t "], 1, "invalid", "needs some text");
    assert_refused(&home, &["post", &"x".repeat(16 * 1024 + 1)], 1, "invalid", "at most 16384 bytes");
    for (input, about) in [(vec![b'x'; 2 * 1024 * 1024], "at most"), (b"\x9b2J".to_vec(), "UTF-8")] {
        let told = refusal(&home.run_with(&["post", "-", "--json"], &input));
        assert_clear(&told);
        assert!(told.code == Some(1) && told.message.contains(about), "{told:?}");
    }
    assert_refused(&home, &["post", "--persona", "nobody", "text"], 3, "not_found", "nobody has this name");
    assert_refused(&home, &["post", "--persona", NOBODY, "text"], 3, "not_found", "persona");
    home.post(&"x".repeat(16 * 1024));
    assert_eq!(home.texts().len(), 2, "the longest one is taken, no other");
}

#[test]
fn things_that_are_not_there() {
    let home = Home::of("ana");
    assert_refused(&home, &["thread", NOBODY], 3, "not_found", "post");
    assert_refused(&home, &["unfollow", "nobody"], 3, "not_found", "nobody has this name");
    assert_refused(&home, &["unfollow", NOBODY], 3, "not_found", "nobody follows");
    let empty = Home::empty();
    assert_refused(&empty, &["post", "text"], 3, "not_found", "no persona");
    assert_refused(&empty, &["invite"], 3, "not_found", "no persona");
    assert!(empty.feed().is_empty());
}

#[test]
fn names_that_cannot_be_used() {
    let home = Home::empty();
    for (name, about) in [
        ("", "visible character"),
        ("\u{200b}", "visible character"),
        ("a\nb", "one line"),
        ("\u{1b}[31m", "control characters"),
        (&"n".repeat(65), "at most 64 bytes"),
    ] {
        assert_refused(&home, &["init", "--name", name, "--no-passphrase"], 1, "invalid", about);
    }
    home.one(&["init", "--name", "ana", "--no-passphrase"]);
    assert_refused(&home, &["init", "--name", "ben"], 1, "invalid", "a persona already");
    assert_eq!(home.list(&["persona", "list"]).len(), 1);
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let home = Home::empty();
    for arguments in [
        &["dance"][..],
        &["post"],
        &["feed", "--limit", "0"],
        &["feed", "--before", "yesterday"],
        &["thread", "xyz"],
        &["init"],
        &["--bind", "here", "serve"],
        &["serve", "--relay", "foo"],
    ] {
        let said = home.run(arguments);
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(said.stderr.starts_with("error: ") && said.stderr.contains("--help"), "{}", said.stderr);
        let told = home.refused(arguments);
        assert_clear(&told);
        assert_eq!((told.code, told.kind.as_str()), (Some(2), "invalid"), "{told:?}");
    }
    assert!(!home.data_dir().exists(), "nothing was made");
    assert_refused(&home, &[], 1, "invalid", "needs a terminal");
}

#[test]
fn a_second_node_on_a_directory_is_refused_and_commands_go_through_the_first() {
    let home = Home::of("ana");
    home.post("before");
    let node = home.serve();
    assert_refused(&home, &["serve"], 4, "locked", "another itsgoin uses this data directory");
    let second = Screen::open(&home).left();
    assert!(!second.success, "the interface does not start either");
    assert!(String::from_utf8(second.bytes).unwrap().contains("another itsgoin uses this data directory"));
    home.post("meanwhile");
    assert_eq!(home.one(&["status"])["network"], "up", "commands talk to the first one");
    node.stop();
    let mut screen = Screen::open(&home);
    screen.sees("meanwhile");
    assert_refused(&home, &["serve"], 4, "locked", "another itsgoin uses this data directory");
    assert_eq!(home.texts(), ["meanwhile", "before"]);
    screen.types("q");
    assert!(screen.left().success);
}

#[test]
fn a_node_waits_for_a_command_that_holds_the_directory() {
    let home = Home::of("ana");
    let lock = std::fs::File::options().write(true).open(home.file("lock")).unwrap();
    lock.lock().unwrap();
    std::thread::scope(|scope| {
        let (started, node) = std::sync::mpsc::channel();
        let home = &home;
        scope.spawn(move || started.send(home.try_serve(&[])).unwrap());
        assert!(node.recv_timeout(Duration::from_millis(500)).is_err(), "it waits");
        lock.unlock().unwrap();
        node.recv_timeout(PATIENCE).unwrap().unwrap().stop();
    });
}

#[test]
fn the_number_of_connections_has_the_bounds_of_the_protocol() {
    use itsgoin::limits::{CONNECTIONS, CONNECTIONS_MOST};
    let home = Home::of("ana");
    let most = CONNECTIONS_MOST.to_string();
    assert_eq!(home.run(&["status", "--connections", &most]).code, Some(0));
    for wrong in ["0", "x", &(CONNECTIONS_MOST + 1).to_string()] {
        assert_eq!(home.run(&["status", "--connections", wrong]).code, Some(2), "{wrong}");
    }
    let help = home.run(&["--help"]).stdout;
    for told in [format!("1 to {CONNECTIONS_MOST}"), format!("[default: {CONNECTIONS}]")] {
        assert!(help.contains(&told), "{help}");
    }
}

#[test]
fn a_newer_database_stays_byte_for_byte() {
    let home = Home::of("ana");
    home.post("kept");
    set_schema_version(&home, 99);
    let before = contents(&home.data_dir());
    assert_refused(&home, &["feed"], 1, "store", "schema 99");
    assert_refused(&home, &["post", "x"], 1, "store", "schema 99");
    assert_eq!(contents(&home.data_dir()), before);
    set_schema_version(&home, i64::try_from(itsgoin::db::SCHEMA_VERSION).unwrap());
    assert_eq!(home.texts(), ["kept"]);
}

fn set_schema_version(home: &Home, version: i64) {
    let database = Connection::open(home.file("itsgoin.db")).unwrap();
    database.pragma_update(None, "user_version", version).unwrap();
    drop(database);
    take_in_log(home);
}

/// Brings everything from the write-ahead log into the database itself.
fn take_in_log(home: &Home) {
    let database = Connection::open(home.file("itsgoin.db")).unwrap();
    database.pragma_update(None, "wal_checkpoint", "TRUNCATE").unwrap();
}

/// Every file of a directory that a person would miss; the log is ours, the companions of the database come and go.
fn contents(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            files.extend(contents(&path));
        } else if !["itsgoin.log", "itsgoin.db-wal", "itsgoin.db-shm"].contains(&name) {
            files.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

/// Writes garbage over a part of the database.
fn damage(home: &Home, at: u64, bytes: usize) {
    let mut file = std::fs::File::options().write(true).open(home.file("itsgoin.db")).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&vec![0xa5; bytes]).unwrap();
}

#[test]
fn a_damaged_database_is_named_and_left_alone() {
    let home = Home::of("ana");
    for number in 0..50 {
        home.post(&format!("{number} {}", "x".repeat(1_000)));
    }
    take_in_log(&home);
    let whole = std::fs::read(home.file("itsgoin.db")).unwrap();
    for (at, bytes) in [(0, 100), (0, whole.len()), (4_096, whole.len() - 4_096)] {
        damage(&home, u64::try_from(at).unwrap(), bytes);
        let before = contents(&home.data_dir());
        assert_refused(&home, &["feed"], 1, "store", "itsgoin.db is damaged");
        assert_refused(&home, &["post", "lost"], 1, "store", "itsgoin.db is damaged");
        assert_eq!(contents(&home.data_dir()), before, "damaged from {at}");
        std::fs::write(home.file("itsgoin.db"), &whole).unwrap();
    }
    assert_eq!(home.texts().len(), 50, "put back, it works again");
    move_aside(&home);
}

/// The way out that the sentence names: the persona comes back from its key.
fn move_aside(home: &Home) {
    let id = home.posting_id();
    std::fs::rename(home.file("itsgoin.db"), home.file("itsgoin.db.damaged")).unwrap();
    let is_back = |persona: &Value| field(persona, "posting_id") == id;
    wait_until("the persona is back", || home.list(&["persona", "list"]).iter().any(is_back));
    assert!(home.texts().is_empty(), "its posts come from others");
}

#[test]
fn a_database_of_something_else_is_left_alone() {
    let home = Home::empty();
    std::fs::create_dir(home.data_dir()).unwrap();
    let foreign = Connection::open(home.file("itsgoin.db")).unwrap();
    foreign.execute_batch("CREATE TABLE recipes (name TEXT)").unwrap();
    drop(foreign);
    let before = std::fs::read(home.file("itsgoin.db")).unwrap();
    assert_refused(&home, &["feed"], 1, "store", "not a database of itsgoin");
    assert_eq!(std::fs::read(home.file("itsgoin.db")).unwrap(), before);
}

#[test]
fn keys_that_others_can_read_or_that_are_none() {
    let home = Home::of("ana");
    home.post("kept");
    let mut keys = std::fs::read_dir(home.file("keys")).unwrap();
    let posting_key = keys.next().unwrap().unwrap().path();
    assert!(keys.next().is_none(), "one persona has one key");
    for key in [home.file("network.key"), posting_key] {
        let whole = std::fs::read(&key).unwrap();
        set_mode(&key, 0o644);
        assert_refused(&home, &["feed"], 1, "store", "can be read by other users");
        set_mode(&key, 0o600);
        std::fs::write(&key, &whole[..20]).unwrap();
        assert_refused(&home, &["feed"], 1, "store", "does not hold a key");
        std::fs::write(&key, &whole).unwrap();
    }
    assert_eq!(home.texts(), ["kept"]);
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Nobody can make a directory below a file, not even root.
#[test]
fn a_directory_that_cannot_be_made() {
    let home = Home::empty();
    std::fs::write(home.data_dir(), "a file").unwrap();
    let below = home.file("below").display().to_string();
    assert_refused(&home, &["feed"], 1, "store", "cannot use");
    assert_refused(&home, &["feed", "--data-dir", &below], 1, "store", "cannot use");
    assert_eq!(std::fs::read_to_string(home.data_dir()).unwrap(), "a file");
}

#[test]
fn a_directory_that_cannot_be_written() {
    let home = Home::of("ana");
    home.post("kept");
    set_mode(&home.data_dir(), 0o500);
    let is_protected = std::fs::write(home.file("probe"), "").is_err();
    let said: Said = home.run(&["post", "x", "--json"]);
    set_mode(&home.data_dir(), 0o700);
    if !is_protected {
        println!("skipped: this user may write everywhere");
        return;
    }
    assert_clear(&refusal(&said));
    assert_eq!(home.texts(), ["kept"]);
}

#[test]
fn a_port_in_use_is_told_and_the_node_ends() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let node = ana.serve();
    let taken = node.addresses().remove(0);
    let told = ben.refused(&["serve", "--bind", &taken]);
    assert_clear(&told);
    assert_eq!((told.code, told.kind.as_str()), (Some(5), "offline"), "{told:?}");
    wait_until("the directory is free", || ben.run(&["feed"]).code == Some(0));
}
