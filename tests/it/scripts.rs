//! What scripts rely on: the fields of every object that is printed, and the sentences about nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::program::{Home, field};

const POST: &[&str] = &[
    "post_id",
    "author",
    "author_name",
    "persona",
    "text",
    "created_ms",
    "received_ms",
    "position",
    "audience",
    "edited_ms",
    "warning",
    "reactions",
    "my_reactions",
    "comment_count",
    "unread_comment_count",
    "unread_to_me_count",
    "unread",
    "attachments",
];
const COMMENT: &[&str] = &[
    "operation_id",
    "parent",
    "author",
    "author_name",
    "persona",
    "text",
    "state",
    "created_ms",
    "received_ms",
    "edited_ms",
    "reactions",
    "my_reactions",
    "unread",
    "addressee",
];
const PERSON: &[&str] = &[
    "posting_id",
    "name",
    "petname",
    "persona",
    "following",
    "muted",
    "blocked",
    "post_count",
    "followed_ms",
];
const PERSONA: &[&str] = &["posting_id", "name", "default"];
const INVITE: &[&str] = &["invite", "posting_id", "address_count"];
const PEER: &[&str] =
    &["network_id", "connected", "relayed", "latency_ms", "bytes_in", "bytes_out", "addresses", "standing"];
const STATUS: &[&str] = &[
    "network_id",
    "ticket",
    "addresses",
    "network",
    "connected_peers",
    "known_peers",
    "post_count",
    "persona_count",
    "clock_off_minutes",
    "space",
    "vault",
];
const READY: &[&str] = &["event", "network_id", "addresses"];

fn assert_fields(object: &Value, fields: &[&str]) {
    let found: BTreeSet<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(found, fields.iter().copied().collect(), "{object}");
}

#[test]
fn every_object_has_the_promised_fields() {
    let (ana, ben) = (Home::empty(), Home::of("ben"));
    let persona = ana.one(&["init", "--name", "ana", "--no-passphrase"]);
    let (of_ana, of_ben) = (ana.serve(), ben.serve());
    let posted = ana.one(&["post", "text"]);
    let post_id = field(&posted, "post_id");
    let thread = ana.one(&["thread", &post_id]);
    let commented = ana.one(&["reply", &post_id, "comment"]);
    let comment = ana.list(&["thread", &post_id]).remove(1);
    let added = ana.one(&["peer", "add", &field(&ben.one(&["status"]), "ticket")]);
    ana.wait_for_peers(1);
    let followed = ana.one(&["follow", &ben.invite()]);
    for (object, fields) in [
        (&persona, PERSONA),
        (&ana.one(&["persona", "list"]), PERSONA),
        (&of_ana.ready, READY),
        (&posted, &["post_id"]),
        (&thread, POST),
        (&commented, &["operation_id"]),
        (&comment, COMMENT),
        (&ana.one(&["react", &post_id, "👍"]), &["operation_id"]),
        (&ana.one(&["edit", &post_id, "changed"]), &["operation_id"]),
        (&ana.one(&["delete", &field(&commented, "operation_id")]), &["operation_id"]),
        (&ana.one(&["feed"]), POST),
        (&followed, PERSON),
        (&ana.one(&["people"]), PERSON),
        (&added, &[]),
        (&ana.one(&["peer", "list"]), PEER),
        (&ana.one(&["status"]), STATUS),
        (&ana.one(&["invite"]), INVITE),
        (&ana.one(&["sync", "--wait", "1"]), &["peers", "new_posts"]),
        (&ana.one(&["unfollow", &ben.posting_id()]), &["posting_id", "following"]),
    ] {
        assert_fields(object, fields);
    }
    let neutral = [("warning", json!(null)), ("reactions", json!({})), ("comment_count", json!(0))];
    for (name, value) in
        neutral.into_iter().chain([("attachments", json!([])), ("audience", json!("public"))])
    {
        assert_eq!(thread[name], value, "{name}");
    }
    for (name, value) in [("petname", json!(null)), ("muted", json!(false)), ("blocked", json!(false))] {
        assert_eq!(followed[name], value, "{name}");
    }
    of_ana.stop();
    of_ben.stop();
    assert_fields(&ana.one(&["status"]), STATUS);
}

#[test]
fn an_error_has_the_promised_fields() {
    let said = Home::empty().run(&["invite", "--json"]);
    let told: Value = serde_json::from_str(&said.stderr).unwrap();
    assert_fields(&told, &["error"]);
    assert_fields(&told["error"], &["kind", "message", "hint"]);
}

#[test]
fn a_node_without_network_says_who_it_is_and_what_is_off() {
    let home = Home::of("ana");
    let network_id = field(&home.one(&["status"]), "network_id");
    let told = home.run(&["status"]).stdout;
    assert!(told.contains("network   off"), "{told}");
    let node = home.serve_with(&["--offline"]);
    assert_fields(&node.ready, READY);
    assert_eq!((field(&node.ready, "network_id"), node.addresses()), (network_id, vec![]));
    assert_eq!(home.run(&["status"]).stdout, told, "one sentence that is true of both");
    assert!(!told.contains("no node"), "{told}");
    node.stop();
}

#[test]
fn an_empty_page_says_what_is_true_of_it() {
    let home = Home::of("ana");
    let remark = |arguments: &[&str]| {
        let said = home.run(arguments);
        assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{said:?}");
        said.stderr
    };
    assert!(remark(&["feed"]).starts_with("Nothing here yet"));
    home.post("text");
    let position = field(&home.one(&["feed"]), "position");
    assert_eq!(remark(&["feed", "--unread"]), "Everything is read.\n");
    assert_eq!(remark(&["feed", "--before", &position]), "Nothing is older.\n");
    assert_eq!(remark(&["feed", "--unread", "--before", &position]), "Everything older is read.\n");
}
