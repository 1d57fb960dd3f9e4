//! Messages between real nodes that are killed, put back from copies and run twice: nothing is lost or shown twice, and no
//! tag leaves twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::conversations::wait_long;
use super::program::{Home, Serve, field};
use super::screen::Screen;

/// A message, and that it is acknowledged.
pub fn send(from: &Home, to: &str, text: &str) -> bool {
    let said = from.run(&["dm", "send", "--to", to, text, "--json"]);
    said.code == Some(0)
}

/// All messages of a conversation, page by page.
pub fn read_all(home: &Home, thread: &str) -> Vec<Value> {
    let mut all: Vec<Value> = home.list(&["dm", "read", thread, "--limit", "200"]);
    loop {
        let Some(before) = all.first().map(|message| message["place"].to_string()) else { return all };
        let page = home.list(&["dm", "read", thread, "--limit", "200", "--before", &before]);
        if page.is_empty() {
            return all;
        }
        all.splice(0..0, page);
    }
}

/// What one reads of the other in their only conversation, sorted.
fn received(home: &Home) -> Vec<String> {
    let conversations = home.list(&["dm", "list"]);
    let Some(thread) = conversations.first().map(|conversation| field(conversation, "thread")) else {
        return Vec::new();
    };
    let messages = read_all(home, &thread);
    let from_other = messages.iter().filter(|message| message["from_me"] == false);
    let mut texts: Vec<String> = from_other.map(|message| field(message, "text")).collect();
    texts.sort_unstable();
    texts
}

/// Every tag in the pool of a node stands in one sealed post.
pub fn assert_tags_differ(home: &Home) {
    let store = rusqlite::Connection::open(home.file("itsgoin.db")).unwrap();
    let count = |sql: &str| store.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let twice = count("SELECT count(*) FROM (SELECT tag FROM sealed_tags GROUP BY tag HAVING count(*) > 1)");
    assert!(count("SELECT count(*) FROM sealed_tags") > 0, "there are tags");
    assert_eq!(twice, 0, "a tag was used twice");
}

/// Two who follow each other and are connected.
fn two() -> ([Home; 2], [Option<Serve>; 2], [String; 2]) {
    let homes = [Home::of("ana"), Home::of("ben")];
    let nodes = [0, 1].map(|index: usize| Some(homes[index].serve()));
    let ids = [0, 1].map(|index: usize| homes[index].posting_id());
    homes[1].run(&["follow", &homes[0].invite()]);
    homes[0].run(&["follow", &ids[1]]);
    homes[0].wait_for_peers(1);
    (homes, nodes, ids)
}

/// Both write while one of them is killed again and again.
fn survive(kills: usize) {
    let (homes, mut nodes, ids) = two();
    let mut acknowledged = [BTreeSet::new(), BTreeSet::new()];
    for number in 0..kills {
        for from in 0..2 {
            let text = format!("{number:03} of {from}");
            if send(&homes[from], &ids[1 - from], &text) {
                acknowledged[from].insert(text);
            }
        }
        let victim = number % 2;
        nodes[victim].take().unwrap().kill();
        // Without a node the command writes to the store itself.
        let text = format!("{number:03} while it is off");
        if send(&homes[victim], &ids[1 - victim], &text) {
            acknowledged[victim].insert(text);
        }
        nodes[victim] = Some(homes[victim].serve());
    }
    for from in 0..2 {
        let expected: Vec<String> = acknowledged[from].iter().cloned().collect();
        assert!(expected.len() > kills, "most were acknowledged");
        arrive(&homes[1 - from], &expected);
    }
    nodes.into_iter().flatten().for_each(Serve::stop);
    homes.iter().for_each(assert_tags_differ);
    println!("{kills} kills, {} messages", acknowledged.iter().map(BTreeSet::len).sum::<usize>());
}

/// Waits for messages as long as more of them come.
fn arrive(to: &Home, expected: &[String]) {
    let mut known = received(to);
    while known != expected {
        assert!(known.len() <= expected.len(), "more than was written");
        let before = known.len();
        wait_long(&format!("more than {before} of {}", expected.len()), || {
            known = received(to);
            known.len() > before || known == expected
        });
    }
}

#[test]
fn kills_cost_no_message_and_show_none_twice() {
    survive(8);
}

