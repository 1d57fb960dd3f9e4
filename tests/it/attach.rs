//! Commands beside a node of another process: they find it, they do not wait for one that cannot answer, and they get
//! all that was asked for.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;

use itsgoin::limits::{CONTROL_LINE_BYTES, POST_TEXT_BYTES};
use serde_json::Value;

use super::program::{Home, Serve, field, now, refusal, wait_until};

/// The service has one directory for sockets, the login another one, the timer none.
#[test]
fn a_node_is_found_from_another_session() {
    let home = Home::of("ana");
    let node = home.serve();
    let sign = home.file("socket");
    assert_eq!(std::fs::metadata(&sign).unwrap().permissions().mode() & 0o777, 0o600);
    let elsewhere = home.file("elsewhere");
    for variables in [[Some(&elsewhere), None], [None, Some(&elsewhere)]] {
        let said = home.run_in(&["status", "--json"], variables);
        assert_eq!(said.code, Some(0), "{said:?}");
        let status: Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(status["network"], "up", "{status}");
    }
    node.stop();
    assert!(!sign.exists(), "it goes with the node");
    let mut killed = home.serve();
    killed.kill();
    assert!(sign.exists(), "this one could not take it away");
    assert_eq!(home.one(&["status"])["network"], "off");
    home.serve().stop();
}

#[test]
fn a_suspended_node_is_told_and_not_waited_for() {
    let home = Home::of("ana");
    let node = home.serve();
    node.suspend();
    let start = now();
    std::thread::scope(|scope| {
        for verb in ["feed", "serve"] {
            let home = &home;
            scope.spawn(move || {
                let told = home.refused(&[verb]);
                assert_eq!((told.code, told.kind.as_str()), (Some(4), "locked"), "{told:?}");
                assert!(told.message.contains("does not answer") && told.hint.contains("`fg`"), "{told:?}");
            });
        }
    });
    println!("told after {:?}", start.elapsed());
    node.resume();
    assert_eq!(home.one(&["status"])["network"], "up", "it takes commands again");
    node.stop();
}

/// Writes so many posts of nothing but tabs: as shown and as JSON they become four times as long.
fn write_tabs(home: &Home, count: usize) {
    for number in 0..count {
        let head = format!("{number} ");
        let text = format!("{head}{}.", "\t".repeat(POST_TEXT_BYTES - head.len() - 1));
        let said = home.run_with(&["post", "-", "--json"], text.as_bytes());
        assert_eq!(said.code, Some(0), "{said:?}");
    }
}

#[test]
fn a_feed_that_is_longer_than_a_line_of_the_socket_is_printed_whole() {
    let (mallory, ben) = (Home::of("mallory"), Home::of("ben"));
    let count = CONTROL_LINE_BYTES / (4 * POST_TEXT_BYTES) + 6;
    write_tabs(&mallory, count);
    let _nodes = (mallory.serve(), ben.serve());
    ben.one(&["follow", &mallory.invite()]);
    wait_until("all posts", || ben.one(&["status"])["post_count"] == count);
    let limit = (count - 1).to_string();
    let posts = ben.list(&["feed", "--limit", &limit]);
    let bytes: usize = posts.iter().map(|post| field(post, "text").len()).sum();
    assert!(bytes > CONTROL_LINE_BYTES, "{bytes}");
    let ids: BTreeSet<_> = posts.iter().map(|post| field(post, "post_id")).collect();
    assert_eq!((posts.len(), ids.len()), (count - 1, count - 1));
}

/// Without room for another file the node cannot take a connection; that passes.
#[test]
fn a_node_that_was_short_of_files_takes_commands_again() {
    let home = Home::of("ana");
    let node = home.serve();
    if !node.limit_files(1) {
        println!("skipped: there is no `prlimit` here");
        return;
    }
    let told = refusal(&home.run(&["feed", "--json"]));
    assert_eq!((told.code, told.kind.as_str()), (Some(4), "locked"), "{told:?}");
    assert!(node.limit_files(256));
    assert_eq!(home.one(&["status"])["network"], "up");
    assert!(Serve::log_of(&home).contains("could not be taken"), "it met that");
    node.stop();
}
