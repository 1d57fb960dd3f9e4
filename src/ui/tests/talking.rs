//! Reading and answering comments, key by key.

use std::time::Duration;

use super::fake::{FakeNode, NOW, post, posting_id};
use super::session::{Link, Session};
use super::talk::{by, comment, comment_id, to_me, unread};
use crate::api::{CallError, Command, CommentState, CommentView, DraftSlot, ErrorKind, Event, ReadMark};
use crate::domain::ids::ObjectId;
use crate::domain::operation::{CommentPolicy, ReactionSwitch};
use crate::limits::COMMENT_TEXT_BYTES;
use crate::ui::model::Place;

/// The first post of [`FakeNode::in_use`], by mo.
fn boat(node: &FakeNode) -> ObjectId {
    node.posts()[0].post_id
}

/// ana's own post.
fn spanner(node: &FakeNode) -> ObjectId {
    node.posts()[3].post_id
}

/// A small talk below mo's post: 1 (2 (3), 4 by ana (5 to ana)), 6.
fn talk() -> Vec<CommentView> {
    let answer = |number: u16, parent: u16| comment(number, Some(comment_id(parent)));
    vec![
        by(comment(1, None), 0x31, "kim", "Which boat?"),
        by(answer(2, 1), 0x4d, "mo", "The small one."),
        by(answer(3, 2), 0x31, "kim", "The one that leaks."),
        by(answer(4, 1), 0xaa, "ana", "I like that boat."),
        to_me(by(unread(5, Some(comment_id(4))), 0x1e, "lea", "So do I.")),
        by(unread(6, None), 0x1e, "lea", "Congratulations!"),
    ]
}

fn in_use() -> FakeNode {
    let mut node = FakeNode::in_use();
    let post_id = boat(&node);
    node.comments(post_id, talk());
    node
}

/// In front of the opened post with that talk.
fn reading() -> Session {
    let mut session = Session::new(in_use()).sized(80, 40);
    session.keys("Enter");
    session
}

/// The text of what is selected.
fn selected(session: &Session) -> String {
    crate::ui::panes::target::selected(&session.model)
        .map_or_else(str::to_owned, |target| target.text.to_string())
}

fn is_operation(command: &Command) -> bool {
    matches!(
        command,
        Command::Reply { .. }
            | Command::React { .. }
            | Command::Edit { .. }
            | Command::Delete { .. }
            | Command::HideComment { .. }
            | Command::SetPolicy { .. }
    )
}

fn full() -> CallError {
    CallError::new(ErrorKind::Store, "the disk is full", "make room and try again")
}

/// What comes in while somebody reads.
fn arrives(session: &mut Session, post_id: ObjectId, new: CommentView) {
    session.node.comments(post_id, [new]);
    session.hears(Event::ThreadChanged { post_id }).waits();
}

#[test]
fn a_commenter_gets_a_name_while_the_talk_is_open() {
    let mut node = FakeNode::in_use();
    let post_id = boat(&node);
    node.comments(post_id, [by(comment(1, None), 0x77, "", "Which boat?")]);
    let mut session = Session::new(node).sized(120, 40);
    session.keys("Enter").sees("Which boat?").does_not_see("quentin");
    let talk = session.node.talks.get_mut(&post_id).unwrap();
    talk.comments = vec![by(comment(1, None), 0x77, "quentin", "Which boat?")];
    session.hears(Event::PeopleChanged).waits().sees("quentin");
}

