//! Two people write to each other with the real program: connected, and with only a third node between them.

use std::time::Duration;

use serde_json::Value;

use super::program::{Home, field, now};

/// A message waits up to a minute for its moment, and then for the next questions for sealed posts, node after node.
const PATIENCE: Duration = Duration::from_mins(4);
/// Each look starts the program.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

fn send(from: &Home, to: &str, text: &str) -> String {
    field(&from.one(&["dm", "send", "--to", to, text]), "message_id")
}

/// The messages of the only conversation.
pub fn messages(of: &Home) -> Vec<Value> {
    let conversations = of.list(&["dm", "list"]);
    assert!(conversations.len() <= 1, "one conversation");
    let thread = conversations.first().map(|conversation| field(conversation, "thread"));
    thread.map(|thread| of.list(&["dm", "read", &thread])).unwrap_or_default()
}

fn texts(of: &Home) -> Vec<String> {
    messages(of).iter().map(|message| field(message, "text")).collect()
}

pub fn wait_long(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

#[test]
fn a_message_goes_there_and_an_answer_comes_back() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let (of_ana, of_ben) = (ana.serve(), ben.serve());
    ben.run(&["follow", &ana.invite()]);
    ana.run(&["follow", &ben.posting_id()]);
    ana.wait_for_peers(1);
    let first = send(&ben, &ana.posting_id(), "Are you there?");
    assert!(messages(&ben)[0]["state"]["queued"]["reason"].is_string());
    wait_long("the message", || texts(&ana) == ["Are you there?"]);
    let here = messages(&ana);
    assert_eq!((field(&here[0], "message_id"), &here[0]["from_me"]), (first, &Value::Bool(false)));
    assert_eq!(ana.list(&["inbox"]).len(), 1);
    send(&ana, &ben.posting_id(), "I am.");
    wait_long("the answer", || texts(&ben) == ["Are you there?", "I am."]);
    assert_eq!(messages(&ben)[0]["state"]["arrived"]["people"], 1, "the answer confirms it");
    assert_eq!(
        ana.one(&["dm", "verify", &ben.posting_id()])["words"],
        ben.one(&["dm", "verify", "ana"])["words"]
    );
    of_ben.stop();
    of_ana.stop();
}

#[test]
fn a_message_comes_over_a_node_in_between() {
    let (ana, ben, cleo) = (Home::of("ana"), Home::of("ben"), Home::of("cleo"));
    let of_cleo = cleo.serve();
    let of_ana = ana.serve_with(&["--exchange", "off"]);
    let ticket = field(&cleo.one(&["status"]), "ticket");
    ana.run(&["peer", "add", &ticket]);
    ana.run(&["follow", &ben.posting_id()]);
    cleo.wait_for_peers(1);
    send(&ana, &ben.posting_id(), "Over a third one.");
    let state = || messages(&ana)[0]["state"].clone();
    wait_long("the message has left", || state()["sent"]["peers"].as_u64().is_some_and(|peers| peers > 0));
    of_ana.stop();
    let of_ben = ben.serve_with(&["--exchange", "off"]);
    ben.run(&["peer", "add", &ticket]);
    wait_long("the message", || texts(&ben) == ["Over a third one."]);
    assert_eq!(ben.list(&["dm", "list"])[0]["standing"], "request", "nobody ben knows");
    of_ben.stop();
    of_cleo.stop();
}
