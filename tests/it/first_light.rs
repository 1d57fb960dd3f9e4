//! Two or three nodes with nothing in between: what one writes, the other reads.

use std::net::UdpSocket;
use std::time::Duration;

use super::program::{Home, field, now, wait_until};

/// The longest a post may be on its way.
const GOAL: Duration = Duration::from_secs(5);

/// Two people who follow each other; both nodes run.
fn follow_each_other(ana: &Home, ben: &Home) {
    ben.one(&["follow", &ana.invite()]);
    ana.one(&["follow", &ben.invite()]);
    ana.wait_for_peers(1);
    ben.wait_for_peers(1);
}

/// Writes a post and waits until the other has it: how long that took.
fn deliver(writer: &Home, reader: &Home, text: &str) -> Duration {
    let start = now();
    let post = reader.wait_for_post(&writer.post(text));
    let took = start.elapsed();
    assert_eq!(field(&post, "text"), text);
    took
}

#[test]
fn what_one_writes_the_other_reads_within_seconds() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let _nodes = (ana.serve(), ben.serve());
    follow_each_other(&ana, &ben);
    let mut latencies = Vec::new();
    for number in 0..5 {
        latencies.push(deliver(&ana, &ben, &format!("ana {number}")));
        latencies.push(deliver(&ben, &ana, &format!("ben {number}")));
    }
    latencies.sort_unstable();
    let (median, worst) = (latencies[latencies.len() / 2], latencies[latencies.len() - 1]);
    println!("from the command to the other's feed: median {median:?}, worst {worst:?}");
    assert!(worst < GOAL, "{latencies:?}");
    assert_eq!(ana.texts(), ben.texts());
}

#[test]
fn a_reader_that_was_off_has_everything_after_its_first_pull() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let _writer = ana.serve();
    let reader = ben.serve();
    ben.one(&["follow", &ana.invite()]);
    deliver(&ana, &ben, "before");
    reader.stop();
    let missed = ["one", "two", "three"].map(|text| ana.post(text));
    let start = now();
    let _reader = ben.serve();
    let first_seen = ben.wait_for_post(&missed[0]);
    println!("off and on again: the first missed post after {:?}", start.elapsed());
    assert_eq!(field(&first_seen, "text"), "one");
    assert_eq!(ben.texts(), ["three", "two", "one", "before"], "the first pull brings all of them");
}

#[test]
fn posts_travel_along_a_line() {
    let (ana, ben, cleo) = (Home::of("ana"), Home::of("ben"), Home::of("cleo"));
    let author = ana.serve();
    // With room for one connection cleo stays with ben, whatever other nodes of the author she hears of.
    let _nodes = (ben.serve(), cleo.serve_with(&["--connections", "1"]));
    ben.one(&["follow", &ana.invite()]);
    deliver(&ana, &ben, "early");
    know_only(&cleo, &ben);
    cleo.one(&["follow", &ana.posting_id()]);
    wait_until("the early post", || cleo.texts() == ["early"]);
    let took = deliver(&ana, &cleo, "late");
    println!("over one node in between: {took:?}");
    let middle = field(&ben.one(&["status"]), "network_id");
    let peers = cleo.list(&["peer", "list"]);
    let connected: Vec<_> = peers.iter().filter(|peer| peer["connected"] == true).collect();
    assert!(
        connected.iter().all(|peer| field(peer, "network_id") == middle),
        "it came from the one in the middle"
    );
    wait_until("the signed profile", || field(&cleo.one(&["people"]), "name") == "ana");
    author.stop();
}

#[test]
fn posts_outlive_the_node_of_their_author() {
    let (ana, ben, cleo) = (Home::of("ana"), Home::of("ben"), Home::of("cleo"));
    let author = ana.serve();
    let _middle = ben.serve();
    ben.one(&["follow", &ana.invite()]);
    deliver(&ana, &ben, "first");
    author.stop();
    let reader = cleo.serve();
    know_only(&cleo, &ben);
    cleo.one(&["follow", &ana.posting_id()]);
    wait_until("a post of somebody who is gone", || cleo.texts() == ["first"]);
    reader.stop();
    let author = ana.serve();
    deliver(&ana, &ben, "second");
    deliver(&ana, &ben, "third");
    author.stop();
    let _reader = cleo.serve();
    wait_until("everything the middle has", || cleo.texts() == ["third", "second", "first"]);
}

/// Makes a node known to another one that follows nobody there.
fn know_only(home: &Home, middle: &Home) {
    home.one(&["peer", "add", &field(&middle.one(&["status"]), "ticket")]);
    home.wait_for_peers(1);
}

#[test]
fn a_node_keeps_its_port() {
    let home = Home::of("ana");
    let first = home.serve();
    let (addresses, network_id) = (first.addresses(), first.ready["network_id"].clone());
    first.stop();
    let second = home.serve();
    assert_eq!(second.addresses(), addresses);
    assert_eq!(second.ready["network_id"], network_id);
    drop(second);
    assert_eq!(home.serve().addresses(), addresses, "also after it was killed");
}

#[test]
fn the_one_that_comes_back_finds_the_other() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let (mut of_ana, mut of_ben) = (ana.serve(), ben.serve());
    follow_each_other(&ana, &ben);
    of_ana.stop();
    of_ana = ana.serve();
    deliver(&ana, &ben, "ana is back");
    of_ben.stop();
    of_ben = ben.serve();
    deliver(&ben, &ana, "ben is back");
    deliver(&ana, &ben, "welcome");
    drop((of_ana, of_ben));
}

/// The one that comes back listens elsewhere and looks for the other where it is no more, so that only the one that
/// stayed can make the connection.
#[test]
fn the_one_that_stayed_finds_the_other() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let (of_ana, of_ben) = (ana.serve(), ben.serve());
    follow_each_other(&ana, &ben);
    of_ana.stop();
    of_ben.stop();
    let elsewhere = format!("127.0.0.1:{}", free_port());
    let _stays = ben.serve_with(&["--bind", &elsewhere]);
    let _comes_back = ana.serve();
    deliver(&ben, &ana, "found you");
}

/// A UDP port nobody uses at present.
fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
