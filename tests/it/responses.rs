//! Comments, reactions, edits and deletions between real nodes: whoever reads the author of a post has them.

use serde_json::Value;

use super::program::{Home, field, wait_until};

fn thread(home: &Home, id: &str) -> Vec<Value> {
    home.list(&["thread", id])
}

fn texts(home: &Home, post: &str) -> Vec<String> {
    thread(home, post).iter().map(|line| field(line, "text")).collect()
}

fn published(home: &Home, arguments: &[&str]) -> String {
    field(&home.one(arguments), "operation_id")
}

/// Ana writes, ben reads ana, cleo reads ana over ben: she never meets ana's node.
#[test]
fn a_comment_of_a_stranger_reaches_the_author_and_everybody_who_reads_her() {
    let (ana, ben, cleo) = (Home::of("ana"), Home::of("ben"), Home::of("cleo"));
    let _nodes = (ana.serve(), ben.serve(), cleo.serve());
    ben.one(&["follow", &ana.invite()]);
    cleo.one(&["peer", "add", &field(&ben.one(&["status"]), "ticket")]);
    cleo.wait_for_peers(1);
    cleo.one(&["follow", &ana.posting_id()]);
    let post = ana.post("What do you think?");
    cleo.wait_for_post(&post);

    let comment = published(&cleo, &["reply", &post, "I like it."]);
    wait_until("the comment at its author", || texts(&ana, &post).len() == 2);
    let seen = thread(&ana, &post).pop().unwrap();
    assert_eq!(field(&seen, "operation_id"), comment);
    assert_eq!((field(&seen, "addressee").as_str(), &seen["unread"]), ("me", &Value::Bool(true)));
    let in_feed = ana.feed().remove(0);
    assert_eq!((&in_feed["comment_count"], &in_feed["unread_to_me_count"]), (&1.into(), &1.into()));

    let answer = published(&ana, &["reply", &comment, "Thank you."]);
    published(&ben, &["react", &comment, "👍"]);
    published(&ben, &["react", &post, "❤"]);
    wait_until("the answer and the reactions at the commenter", || {
        let lines = thread(&cleo, &post);
        lines.len() == 3
            && lines[0]["reactions"] == serde_json::json!({"❤": 1})
            && lines[1]["reactions"] == serde_json::json!({"👍": 1})
            && field(&lines[2], "parent") == comment
    });
    // Named by a comment on it, too.
    assert_eq!(thread(&cleo, &answer), thread(&cleo, &post));

    published(&cleo, &["edit", &comment, "I like it a lot."]);
    published(&ana, &["edit", &post, "What do you all think?"]);
    let edited = ["What do you all think?", "I like it a lot.", "Thank you."];
    for home in [&ana, &ben, &cleo] {
        wait_until("the edits everywhere", || texts(home, &post) == edited);
    }
    assert!(thread(&ben, &post).iter().take(2).all(|line| line["edited_ms"].is_i64()));

    published(&cleo, &["delete", &comment]);
    for home in [&ana, &ben, &cleo] {
        wait_until("the deletion everywhere", || {
            let lines = thread(home, &post);
            field(&lines[1], "state") == "deleted" && field(&lines[1], "text").is_empty()
        });
    }
    published(&ana, &["delete", &post]);
    for home in [&ana, &ben, &cleo] {
        wait_until("the end of the post everywhere", || home.feed().is_empty());
        assert_eq!(home.refused(&["thread", &post]).code, Some(3));
    }
}

#[test]
fn an_author_hides_comments_and_closes_a_post() {
    let (ana, ben) = (Home::of("ana"), Home::of("ben"));
    let _nodes = (ana.serve(), ben.serve());
    ben.one(&["follow", &ana.invite()]);
    let post = ana.post("Be nice.");
    ben.wait_for_post(&post);
    let rude = published(&ben, &["reply", &post, "no"]);
    wait_until("the comment", || thread(&ana, &post).len() == 2);
    published(&ana, &["hide", &rude]);
    wait_until("the hidden comment", || field(&thread(&ben, &post)[1], "state") == "hidden");
    published(&ana, &["policy", &post, "nobody"]);
    // Not as fast as can be: one author has a limited number of operations on a post.
    wait_until("the closed post", || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        ben.run(&["reply", &post, "again"]).code == Some(1)
    });
    let refused = ben.refused(&["reply", &post, "again"]);
    assert_eq!(refused.kind, "invalid");
    published(&ana, &["policy", &post, "everyone"]);
    wait_until("the opened post", || ben.run(&["reply", &post, "sorry"]).code == Some(0));
}

#[test]
fn what_cannot_be_done_says_why() {
    let home = Home::of("ana");
    let post = home.post("mine");
    let nowhere = "ab".repeat(32);
    for (arguments, code, kind) in [
        (vec!["reply", &nowhere, "text"], 3, "not_found"),
        (vec!["reply", &post, " "], 1, "invalid"),
        (vec!["react", &post, "yes"], 1, "invalid"),
        (vec!["react", &post, "👍", "--remove"], 3, "not_found"),
        (vec!["edit", &nowhere, "text"], 3, "not_found"),
        (vec!["delete", &nowhere], 3, "not_found"),
        (vec!["hide", &post], 1, "invalid"),
        (vec!["policy", &post, "somebody"], 1, "invalid"),
    ] {
        let told = home.refused(&arguments);
        assert_eq!((told.code, told.kind.as_str()), (Some(code), kind), "{arguments:?}");
        assert!(!told.message.is_empty() && !told.hint.is_empty(), "{arguments:?}");
    }
    assert_eq!(home.run(&["reply", "nonsense", "text"]).code, Some(2));
    assert_eq!(home.run(&["policy", &post]).code, Some(2));
    assert_eq!(home.run_with(&["reply", &post, "-"], b"from the standard input\n").code, Some(0));
    assert_eq!(texts(&home, &post), ["mine", "from the standard input"]);
}
