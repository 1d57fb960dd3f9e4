//! Three people in one group, and a circle, with the real program.

use super::conversations::wait_long;
use super::program::{Home, field};

fn of_kind(home: &Home, kind: &str) -> Option<String> {
    let all = home.list(&["dm", "list"]);
    all.iter().find(|conversation| conversation["kind"] == kind).map(|found| field(found, "thread"))
}

fn texts(home: &Home, kind: &str) -> Vec<String> {
    let Some(thread) = of_kind(home, kind) else { return Vec::new() };
    home.list(&["dm", "read", &thread]).iter().map(|message| field(message, "text")).collect()
}

#[test]
fn one_message_to_a_group_is_read_by_both_others() {
    let (ana, ben, cleo) = (Home::of("ana"), Home::of("ben"), Home::of("cleo"));
    let nodes = [ana.serve(), ben.serve(), cleo.serve()];
    // All follow each other, and so know each other.
    ben.run(&["follow", &ana.invite()]);
    cleo.run(&["follow", &ana.invite()]);
    for (one, other) in [(&ana, &ben), (&ana, &cleo), (&ben, &cleo), (&cleo, &ben)] {
        one.run(&["follow", &other.posting_id()]);
    }
    ana.wait_for_peers(2);
    let group = ana.one(&["dm", "new-group", "boat", &ben.posting_id(), &cleo.posting_id()]);
    assert_eq!((field(&group, "kind"), field(&group, "title")), ("group".to_owned(), "boat".to_owned()));
    let thread = field(&group, "thread");
    ana.run(&["dm", "send", "--thread", &thread, "It floats."]);
    for other in [&ben, &cleo] {
        wait_long("the group's message", || texts(other, "group") == ["It floats."]);
    }
    // What is not allowed is said.
    let theirs = of_kind(&ben, "group").unwrap();
    assert!(ben.refused(&["dm", "remove", &theirs, &cleo.posting_id()]).message.contains("admins"));
    ana.run(&["circle", "new", "friends", &ben.posting_id()]);
    assert_eq!(ana.list(&["circle", "list"])[0]["people"].as_array().unwrap().len(), 1);
    ana.run(&["post", "--circle", "friends", "Only for Ben."]);
    wait_long("the post to the circle", || texts(&ben, "circle_of_other") == ["Only for Ben."]);
    assert!(of_kind(&cleo, "circle_of_other").is_none());
    for node in nodes {
        node.stop();
    }
}