#[cfg(feature = "long")]
#[test]
fn two_hundred_kills_cost_no_message_and_show_none_twice() {
    survive(200);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        if path.is_dir() {
            copy(&path, &to);
        } else if path.is_file() {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

/// An old copy of a data directory is put back after both wrote on: it sends on nothing it holds, both can go on.
#[test]
fn a_copied_directory_begins_anew() {
    let (homes, mut nodes, ids) = two();
    assert!(send(&homes[0], &ids[1], "one") && send(&homes[1], &ids[0], "two"));
    wait_long("the first messages", || received(&homes[1]) == ["one"] && received(&homes[0]) == ["two"]);
    nodes[0].take().unwrap().stop();
    let data = homes[0].data_dir();
    let kept = data.with_extension("kept");
    copy(&data, &kept);
    nodes[0] = Some(homes[0].serve());
    assert!(send(&homes[0], &ids[1], "three"));
    wait_long("what the copy does not know", || received(&homes[1]) == ["one", "three"]);
    assert!(send(&homes[1], &ids[0], "four"));
    wait_long("an answer", || received(&homes[0]) == ["four", "two"]);
    nodes[0].take().unwrap().stop();
    std::fs::remove_dir_all(&data).unwrap();
    std::fs::rename(&kept, &data).unwrap();
    nodes[0] = Some(homes[0].serve());
    assert!(send(&homes[0], &ids[1], "five"));
    wait_long("what the copy writes", || received(&homes[1]) == ["five", "one", "three"]);
    assert!(send(&homes[1], &ids[0], "six"));
    wait_long("an answer to the copy", || received(&homes[0]).contains(&"six".to_owned()));
    nodes.into_iter().flatten().for_each(Serve::stop);
    homes.iter().for_each(assert_tags_differ);
}

/// Everything that stands in a directory, with its bytes.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
            found.insert(path, bytes);
        }
    }
    found
}

/// Whoever else would use a data directory that somebody holds says so, and leaves every byte as it is.
fn assert_kept_out(home: &Home, to: &str) {
    let before = contents(&home.data_dir());
    std::thread::scope(|scope| {
        for verb in [vec!["serve"], vec!["dm", "send", "--to", to, "never"], vec!["dm", "list"]] {
            scope.spawn(move || {
                let told = home.refused(&verb);
                assert_eq!((told.code, told.kind.as_str()), (Some(4), "locked"), "{verb:?}: {told:?}");
                assert!(told.message.contains("uses this data directory"), "{verb:?}: {told:?}");
            });
        }
        let screen = Screen::open(home).left();
        assert!(!screen.success, "the interface does not start either");
        let said = String::from_utf8_lossy(&screen.bytes).into_owned();
        assert!(said.contains("uses this data directory"), "{said}");
    });
    let after = contents(&home.data_dir());
    let changed: Vec<&PathBuf> =
        before.keys().chain(after.keys()).filter(|path| before.get(*path) != after.get(*path)).collect();
    assert!(changed.is_empty(), "{changed:?}");
}

/// Whoever comes second to a data directory does nothing to it, whether who holds it answers, is suspended, or has no
/// socket; what both sides write meanwhile comes once.
#[test]
fn a_second_process_on_a_directory_is_kept_out_and_messages_come_once() {
    let (homes, mut nodes, ids) = two();
    let send_some = |from: usize, when: &str| -> Vec<String> {
        let texts = (0..3).map(|number| format!("{when} {number} of {from}"));
        texts.inspect(|text| assert!(send(&homes[from], &ids[1 - from], text), "{text}")).collect()
    };
    let mut written = [Vec::new(), Vec::new()];
    std::thread::scope(|scope| {
        let writing = [0, 1].map(|from| scope.spawn(move || send_some(from, "beside another")));
        for _ in 0..3 {
            let told = homes[0].refused(&["serve"]);
            assert_eq!(told.code, Some(4), "{told:?}");
            assert!(told.message.contains("another itsgoin uses this data directory"), "{told:?}");
        }
        for (texts, writer) in written.iter_mut().zip(writing) {
            texts.extend(writer.join().unwrap());
        }
    });
    let node = nodes[0].take().unwrap();
    node.suspend();
    assert_kept_out(&homes[0], &ids[1]);
    node.resume();
    node.stop();
    let lock = std::fs::File::options().write(true).open(homes[0].file("lock")).unwrap();
    lock.lock().unwrap();
    assert_kept_out(&homes[0], &ids[1]);
    lock.unlock().unwrap();
    // Commands that use the store themselves, at once: one after another, each whole.
    std::thread::scope(|scope| {
        let writing = ["one", "two"].map(|who| scope.spawn(move || send_some(0, who)));
        written[1].extend(send_some(1, "to who is off"));
        for writer in writing {
            written[0].extend(writer.join().unwrap());
        }
    });
    nodes[0] = Some(homes[0].serve());
    for from in 0..2 {
        written[from].sort_unstable();
        arrive(&homes[1 - from], &written[from]);
    }
    nodes.into_iter().flatten().for_each(Serve::stop);
    homes.iter().for_each(assert_tags_differ);
}
