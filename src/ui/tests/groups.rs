//! Groups and circles, key by key and as pictures.

use std::time::Duration;

use super::fake::{FakeNode, NOW, posting_id};
use super::mail::{contact, group, message, unread, with};
use super::session::{Link, Session};
use crate::api::{
    CallError, CircleDeed, CircleView, Command, ConversationKind, ConversationView, Delivery, DraftSlot,
    ErrorKind, GroupDeed, Linkage, Standing, Talk,
};
use crate::domain::conversation::Keep;
use crate::domain::text::SafeText;
use crate::ui::message::{Asked, Message};
use crate::ui::panes::audience::Audience;

fn friends() -> CircleView {
    let people = (1..=7).map(|number| contact(number, "somebody")).collect();
    CircleView { name: SafeText::line("Close friends"), people }
}

/// A group with something in it, a circle of ana's, and one of kim's she is in.
fn in_use() -> FakeNode {
    let mut node = FakeNode::in_use();
    let minutes = Duration::from_mins;
    let state = Delivery::Arrived { people: 1, of: 2 };
    node.mail.put(
        group(0x77, "boat"),
        [
            message(1, 0x4d, "mo", minutes(50), "Who comes along?"),
            crate::api::MessageView { state, ..message(2, 0xaa, "ana", minutes(40), "I do.") },
            unread(message(3, 0x31, "kim", minutes(3), "So do I, if it floats.")),
        ],
    );
    let circle = ConversationView {
        kind: ConversationKind::Circle,
        people: friends().people,
        ..with(0x78, "Close friends")
    };
    let state = Delivery::Published { peers: 3 };
    let post = message(1, 0xaa, "ana", minutes(300), "I moved. Ask me where.");
    node.mail.put(circle, [crate::api::MessageView { state, ..post }]);
    let heard = ConversationView { kind: ConversationKind::CircleOfOther, ..with(0x31, "kim") };
    node.mail.put(heard, [message(1, 0x31, "kim", minutes(200), "Soup at my place on Sunday.")]);
    node.mail.circles = vec![friends()];
    node
}

fn pictures(name: &str, keys: &[&str]) {
    for (columns, rows) in [(80, 24), (120, 40)] {
        let mut session = Session::new(in_use()).sized(columns, rows);
        for keys in keys {
            session.keys(keys);
        }
        assert_eq!(session.now, NOW);
        insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), session.picture());
    }
}

#[test]
fn group_pictures() {
    pictures("group_chat", &["g d Enter"]);
    pictures("group_members", &["g d Enter", "M"]);
    pictures("circle_of_other", &["g d j Enter"]);
    pictures("circle_own", &["g d j j Enter"]);
}

#[test]
fn compose_for_a_circle_picture() {
    pictures("compose_circle", &["c H i", "Ctrl-x a"]);
    pictures("compose_circle_review", &["c H i", "Ctrl-x a", "Ctrl-s"]);
}

#[test]
fn a_post_goes_to_the_circle_that_was_chosen_and_the_next_one_to_everybody() {
    let mut session = Session::new(in_use());
    session.keys("c H i");
    session.keys("Ctrl-x a");
    assert!(session.picture().contains("circle Close friends · 7 people"));
    session.keys("Ctrl-s y");
    let name = "Close friends".to_owned();
    let (persona, linkage) = (Some(posting_id(0xaa)), Linkage::Avoid);
    let draft = Some(crate::api::DraftSlot::NewPost);
    let sent = CircleDeed::Publish { name, text: "Hi".to_owned(), persona, linkage, draft };
    assert_eq!(session.node.commands.last(), Some(&Command::Circle(sent)));
    session.keys("c");
    assert!(!session.picture().contains("Close friends"));
    session.keys("A n d Ctrl-x a");
    session.keys("Ctrl-x a");
    session.keys("Ctrl-s y");
    assert!(matches!(session.node.commands.last(), Some(Command::PublishPost { .. })));
}

/// A post that was begun for a circle, and the program left.
fn begun_for_a_circle() -> FakeNode {
    let mut session = Session::new(in_use());
    session.keys("c H i").keys("Ctrl-x a").keys("Esc q");
    assert!(session.has_quit);
    session.node
}

fn is_public(command: &Command) -> bool {
    matches!(command, Command::PublishPost { .. })
}

#[test]
fn a_draft_for_a_circle_is_for_it_also_after_a_restart() {
    let mut session = Session::new(begun_for_a_circle());
    session.keys("c").sees("Hi").sees("circle Close friends · 7 people").keys("Ctrl-s y");
    assert!(matches!(session.node.commands.last(), Some(Command::Circle(CircleDeed::Publish { .. }))));
    assert_eq!(session.node.count(is_public), 0);
    Session::new(session.node).keys("c").sees("public").does_not_see("Close friends");

    let mut session = Session::new(begun_for_a_circle());
    session.keys("c").keys("Ctrl-x k").keys("y c").sees("public");
    Session::new(session.node).keys("c").sees("public").does_not_see("Close friends");
}

#[test]
fn a_draft_for_a_circle_that_is_gone_becomes_public_only_when_one_says_so() {
    let mut node = begun_for_a_circle();
    node.mail.circles.clear();
    let mut session = Session::new(node);
    session
        .keys("c")
        .sees("circle Close friends · deleted")
        .keys("Ctrl-s")
        .sees("is deleted: choose another");
    session.keys("y").keys("Ctrl-x a").sees("public").keys("Ctrl-s y");
    assert_eq!(session.node.count(is_public), 1);
}

#[test]
fn nothing_is_sent_before_it_is_known_for_whom_the_draft_is() {
    let mut session = Session::new(in_use());
    session.model.audience = Audience::default();
    session.keys("c H i Ctrl-s").sees("not known yet: wait, or choose").keys("Ctrl-x a");
    session.model.audience.stood("");
    session.keys("Ctrl-s").sees("circle Close friends").keys("y");
    assert_eq!(session.node.count(is_public), 0);
}

