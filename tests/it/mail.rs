//! Messages between real nodes that are killed, put back from copies and run twice, and how long messages take among
//! twelve: nothing is lost or shown twice, and no tag leaves twice.

use std::collections::BTreeSet;
use std::path::Path;
#[cfg(feature = "long")]
use std::time::Duration;

use serde_json::Value;

use super::conversations::wait_long;
use super::program::{Home, Serve, field};

/// A message, and that it is acknowledged.
fn send(from: &Home, to: &str, text: &str) -> bool {
    let said = from.run(&["dm", "send", "--to", to, text, "--json"]);
    said.code == Some(0)
}

/// All messages of a conversation, page by page.
fn read_all(home: &Home, thread: &str) -> Vec<Value> {
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
fn assert_tags_differ(home: &Home) {
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

#[cfg(feature = "long")]
mod measured {
    //! How long messages take among twelve nodes.

    use std::time::Instant;

    use super::super::program::now;
    use super::*;

    const NODES: usize = 12;
    const MESSAGES: usize = 36;

    fn print(what: &str, took: &mut [Duration]) {
        took.sort_unstable();
        let at = |percent: usize| took[(took.len() * percent / 100).min(took.len() - 1)];
        println!("{what}: p50 {:?}, p95 {:?}, of {}", at(50), at(95), took.len());
    }

    fn is_there(home: &Home, text: &str) -> bool {
        let of = home.list(&["dm", "list"]);
        let mut threads = of.iter().map(|conversation| field(conversation, "thread"));
        threads.any(|thread| {
            let messages = read_all(home, &thread);
            messages.iter().filter(|message| field(message, "text") == text).count() == 1
        })
    }

    /// Whether some peer took everything one wrote.
    fn has_left(home: &Home) -> bool {
        let of = home.list(&["dm", "list"]);
        let threads = of.iter().map(|conversation| field(conversation, "thread"));
        let mut messages = threads.flat_map(|thread| read_all(home, &thread));
        messages.all(|message| message["from_me"] == false || message["state"].get("queued").is_none())
    }

    /// Waits for messages that are under way: since when, to whom, which; how long each took.
    fn come(homes: &[Home], mut under_way: Vec<(Instant, usize, String)>) -> Vec<Duration> {
        let mut took = Vec::new();
        wait_long("all messages", || {
            under_way.retain(|(since, to, text)| {
                let there = is_there(&homes[*to], text);
                if there {
                    took.push(since.elapsed());
                }
                !there
            });
            under_way.is_empty()
        });
        took
    }

    #[test]
    fn messages_among_twelve_nodes() {
        let homes: Vec<Home> = (0..NODES).map(|number| Home::of(&format!("person {number}"))).collect();
        let mut nodes: Vec<Option<Serve>> =
            homes.iter().map(|home| Some(home.serve_with(&["--connections", "4"]))).collect();
        let tickets: Vec<String> = homes.iter().map(|home| field(&home.one(&["status"]), "ticket")).collect();
        for (number, home) in homes.iter().enumerate() {
            for stride in [1, 3] {
                home.one(&["peer", "add", &tickets[(number + stride) % NODES]]);
            }
        }
        for home in &homes {
            home.wait_for_peers(2);
        }
        let ids: Vec<String> = homes.iter().map(Home::posting_id).collect();
        let mut took = Vec::new();
        for round in 0..MESSAGES / NODES {
            let mut under_way = Vec::new();
            for (number, home) in homes.iter().enumerate() {
                let (to, text) = ((number + 5) % NODES, format!("{round} from {number}"));
                under_way.push((now(), to, text.clone()));
                assert!(send(home, &ids[to], &text));
            }
            took.extend(come(&homes, under_way));
        }
        print("twelve nodes, connected", &mut took);
        // The receiver is off while it is written to, and comes back.
        let mut under_way = Vec::new();
        for node in &mut nodes[..4] {
            node.take().unwrap().stop();
        }
        for (number, home) in homes.iter().enumerate().take(8).skip(4) {
            let (to, text) = (number - 4, format!("away, from {number}"));
            assert!(send(home, &ids[to], &text));
            under_way.push((to, text));
        }
        wait_long("what was written has left", || homes[4..8].iter().all(has_left));
        for number in 0..4 {
            nodes[number] = Some(homes[number].serve_with(&["--connections", "4"]));
        }
        let under_way = under_way.into_iter().map(|(to, text)| (now(), to, text)).collect();
        print("off while written to, from the start on", &mut come(&homes, under_way));
        nodes.into_iter().flatten().for_each(Serve::stop);
    }
}