/// The rows of the picture below its first line.
fn body(session: &Session) -> Vec<String> {
    session.picture().lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn comments_stand_as_a_tree_and_one_walks_through_it() {
    let mut session = reading();
    session.sees("├─ kim 31313131").sees("│  ├─ mo 4d4d4d4d").sees("│  │  └─ kim").sees("6 replies, 2 new");
    let order = [
        "The boat is",
        "Which boat?",
        "The small one.",
        "The one that leaks.",
        "I like that boat.",
        "So do I.",
        "Congratulations!",
    ];
    for text in order {
        assert!(selected(&session).starts_with(text), "{text}: {}", selected(&session));
        session.keys("j");
    }
    for text in order.iter().rev().skip(1) {
        session.keys("k");
        assert!(selected(&session).starts_with(text), "{text}: {}", selected(&session));
    }
    session.keys("G");
    assert_eq!(selected(&session), "Congratulations!");
    session.keys("g g j j J");
    assert_eq!(selected(&session), "I like that boat.");
    session.keys("K");
    assert_eq!(selected(&session), "The small one.");
    session.keys("K");
    assert_eq!(selected(&session), "The small one.");
    session.keys("j h h");
    assert_eq!(selected(&session), "The small one.", "a leaf goes to what it answers, that is folded next");
    session.sees("+ 1 answer").keys("h");
    assert_eq!(selected(&session), "Which boat?");
    session.keys("l l l");
    assert_eq!(selected(&session), "The one that leaks.");
    session.keys("g g h");
    assert_eq!(session.model.place, Place::Feed);
}

#[test]
fn folds_say_what_they_hide() {
    let mut session = reading();
    session.keys("j z a").sees("+ 4 answers, 1 new").does_not_see("The small one.").sees("Congratulations!");
    session.keys("j");
    assert_eq!(selected(&session), "Congratulations!");
    session.keys("k Enter").sees("The one that leaks.").does_not_see("+ ");
    session.keys("j j z a").sees("+ 1 answer");
    assert_eq!(selected(&session), "The small one.", "a leaf folds what it is part of");
    session.keys("z M").sees("+ 4 answers, 1 new").does_not_see("The small one.");
    assert_eq!(selected(&session), "Which boat?");
    session.keys("l").sees("+ 1 answer").sees("+ 1 answer, 1 new").keys("z R").sees("So do I.");
}

#[test]
fn opening_marks_comments_read_in_the_store_and_shows_which_were_new() {
    let mut session = Session::new(in_use()).sized(80, 40);
    session.sees("6 replies, 2 new, 1 to you").keys("Enter");
    let read = |command: &Command| matches!(command, Command::ReadComments { received_by, .. } if *received_by == talk()[5].received);
    assert_eq!(session.node.count(read), 1);
    session.sees("● lea 1e1e1e1e · to you").sees("6 replies, 2 new");
    session.hears(Event::ThreadChanged { post_id: boat(&session.node) }).waits().sees("6 replies, 2 new");
    session.keys("q").sees("6 replies").does_not_see("6 replies, 2 new");
    session.keys("Enter").does_not_see("● lea");
    assert_eq!(session.node.count(read), 1, "nothing new: nothing to mark");
}

#[test]
fn new_comments_and_answers_to_me_are_one_key_away() {
    let mut session = reading();
    session.keys("z M ] u");
    assert_eq!(selected(&session), "So do I.");
    session.sees("So do I.").keys("] u");
    assert_eq!(selected(&session), "Congratulations!");
    session.keys("[ u");
    assert_eq!(selected(&session), "So do I.");
    session.keys("g g ] m");
    assert_eq!(selected(&session), "So do I.");
    session.keys("] m").sees("no answer to you this way").keys("G [ m");
    assert_eq!(selected(&session), "So do I.");
    session.keys("] u ] u").sees("lichens");
    assert_eq!(session.node.posts()[1].mark, ReadMark::Read);
}

#[test]
fn a_read_post_with_new_comments_is_unread_enough_to_stop_at() {
    let mut node = FakeNode::in_use();
    node.mark_all_read();
    let post_id = node.posts()[2].post_id;
    node.comments(post_id, [unread(1, None)]);
    let mut session = Session::new(node);
    session.keys("] u").sees("1 reply, 1 new");
    assert!(selected(&session).starts_with("A long one"));
    session.keys("g g Enter ] u").sees("A long one").keys("] u");
    assert_eq!(selected(&session), "comment 1");
    session.keys("] u").sees("nothing unread this way").keys("q g g ] u").sees("nothing unread this way");
}

#[test]
fn what_comes_in_while_one_reads_waits_and_moves_nothing() {
    let mut session = reading();
    session.keys("j j");
    let before = body(&session);
    let post_id = boat(&session.node);
    let new = CommentView { received: NOW, ..unread(7, Some(comment_id(1))) };
    arrives(&mut session, post_id, by(new, 0x1e, "lea", "It just came in."));
    let after = body(&session);
    let changed: Vec<&String> =
        after.iter().zip(&before).filter(|(new, old)| new != old).map(|(new, _)| new).collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    session.sees("1 new comment: . shows").does_not_see("It just came in.");
    assert_eq!(session.node.talks[&post_id].comments[6].mark, ReadMark::Unread);
    session.keys(".").sees("It just came in.").sees("7 replies, 3 new");
    assert_eq!(selected(&session), "The small one.");
    assert_eq!(session.node.talks[&post_id].comments[6].mark, ReadMark::Read);
    session.keys(".").sees("nothing new has come in");
    let new = CommentView { received: NOW, ..unread(8, None) };
    arrives(&mut session, post_id, by(new, 0x1e, "lea", "And one more."));
    session.keys("G ] u").sees("And one more.");
    assert_eq!(selected(&session), "And one more.");
}

#[test]
fn the_selected_comment_stays_on_its_row_whatever_changes_above_it() {
    let mut session = reading();
    session.keys("G");
    let row = |session: &Session| body(session).iter().position(|line| line.contains("Congratulations!"));
    let before = row(&session);
    let post_id = boat(&session.node);
    let talk = session.node.talks.get_mut(&post_id).unwrap();
    talk.comments[0].text = crate::domain::text::SafeText::body("Which\nboat\ndo\nyou\nmean?");
    session.hears(Event::ThreadChanged { post_id }).waits().sees("mean?");
    assert_eq!(row(&session), before.map(|row| row + 4), "there is room: the rest moves down");
    let mut small = Session::new(session.node).sized(80, 14);
    small.keys("Enter G");
    let before = row(&small);
    small.node.talks.get_mut(&post_id).unwrap().comments[0].text =
        crate::domain::text::SafeText::body("Which?");
    small.hears(Event::ThreadChanged { post_id }).waits();
    assert_eq!(row(&small), before);
    small.sees("Which?");
}

#[test]
fn an_answer_is_written_looked_over_and_sent() {
    let mut session = reading();
    session
        .keys("j j r")
        .sees("answers mo 4d4d4d4d: The small one.")
        .sees("0 of 4096 bytes")
        .sees("as ana aaaaaaaa → public");
    session.types("It is not small").waits().sees("draft saved");
    let slot = DraftSlot::Reply(comment_id(2));
    assert_eq!(session.node.drafts[&slot], "It is not small");
    session.keys("Ctrl-s").sees("y sends this as ana in answer to mo").keys("y").sees("answered");
    assert_eq!(session.model.place, Place::Thread);
    let sent = Command::Reply {
        target: comment_id(2),
        text: "It is not small".to_owned(),
        persona: Some(posting_id(0xaa)),
        draft: Some(slot),
    };
    assert_eq!(session.node.count(|command| *command == sent), 1);
    assert_eq!(selected(&session), "It is not small", "one's own comment is shown and selected");
    session
        .sees("7 replies")
        .does_not_see("new comment:")
        .keys("g R")
        .sees("answers mo 4d4d4d4d: The boat is back");
    session.keys("Esc Esc").sees("7 replies");
    assert!(session.node.drafts.is_empty());
}

#[test]
fn every_answer_has_a_draft_of_its_own() {
    let mut session = reading();
    session
        .keys("j r")
        .types("to kim")
        .keys("Esc j r")
        .types("to mo")
        .keys("Esc c")
        .types("a post")
        .keys("Esc");
    assert_eq!(session.node.drafts[&DraftSlot::Reply(comment_id(1))], "to kim");
    assert_eq!(session.node.drafts[&DraftSlot::Reply(comment_id(2))], "to mo");
    assert_eq!(session.node.draft, "a post");
    let mut again = Session::new(session.node).sized(80, 40);
    again.keys("Enter j r").sees("to kim").keys("Esc j r").sees("to mo").keys("Ctrl-x k y");
    assert_eq!(again.node.drafts.len(), 1);
    again.keys("r").sees("0 of 4096").keys("Esc c").sees("a post");
}

#[test]
fn a_draft_that_comes_late_and_what_was_typed_meanwhile_both_stay() {
    let mut session = reading();
    session.node.drafts.insert(DraftSlot::Reply(comment_id(1)), "an older thought".to_owned());
    session.link = Link::Held;
    session.keys("j r").types("new").waits();
    assert_eq!(session.node.drafts.len(), 1, "nothing is saved over a draft that is not known yet");
    session.link = Link::Quick;
    session.deliver();
    session.sees("an older thought").sees("new").waits();
    assert_eq!(session.node.drafts[&DraftSlot::Reply(comment_id(1))], "an older thought\nnew");
}

#[test]
fn a_refused_answer_stays_in_the_editor_and_in_the_store() {
    let mut session = reading();
    session.keys("j r").types("precious").keys("Ctrl-s");
    session.link = Link::Held;
    session.node.refusals.push(full());
    session.keys("y Esc").sees("an answer is being sent").keys("c");
    session.deliver();
    session.link = Link::Quick;
    session.waits();
    assert_eq!(session.node.drafts[&DraftSlot::Reply(comment_id(1))], "precious");
    session.keys("Esc r").sees("precious").waits().keys("Ctrl-s y").sees("answered");
    assert!(session.node.drafts.is_empty());
}

#[test]
fn an_answer_has_bounds_and_pastes_never_send() {
    let mut session = reading();
    session.keys("r").pastes(&"x".repeat(COMMENT_TEXT_BYTES + 2)).waits().sees("too long: 4098 of 4096");
    session.keys("Ctrl-s").sees("the answer is 2 bytes too long: shorten it, or make a post of it");
    session.keys("Backspace Backspace Ctrl-s").pastes("y").keys("y");
    assert_eq!(session.node.count(is_operation), 0);
    session.waits().keys("y");
    assert_eq!(session.node.count(is_operation), 1);
    session.pastes("f").keys("f").sees("a paste came just now");
    assert_eq!(session.node.count(is_operation), 1);
}

#[test]
fn the_last_emoji_is_put_and_taken_back_by_one_key() {
    let mut session = reading();
    session.keys("j f").sees("[♥ 1]").keys("f").does_not_see("♥");
    session
        .keys("F")
        .sees("React to kim 31313131")
        .keys("l Enter")
        .sees("[👍 1]")
        .keys("g g f")
        .sees("[👍 1]");
    let switched = |on: ReactionSwitch| move |command: &Command| matches!(command, Command::React { switch, .. } if *switch == on);
    assert_eq!(session.node.count(switched(ReactionSwitch::On)), 3);
    assert_eq!(session.node.count(switched(ReactionSwitch::Off)), 1);
    session.keys("q f").does_not_see("👍");
    assert_eq!(session.node.count(switched(ReactionSwitch::Off)), 2);
}

#[test]
fn what_one_sees_of_a_refused_reaction_is_taken_back() {
    let mut session = reading();
    session.link = Link::Held;
    session.node.refusals.push(full());
    session.keys("j f").sees("[♥ 1]");
    session.link = Link::Quick;
    session.deliver();
    session.sees("the disk is full").does_not_see("♥");
}

#[test]
fn any_other_emoji_is_typed_or_pasted() {
    let mut session = reading();
    session.keys("j F").types("no").keys("Enter").sees("React to kim");
    assert_eq!(session.node.count(is_operation), 0);
    session.keys("Backspace Backspace").pastes("🦆").keys("Enter");
    assert_eq!(session.node.count(is_operation), 0, "not by the rest of a paste");
    session.waits().keys("Enter").sees("[🦆 1]");
    session.keys("F").sees("[🦆*]").keys("Esc").does_not_see("React to");
}

#[test]
fn the_grid_offers_what_others_chose() {
    let mut session = reading();
    let post_id = boat(&session.node);
    let emoji = crate::domain::text::SafeText::line("🐟");
    session.node.talks.get_mut(&post_id).unwrap().reactions.insert(emoji, 4);
    session.hears(Event::ThreadChanged { post_id }).waits().sees("🐟 4");
    session.keys("F h k k h h h h h h h h h Enter");
    let put = |command: &Command| matches!(command, Command::React { emoji, .. } if emoji == "🐟");
    assert_eq!(session.node.count(put), 1);
}

#[test]
fn one_changes_only_what_is_ones_own() {
    let mut session = reading();
    session.keys("j e").sees("only your own can be changed").keys("j j j e").sees("changes your comment");
    session.sees("I like that boat.").keys("Ctrl-s").sees("nothing is changed yet");
    session.waits();
    assert!(session.node.drafts.is_empty(), "what nobody changed is no draft");
    session
        .keys("Backspace")
        .types("!")
        .keys("Ctrl-s y")
        .sees("changed here")
        .sees("I like that boat!")
        .sees("edited");
    session
        .keys("q G e")
        .sees("changes your post")
        .sees("spanner?")
        .sees("of 16384 bytes")
        .types("?")
        .keys("Ctrl-s y");
    session.waits().sees("spanner??").sees("edited");
}

#[test]
fn deleting_asks_and_says_what_it_can_do() {
    let mut session = reading();
    session.keys("j d").sees("only your own can be deleted").keys("j j j d");
    session.sees("Delete this comment?").sees("all others are asked to").sees("cannot be undone").keys("n");
    assert_eq!(session.node.count(is_operation), 0);
    session.keys("d y").sees("the comment is deleted here").sees("(deleted by its author)").sees("So do I.");
    session.keys("r").sees("this comment was deleted").keys("q G d y").sees("the post is deleted here");
    session.does_not_see("spanner").keys("G Enter d").sees("only your own");
}

#[test]
fn a_deleted_comment_without_answers_leaves_nothing() {
    let mut node = in_use();
    let post_id = boat(&node);
    node.comments(post_id, [by(comment(9, None), 0xaa, "ana", "Oops.")]);
    let mut session = Session::new(node).sized(80, 40);
    session.keys("Enter G d y").does_not_see("Oops.").does_not_see("deleted by");
    assert_eq!(selected(&session), "Congratulations!");
}

#[test]
fn on_ones_own_post_comments_are_hidden_and_ruled() {
    let mut node = FakeNode::in_use();
    let post_id = spanner(&node);
    node.comments(
        post_id,
        [by(comment(1, None), 7, "spam", "Buy!"), by(comment(2, Some(comment_id(1))), 0x4d, "mo", "No.")],
    );
    let mut session = Session::new(node).sized(80, 40);
    session
        .keys("G Enter x")
        .sees("a post can be deleted, not hidden")
        .keys("j x")
        .sees("Hide this comment of spam 07070707?");
    session
        .sees("it is not deleted")
        .keys("y")
        .sees("(hidden by the post's author)")
        .sees("No.")
        .does_not_see("Buy!");
    session.keys(":").types("comments-of-nobody").keys("Enter").sees("Show only your own comments").keys("y");
    assert_eq!(session.node.talks[&post_id].policy, CommentPolicy::Nobody);
    session.sees("Only its author's comments are shown.");
    session
        .keys("g g :")
        .types("comments-of-those-here")
        .keys("Enter")
        .sees("comments of the 1 people")
        .keys("y");
    assert_eq!(session.node.talks[&post_id].policy, CommentPolicy::Listed(vec![posting_id(0x4d)]));
    session.keys(":").types("comments-of-everyone").keys("Enter y").does_not_see("comments are shown.");
    session.keys("q g g :").types("comments-of-nobody").keys("Enter").sees("only for your own post");
}

#[test]
fn elsewhere_nothing_can_be_hidden() {
    let mut session = reading();
    session.keys("j x").sees("only on your own post can you hide comments");
    assert_eq!(session.node.count(is_operation), 0);
}

#[test]
fn an_answer_to_what_is_not_here_hangs_on_a_place_for_it() {
    let mut node = FakeNode::in_use();
    let post_id = boat(&node);
    node.comments(post_id, [comment(5, Some(comment_id(4)))]);
    let mut session = Session::new(node).sized(80, 40);
    session
        .keys("Enter")
        .sees("└─ (a comment that is not here yet)")
        .sees("   └─ kim")
        .keys("j r")
        .sees("this comment is not here yet");
    session.node.comments(post_id, [comment(4, None)]);
    session
        .hears(Event::ThreadChanged { post_id })
        .waits()
        .keys(".")
        .sees("comment 4")
        .does_not_see("not here yet");
}

#[test]
fn all_pages_are_loaded_and_there_is_an_end() {
    let mut node = FakeNode::in_use();
    let post_id = boat(&node);
    node.comments(
        post_id,
        (0..2_050).map(|number| comment(number, (number % 7 > 0).then(|| comment_id(number - 1)))),
    );
    let mut session = Session::new(node).sized(80, 24);
    session.keys("Enter").sees("2050 replies").keys("G");
    assert_eq!(selected(&session), "comment 2049");
    session.keys("z M k");
    assert_eq!(selected(&session), "comment 2037", "the one that all below are folded into");
    let comments = session.model.thread.as_ref().map(|thread| thread.comments().tree().nodes().len());
    assert_eq!(comments, Some(2_050));
}

#[test]
fn of_more_comments_than_can_be_held_the_first_are_here() {
    let mut node = FakeNode::in_use();
    let post_id = boat(&node);
    node.comments(post_id, (0..10_300).map(|number| comment(number, None)));
    let mut session = Session::new(node).sized(80, 24);
    session.keys("Enter").sees("10000 replies, the first 10000 are here").keys("G");
    assert_eq!(selected(&session), "comment 9999");
}

#[test]
fn a_flood_of_changes_is_asked_for_once_at_a_time() {
    let mut session = reading();
    let post_id = boat(&session.node);
    session.link = Link::Held;
    for _ in 0..50 {
        session.hears(Event::ThreadChanged { post_id });
    }
    session.link = Link::Quick;
    session.node.comments(post_id, [unread(9, None)]);
    session.deliver();
    session.does_not_see("1 new comment").waits().sees("1 new comment");
}

#[test]
fn the_feed_shows_what_changes_beside_a_post_and_nothing_moves() {
    let mut session = Session::new(in_use());
    let post_id = boat(&session.node);
    session.keys("j").sees("6 replies, 2 new");
    let before = body(&session);
    session.node.comments(post_id, [to_me(unread(7, None))]);
    session.hears(Event::ThreadChanged { post_id });
    assert_eq!(body(&session), before, "not before a moment has passed");
    session.waits().sees("7 replies, 3 new, 2 to you");
    let rows = |rows: &[String]| rows.iter().map(|row| row.contains("replies")).collect::<Vec<bool>>();
    assert_eq!(rows(&body(&session)), rows(&before));
    session.keys("k m").sees("@ mo").keys("m").sees("● mo");
}

#[test]
fn a_post_off_the_screen_is_asked_for_when_it_comes_back() {
    let mut node = FakeNode::with_posts(120);
    let first = node.posts()[0].post_id;
    node.insert(post(900, 9, "zoe", Duration::from_hours(900), "the end"));
    let mut session = Session::new(node);
    session.keys("PageDown PageDown PageDown PageDown");
    session.node.comments(first, [comment(1, None)]);
    session.hears(Event::ThreadChanged { post_id: first }).waits().does_not_see("1 reply");
    session.keys("PageUp PageUp PageUp PageUp k k k").sees("1 reply");
}

#[test]
fn in_the_feed_the_same_keys_act_on_the_selected_post() {
    let mut session = Session::new(in_use());
    session
        .keys("f")
        .sees("[♥ 1]")
        .keys("r")
        .sees("answers mo 4d4d4d4d: The boat")
        .types("Good")
        .keys("Ctrl-s y");
    session.sees("answered").waits().sees("7 replies");
    assert_eq!(session.model.place, Place::Feed);
    session.keys("e").sees("only your own").keys("F Esc G e").sees("changes your post").keys("Esc d n");
    assert_eq!(session.node.count(is_operation), 2);
}

#[test]
fn copying_takes_the_selected_comment() {
    let mut session = reading();
    session.keys("j y m");
    assert_eq!(session.copied, ["Which boat?"]);
    assert_eq!(session.node.posts()[0].mark, ReadMark::Unread, "m marks the post");
}

#[test]
fn a_post_that_goes_while_it_is_read_stays_on_the_screen() {
    let mut session = reading();
    let post_id = boat(&session.node);
    session.node.command(&Command::Delete { target: post_id }).unwrap();
    session
        .hears(Event::ThreadChanged { post_id })
        .waits()
        .sees("this post is not here any more")
        .sees("Which boat?");
    session.keys("q").hears(Event::FeedChanged).waits().does_not_see("The boat is back");
}

#[test]
fn deep_answers_stay_readable_on_a_small_screen() {
    let mut node = FakeNode::in_use();
    let post_id = boat(&node);
    let deep = |number: u16| comment(number, number.checked_sub(1).map(comment_id));
    node.comments(post_id, (0..400).map(deep));
    let mut session = Session::new(node).sized(40, 12);
    session.keys("Enter G").sees("comment 399").sees("» kim 31313131");
    session.keys("k").sees("comment 398").keys("g g j j z a").sees("+ 399 answers");
    let hidden = session.model.thread.as_ref().map(|thread| thread.comments().item_count());
    assert_eq!(hidden, Some(2));
}

#[test]
fn a_long_comment_is_read_row_by_row() {
    let mut node = FakeNode::in_use();
    let post_id = boat(&node);
    let long: Vec<String> = (0..60).map(|number| format!("row {number} of it")).collect();
    node.comments(post_id, [by(comment(1, None), 0x31, "kim", &long.join("\n")), comment(2, None)]);
    let mut session = Session::new(node).sized(80, 24);
    session.keys("Enter j");
    let mut seen = 0;
    while selected(&session).starts_with("row 0") {
        let last =
            (0..60).rev().find(|number| session.picture().contains(&format!("row {number} of it"))).unwrap();
        assert!(last <= seen + 30 || seen == 0, "{last} after {seen}");
        seen = last;
        session.keys("j");
    }
    assert_eq!(seen, 59, "all of it was on the screen before the next one was selected");
    assert_eq!(selected(&session), "comment 2");
    session.keys("k").sees("row 59 of it").keys("Ctrl-u Ctrl-u Ctrl-u Ctrl-u Ctrl-u Ctrl-u Ctrl-u");
    assert!(selected(&session).starts_with("The boat is"));
    session.keys("PageDown PageDown PageDown PageDown PageDown");
    assert_eq!(selected(&session), "comment 2");
}

#[test]
fn a_comment_shown_as_deleted_by_its_state_holds_no_text() {
    let mut node = in_use();
    let post_id = boat(&node);
    node.talks.get_mut(&post_id).unwrap().comments[0].state = CommentState::Deleted;
    let mut session = Session::new(node).sized(80, 40);
    session.keys("Enter").sees("(deleted by its author)").does_not_see("Which boat?").sees("5 replies");
    session.keys("j y f F e d x r");
    assert!(session.copied.is_empty() && session.node.count(is_operation) == 0);
}