#[test]
fn leaving_waits_until_it_is_kept_for_whom_the_draft_is() {
    let mut session = Session::new(in_use());
    session.keys("c H i").waits();
    session.link = Link::Held;
    session.keys("Ctrl-x a").keys("Esc q");
    assert!(!session.has_quit);
    let error = CallError::new(ErrorKind::Store, "the disk is full", "make room and try again");
    session.send(Message::Answered(Asked::Audience, Err(error)));
    session.sees("Leave all the same?").keys("n").keys("q").deliver();
    assert!(session.has_quit);
    let kept = session.node.drafts.get(&DraftSlot::Audience).map(String::as_str);
    assert_eq!(kept, Some("Close friends"));
}

#[test]
fn a_group_that_asks_can_be_ignored_and_not_blocked() {
    let mut node = FakeNode::in_use();
    let asks = ConversationView { standing: Standing::Request, ..group(0x77, "boat") };
    node.mail.put(asks, [unread(message(1, 0x4d, "mo", Duration::from_mins(50), "Who comes along?"))]);
    let mut session = Session::new(node);
    session.keys("g d Enter").sees("a accepts").sees("x ignores").does_not_see("b blocks");
    session.keys("b").sees("a group cannot be blocked: x ignores it").does_not_see("Block");
    assert_eq!(session.node.count(|command| matches!(command, Command::Talk(Talk::Answer { .. }))), 0);
}

fn type_in(session: &mut Session, text: &str) {
    session.keys(":").types(text).keys("Enter");
}

#[test]
fn messages_are_kept_as_long_as_is_said_and_nothing_goes_unasked() {
    let mut session = Session::new(in_use());
    type_in(&mut session, "keep 7");
    assert!(session.picture().contains("open a conversation first"));
    session.keys("g d Enter");
    let kept = |keep| Command::Talk(Talk::Keep { thread: super::mail::thread(0x77), keep });
    for (typed, said) in
        [("keep", "for how long?"), ("keep 0", "say `forever`"), ("keep 7 days", "say `forever`")]
    {
        type_in(&mut session, typed);
        assert!(session.picture().contains(said), "{typed}");
    }
    type_in(&mut session, "keep 7");
    insta::assert_snapshot!("keep_asks_80x24", session.picture());
    session.keys("n");
    assert_ne!(session.node.commands.last(), Some(&kept(Keep::Days(7))));
    type_in(&mut session, "keep 7");
    session.keys("y");
    assert_eq!(session.node.commands.last(), Some(&kept(Keep::Days(7))));
    session.keys("M");
    assert!(session.picture().contains("messages go 7 days after they came"));
    session.keys("Esc");
    type_in(&mut session, "keep forever");
    assert_eq!(session.node.commands.last(), Some(&kept(Keep::Forever)), "nothing goes by that");
    // It asks when messages go sooner than before, and only then.
    for (typed, keep, is_sooner) in [
        ("keep 30", Keep::Days(30), true),
        ("keep forever", Keep::Forever, false),
        ("keep 30", Keep::Days(30), true),
        ("keep 90", Keep::Days(90), false),
        ("keep 90", Keep::Days(90), false),
        ("keep 30", Keep::Days(30), true),
        ("keep none", Keep::None, true),
        ("keep 1", Keep::Days(1), false),
    ] {
        let sent =
            |session: &Session| session.node.commands.iter().filter(|sent| **sent == kept(keep)).count();
        let before = sent(&session);
        type_in(&mut session, typed);
        assert_eq!(sent(&session) == before, is_sooner, "{typed}");
        if is_sooner {
            session.keys("y");
        }
        assert_eq!(sent(&session), before + 1, "{typed}");
    }
}

#[test]
fn groups_are_founded_and_changed_by_commands() {
    let mut session = Session::new(in_use());
    type_in(&mut session, "new-group ship: mo, kim");
    let founded = session.node.commands.iter().find_map(|command| match command {
        Command::Talk(Talk::NewGroup { title, people, .. }) => Some((title.clone(), people.clone())),
        _ => None,
    });
    assert_eq!(founded, Some(("ship".to_owned(), vec![posting_id(0x4d), posting_id(0x31)])));
    type_in(&mut session, "new-group ship: mo, nobody");
    assert!(session.picture().contains("you follow nobody"));
    session.keys("g d Enter");
    type_in(&mut session, "remove-member kim");
    let deed = |deed: GroupDeed| Command::Talk(Talk::InGroup { thread: super::mail::thread(0x77), deed });
    let person = posting_id(0x31);
    assert_eq!(session.node.commands.last(), Some(&deed(GroupDeed::Remove { person })));
    type_in(&mut session, "leave-group");
    assert_ne!(session.node.commands.last(), Some(&deed(GroupDeed::Leave)), "asks first");
    session.keys("y");
    assert_eq!(session.node.commands.last(), Some(&deed(GroupDeed::Leave)));
}

#[test]
fn nothing_is_written_where_nothing_can_be() {
    let mut node = in_use();
    node.mail.talks[0].0.standing = Standing::Left;
    let mut session = Session::new(node);
    session.keys("g d Enter");
    assert!(session.picture().contains("Nothing more can be written here"));
    session.keys("i");
    assert!(!session.model.contexts().contains(&crate::ui::keymap::Context::Message));
    // In somebody's circle one comments on a post.
    session.keys("q j Enter i");
    assert!(session.picture().contains("only its owner posts to a circle"));
    session.keys("r");
    assert!(session.model.contexts().contains(&crate::ui::keymap::Context::Message));
}
