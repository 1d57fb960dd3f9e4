//! Two people write to each other with the real program: connected, and with only a third node between them.

use std::time::Duration;

use serde_json::Value;

use super::program::{Home, field, now, refusal};

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

/// Everything that is done to a message or a conversation, by commands; what cannot be done changes nothing.
#[test]
fn messages_and_conversations_are_changed_by_commands() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let first = send(&ana, &ben.posting_id(), "one");
    let thread = field(&ana.list(&["dm", "list"])[0], "thread");
    let in_thread = |verb: &str, more: &[&str]| {
        let mut words = vec!["dm", verb, thread.as_str()];
        words.extend(more);
        ana.one(&words)
    };
    let second =
        field(&ana.one(&["dm", "send", "--thread", &thread, "--quote", &first, "two"]), "message_id");
    in_thread("react", &[&first, "👍"]);
    in_thread("edit", &[&first, "one, better"]);
    let of = messages(&ana);
    assert_eq!((field(&of[0], "text"), &of[0]["edited"]), ("one, better".to_owned(), &Value::Bool(true)));
    assert_eq!(
        (&of[0]["reactions"]["👍"], field(&of[1]["quote"]["message"], "message_id")),
        (&Value::from(1), first.clone())
    );
    in_thread("react", &[&first, "👍", "--remove"]);
    in_thread("delete", &[&second]);
    let of = messages(&ana);
    assert_eq!((&of[0]["reactions"], &of[1]["deleted"]), (&serde_json::json!({}), &Value::Bool(true)));

    for (verb, shown) in [("pin", "pinned"), ("mute", "muted"), ("archive", "archived")] {
        in_thread(verb, &[]);
        assert_eq!(ana.list(&["dm", "list"])[0][shown], true, "{verb}");
        in_thread(verb, &["--off"]);
        assert_eq!(ana.list(&["dm", "list"])[0][shown], false, "{verb}");
    }
    ana.one(&["dm", "verify", &thread, "--same"]);
    assert_eq!(ana.list(&["dm", "list"])[0]["people"][0]["verification"], "verified");
    ana.one(&["dm", "verify", &thread, "--differ"]);
    assert_eq!(ana.list(&["dm", "list"])[0]["people"][0]["verification"], "unverified");

    for (given, shown) in
        [("7", serde_json::json!({"days": 7})), ("none", "none".into()), ("forever", "forever".into())]
    {
        in_thread("keep", &[given]);
        assert_eq!(ana.list(&["dm", "list"])[0]["keep"], shown);
    }
    let wrong = ana.run(&["dm", "keep", &thread, "0", "--json"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    assert!(wrong.stderr.contains("a number of days from 1 to 3650"), "{wrong:?}");
    let unknown = refusal(&ana.run(&["dm", "delete", &thread, &"0".repeat(32), "--json"]));
    assert_eq!((unknown.code, unknown.message.as_str()), (Some(3), "there is no such message here"));
    assert_eq!(messages(&ana).len(), 2);
}
