//! Conversations as a person meets them: list, messages, typing, requests, windows.

use std::time::Duration;

use super::fake::{FakeNode, NOW};
use super::mail::{self, message, thread, unread, with};
use super::session::{Link, Session};
use crate::api::{
    CallError, Command, ConversationView, Delivery, DraftSlot, ErrorKind, Event, LinkState, MessageView,
    QueueReason, ReadMark, RequestAnswer, Standing, Talk, Verification,
};
use crate::ui::message::Message;
use crate::ui::model::Place;
use crate::ui::theme::{Colours, Glyphs, Theme};

fn in_use() -> FakeNode {
    let mut node = FakeNode::in_use();
    node.mail = mail::some();
    node
}

fn talks(session: &Session) -> Vec<Talk> {
    let talk = |command: &Command| match command {
        Command::Talk(talk) => Some(talk.clone()),
        _ => None,
    };
    session.node.commands.iter().filter_map(talk).collect()
}

/// In front of the conversation with mo.
fn with_mo() -> Session {
    let mut session = Session::new(in_use()).sized(80, 24);
    session.keys("g d j Enter");
    assert_eq!(session.model.place, Place::Chat(thread(0x4d)));
    session
}

fn text_of_last(session: &Session) -> String {
    let last = session.node.mail.messages(thread(0x4d)).last().cloned();
    last.map(|message| message.text.to_string()).unwrap_or_default()
}

fn disk_full() -> CallError {
    CallError::new(ErrorKind::Store, "the disk is full", "make room and try again")
}

/// Something of mo's comes in.
fn mo_writes(session: &mut Session, place: i64, text: &str) {
    let news = unread(message(place, 0x4d, "mo", Duration::ZERO, text));
    let event = session.node.mail.comes(thread(0x4d), news);
    session.hears(event).hears(Event::ConversationsChanged);
}

#[test]
fn an_empty_list_says_what_to_do() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("g d").sees("No conversations yet.").sees("gp, choose a person, then m");
    session.keys("Enter").sees("there is no conversation yet");
}

#[test]
fn unread_messages_and_requests_are_counted_wherever_one_is() {
    let mut session = Session::new(in_use());
    session.sees("2 new messages · 1 request · as ana");
    mo_writes(&mut session, 7, "more");
    session.sees("3 new messages");
    session.send(Message::Resize(40, 12));
    session.sees("3 msgs · 1 req");
}

#[test]
fn moving_reads_nothing_and_opening_reads_what_is_shown() {
    let mut session = Session::new(in_use());
    session.keys("g d j k j").sees("2 new messages");
    assert!(talks(&session).is_empty());
    session.keys("Enter").sees("new from here on").does_not_see("new messages");
    let [from, upto] = [1, 6].map(crate::domain::conversation::Place::from_number);
    assert_eq!(talks(&session), [Talk::Read { thread: thread(0x4d), from: Some(from), upto }]);
}

#[test]
fn what_comes_in_while_nobody_touches_anything_stays_unread_until_a_key() {
    let mut session = with_mo();
    session.keys("G");
    mo_writes(&mut session, 7, "are you there?");
    session.sees("are you there?").sees("1 new message");
    session.keys("j").does_not_see("1 new message");
}

#[test]
fn only_what_was_on_the_screen_is_read() {
    let mut node = FakeNode::in_use();
    let all = (0..100).map(|number| unread(message(number, 0x4d, "mo", Duration::from_mins(9), "line")));
    node.mail.put(with(0x4d, "mo"), all);
    let mut session = Session::new(node).sized(80, 24);
    session.keys("g d Enter");
    let read = |session: &Session| {
        session
            .node
            .mail
            .messages(thread(0x4d))
            .iter()
            .filter(|message| message.mark == ReadMark::Read)
            .count()
    };
    let first = read(&session);
    assert!((1..15).contains(&first), "{first}");
    session.sees(&format!("{} new ↓ G", 100 - first));
    session.keys("Ctrl-d").waits();
    assert!((first + 1..40).contains(&read(&session)));
    session.keys("G");
    assert_eq!(read(&session), 100);
}

#[test]
fn what_comes_in_above_the_screen_stays_unread_until_it_is_shown() {
    let mut node = FakeNode::in_use();
    let line = |number: i64| message(number, 0x4d, "mo", Duration::from_mins(9), "line");
    node.mail.put(with(0x4d, "mo"), (0..100).map(|number| line(number * 10)));
    let mut session = Session::new(node).sized(80, 24);
    session.keys("g d Enter");
    // Two that claim to be older: one in memory above the screen, one further up.
    let messages = &mut session.node.mail.talks[0].1;
    messages.push(unread(line(15)));
    messages.push(unread(line(705)));
    messages.sort_by_key(|message| message.place);
    let unread = |session: &Session| {
        let messages = session.node.mail.messages(thread(0x4d)).iter();
        let unread = messages.filter(|message| message.mark == ReadMark::Unread);
        unread.map(|message| message.place.number()).collect::<Vec<_>>()
    };
    session.hears(Event::MessagesChanged { thread: thread(0x4d) }).waits().keys("k").waits().keys("G");
    assert_eq!(unread(&session), [15, 705]);
    session.keys("g g").waits().keys("j");
    assert_eq!(unread(&session), [705]);
    session.keys("G").waits().keys("k");
    assert_eq!(unread(&session), [705]);
}

#[test]
fn what_cannot_be_read_is_asked_for_again_when_one_does_something() {
    let mut session = Session::new(in_use());
    session.node.unreadable = Some(disk_full());
    session
        .keys("g d Enter")
        .sees("the disk is full")
        .sees("could not be read")
        .does_not_see("No messages yet");
    session.hears(Event::MessagesChanged { thread: thread(0x31) }).waits().sees("could not be read");
    session.node.unreadable = None;
    session.keys("j").does_not_see("could not be read");
    let all = session.node.mail.messages(thread(0x31)).len();
    assert_eq!(session.model.chats[&thread(0x31)].log().list().len(), all);
}

#[test]
fn new_messages_move_nothing_that_is_read_unless_one_stands_at_the_end() {
    let mut session = Session::new(in_use()).sized(80, 24);
    session.keys("g d Enter g g");
    let before = session.picture();
    let news = unread(message(99, 0x31, "kim", Duration::ZERO, "fresh news"));
    let event = session.node.mail.comes(thread(0x31), news);
    session.hears(event).sees("1 new ↓ G").does_not_see("fresh news");
    let body = |picture: &str| picture.lines().skip(1).take(18).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(body(&before), body(&session.picture()));
    session.keys("G").sees("fresh news").does_not_see("new ↓");
    let news = message(100, 0x31, "kim", Duration::ZERO, "and more");
    let event = session.node.mail.comes(thread(0x31), news);
    session.hears(event).sees("and more");
}

#[test]
fn a_message_is_typed_and_sent_and_the_next_one_begins() {
    let mut session = with_mo();
    session.keys("i").sees("as ana → mo 4d4d4d4d").sees("sealed, not verified");
    session.types("one").keys("Ctrl-j").types("two").keys("Alt-Enter").types("three").keys("Enter");
    assert_eq!(text_of_last(&session), "one\ntwo\nthree");
    session.sees("you · 14:02 · ◌ queued").types("next").waits().sees("draft saved").keys("Enter Esc");
    assert_eq!(text_of_last(&session), "next");
    session.sees("queued: leaves within a minute, at a random moment");
    let draft = Some(DraftSlot::Message(thread(0x4d)));
    let finishes =
        |command: &Command| matches!(command, Command::Talk(Talk::Send { draft: of, .. }) if *of == draft);
    assert_eq!(session.node.count(finishes), 2);
    session.waits();
    assert!(session.node.drafts.is_empty(), "{:?}", session.node.drafts);
    session.keys("i Enter").sees("there is nothing to send yet");
}

#[test]
fn keys_typed_while_a_message_is_handed_over_are_not_lost() {
    let mut session = with_mo();
    session.link = Link::Held;
    session.keys("i").types("one").keys("Enter").types("two").keys("Enter").types("three");
    session.deliver();
    session.link = Link::Quick;
    assert_eq!(text_of_last(&session), "two");
    session.sees("three").waits();
    assert_eq!(session.node.drafts.get(&DraftSlot::Message(thread(0x4d))).map(String::as_str), Some("three"));
}

#[test]
fn a_refused_message_is_in_the_editor_again_before_what_was_typed_since() {
    let mut session = with_mo();
    session.keys("i").types("precious");
    session.link = Link::Held;
    session.node.refusals.push(disk_full());
    session.keys("Enter").types("more");
    session.deliver();
    session.link = Link::Quick;
    session.sees("the disk is full").waits();
    let slot = DraftSlot::Message(thread(0x4d));
    assert_eq!(session.node.drafts.get(&slot).map(String::as_str), Some("precious\nmore"));
}

#[test]
fn a_draft_of_each_conversation_survives_the_program() {
    let mut session = with_mo();
    session.keys("i").types("half a thought").waits();
    // Nothing is closed in order: the program is just gone.
    let mut again = Session::new(session.node);
    again.keys("g d Enter").does_not_see("half a thought").keys("q j Enter").sees("draft: half a thought");
    again.keys("i").types("!").keys("Enter");
    assert_eq!(text_of_last(&again), "half a thought!");
    again.waits();
    assert!(again.node.drafts.is_empty());
}

#[test]
fn leaving_waits_for_the_message_that_is_handed_over() {
    let mut session = with_mo();
    session.keys("i").types("wait for me");
    session.link = Link::Held;
    session.keys("Enter");
    session.send(Message::HungUp);
    assert!(!session.has_quit);
    for _ in 0..3 {
        session.deliver();
    }
    assert!(session.has_quit);
    assert_eq!(text_of_last(&session), "wait for me");
}

#[test]
fn a_paste_never_sends_and_neither_do_the_keys_behind_it() {
    let mut session = with_mo();
    let before = text_of_last(&session);
    session.keys("i").pastes("one\ntwo").keys("Enter").sees("a paste came just now");
    assert_eq!(text_of_last(&session), before);
    session.waits().keys("Enter");
    assert_eq!(text_of_last(&session), "one\ntwo");
}

#[test]
fn a_message_is_quoted_or_not_any_more() {
    let mut session = with_mo();
    session.keys("G k r").sees("quotes │ mo: Good. I bring tar.").types("how much?").keys("Enter");
    let last = session.node.mail.messages(thread(0x4d)).last().cloned().unwrap();
    assert_eq!(last.quote.map(|quote| quote.text.to_string()), Some("Good. I bring tar.".to_owned()));
    session
        .sees("│ mo: Good. I bring tar.")
        .keys("Esc k r Esc r")
        .sees("not quoted any more")
        .does_not_see("quotes");
}

#[test]
fn emoji_are_put_and_taken_back() {
    let mut session = with_mo();
    session.keys("G f").sees("[♥ 1]").keys("f").sees("And bread.");
    session.keys("F").sees("React to mo 4d4d4d4d").keys("l Enter").sees("[👍 1]");
}

#[test]
fn own_messages_are_changed_and_deleted_after_a_question() {
    let mut session = with_mo();
    session.keys("G e").sees("only your own messages can be changed");
    session.keys("k k e").sees("a new text for your message").types(" Also.").keys("Enter");
    session.sees("waterline. Also.").sees("edited").sees("changed here");
    let finishes = |command: &Command| {
        let Command::Talk(Talk::Edit { thread, message, draft, .. }) = command else { return false };
        *draft == Some(DraftSlot::Correction(*thread, message.message_id))
    };
    assert_eq!(session.node.count(finishes), 1);
    session.keys("d").sees("Delete this message?").keys("n").sees("waterline. Also.");
    session.keys("d y").waits().sees("(deleted)").does_not_see("waterline. Also.");
    session.waits();
    assert!(session.node.drafts.is_empty(), "{:?}", session.node.drafts);
    session.keys("e").sees("only your own");
    session.keys("G d").sees("on this device?").keys("n").sees("And bread.");
}

#[test]
fn every_state_of_a_message_has_a_sign_a_word_and_a_sentence() {
    let states = [
        (Delivery::Queued { reason: QueueReason::Moment }, "◌ queued", "at a random moment"),
        (Delivery::Queued { reason: QueueReason::FirstLook }, "◌ queued", "looked at what peers have"),
        (Delivery::Queued { reason: QueueReason::NoPeer }, "◌ queued", "no peer is connected"),
        (Delivery::Queued { reason: QueueReason::TooManyOpen }, "◌ queued", "waits for an answer"),
        (Delivery::Sent { peers: 3 }, "→ sent", "handed to 3 peers; no receipt yet"),
        (Delivery::Arrived { people: 1, of: 1 }, "✓ arrived", "arrived"),
        (Delivery::Arrived { people: 1, of: 3 }, "✓ at 1 of 3", "arrived at 1 of 3"),
        (Delivery::Lost, "! no receipt", "write it again if it still matters"),
    ];
    for (state, sign, says) in states {
        let mut node = FakeNode::in_use();
        let own = MessageView { state, ..message(1, 0xaa, "ana", Duration::ZERO, "hello") };
        node.mail.put(with(0x4d, "mo"), [own]);
        let mut session = Session::new(node);
        session.keys("g d Enter").sees(sign).sees(says).keys("I").sees("How far it got").sees(says).keys("q");
        session.sees("hello");
    }
}

#[test]
fn words_are_compared() {
    let mut session = with_mo();
    session
        .keys("V")
        .sees("1 amber   2 boat")
        .sees("They were not compared yet.")
        .keys("Esc")
        .sees("not verified");
    session.keys("V y").sees("verified: it says so").sees("sealed, verified");
    session
        .keys("V")
        .sees("were the same")
        .keys("n")
        .sees("somebody may stand between you")
        .sees("not verified");
    let said = [Verification::Verified, Verification::Unverified];
    let said = said.map(|verified| Talk::Verify { thread: thread(0x4d), verified });
    assert_eq!(talks(&session).split_off(1), said);
}

#[test]
fn words_stand_before_what_a_long_name_pushes_off_a_small_screen() {
    let mut node = FakeNode::in_use();
    node.mail.put(with(0x66, "a name of as many bytes as a name may have at most: sixty-four .."), []);
    let mut session = Session::new(node).sized(40, 12);
    session.keys("g d Enter V").sees("1 amber").sees("fjord").sees("66666666");
}

#[test]
fn who_went_on_meanwhile_keeps_the_keys_when_a_conversation_is_there() {
    let mut session = Session::new(in_use());
    session.keys("g p");
    session.link = Link::Held;
    session.keys("m c").types("da").deliver();
    session.link = Link::Quick;
    session.sees("the conversation is there: gd");
    assert_eq!(session.model.place, Place::Compose);
    session.types("y").sees("day");
    // The same from the list of people with nothing else begun.
    session.keys("Esc g p m");
    assert!(matches!(session.model.place, Place::Chat(_)));
    // An overlay takes keys, too.
    session.keys("q g p");
    session.link = Link::Held;
    session.keys("m ?").deliver();
    assert_eq!(session.model.place, Place::People);
}

#[test]
fn the_next_unread_is_found_from_one_that_has_left_the_list() {
    let mut session = Session::new(in_use());
    session.keys("g d \\").sees("only those with unread").keys("Enter");
    assert_eq!(session.model.place, Place::Chat(thread(0x4d)));
    session.keys("] u").does_not_see("nothing unread");
    assert_eq!(session.model.place, Place::Chat(thread(0x07)));
}

#[test]
fn a_stranger_is_answered_only_after_accepting() {
    let mut session = Session::new(in_use());
    session.keys("g d").sees("people you have not written to").sees("wants to write to you");
    session.does_not_see("we met at the harbour").keys("G Enter").sees("we met at the harbour");
    session.sees("a accepts").sees("x ignores").sees("b blocks");
    for key in ["i", "Enter", "f", "r"] {
        session.keys(key);
    }
    let sent = talks(&session).into_iter().filter(|talk| !matches!(talk, Talk::Read { .. })).count();
    assert_eq!(sent, 0);
    session
        .keys("i")
        .sees("Accept the request of zoe 07070707")
        .keys("y")
        .sees("accepted: you can write now");
    session.keys("i").types("yes").keys("Enter").waits().sees("you · 14:02");
    assert!(session.node.mail.talks.iter().all(|(view, _)| view.standing == Standing::Accepted));
}

#[test]
fn a_request_is_ignored_or_blocked_after_a_question() {
    for (key, asks, answer) in
        [("x", "Ignore zoe", RequestAnswer::Ignore), ("b", "Block zoe", RequestAnswer::Block)]
    {
        let mut session = Session::new(in_use());
        session.keys("g d G Enter").keys(key).sees(asks).keys("n").sees("we met");
        session.keys(key).keys("y").does_not_see("we met").does_not_see("zoe 07070707 ·");
        assert_eq!(session.model.place, Place::Messages);
        assert!(talks(&session).contains(&Talk::Answer { thread: thread(7), answer }));
    }
}

#[test]
fn conversations_are_pinned_muted_and_archived() {
    let mut session = Session::new(in_use());
    session.keys("g d j P").sees("mo 4d4d4d4d · 2 new · 2m · pinned").keys("X").sees("muted");
    session.does_not_see("new messages").keys("X a").does_not_see("mo 4d4d4d4d ·");
    session
        .keys("\\")
        .sees("only those with unread")
        .keys("\\")
        .sees("archived")
        .keys("\\")
        .sees("those in use");
}

#[test]
fn a_person_is_written_to_from_the_people_and_by_name() {
    let mut session = Session::new(in_use());
    session
        .keys("g p j m")
        .sees("as ana → lea 1e1e1e1e")
        .sees("sealed from the first message on, not verified");
    session.sees("No messages yet.").keys("q q :").types("message MO").keys("Enter");
    assert_eq!(session.model.place, Place::Chat(thread(0x4d)));
    session.keys("q :").types("message nobody").keys("Enter").sees("you follow nobody of this name");
    session.keys(":").types("message").keys("Enter").sees("whom? :message NAME");
}

#[test]
fn who_has_two_personas_sees_which_one_takes_part() {
    let mut node = in_use();
    let mut other = super::fake::persona("work");
    (other.posting_id, other.default) = (super::fake::posting_id(0xbb), false);
    node.personas.push(other);
    node.mail.put(ConversationView { persona: super::fake::posting_id(0xbb), ..with(5, "boss") }, []);
    let mut session = Session::new(node).sized(80, 24);
    session.keys("g d").sees("as work").sees("as ana");
    Session::new(in_use()).keys("g d").does_not_see("· as ana\n");
}

#[test]
fn how_weak_the_protection_is_stands_before_the_input() {
    let states =
        [(LinkState::Weak, "weakly sealed until the first answer"), (LinkState::Waiting, "no answer yet")];
    for (link, says) in states {
        let mut node = FakeNode::in_use();
        node.mail.put(ConversationView { link, ..with(0x4d, "mo") }, []);
        Session::new(node).keys("g d Enter i").sees(says);
    }
}

#[test]
fn ten_thousand_messages_are_opened_like_ten() {
    let mut node = FakeNode::in_use();
    let all = (0..10_000)
        .map(|number| message(number, 0x4d, "mo", Duration::from_mins(9), &format!("number {number}.")));
    node.mail.put(with(0x4d, "mo"), all);
    let mut session = Session::new(node);
    session.keys("g d Enter").sees("number 9999.");
    let held = |session: &Session| session.model.chats[&thread(0x4d)].log().list().len();
    assert!(held(&session) <= 60);
    for _ in 0..200 {
        session.keys("Ctrl-u");
        assert!(held(&session) <= 200);
    }
    session.does_not_see("number 9999.").keys("g g").sees("number 0.");
    for _ in 0..100 {
        session.keys("Ctrl-d");
        assert!(held(&session) <= 200);
    }
    session.keys("G").sees("number 9999.");
}

#[test]
fn scrolling_over_pages_skips_and_repeats_nothing() {
    let mut node = FakeNode::in_use();
    let all = (0..500)
        .map(|number| message(number, 0x4d, "mo", Duration::from_mins(9), &format!("number {number}.")));
    node.mail.put(with(0x4d, "mo"), all);
    let mut session = Session::new(node);
    session.keys("g d Enter");
    let selected = |session: &Session| {
        let chat = &session.model.chats[&thread(0x4d)];
        chat.log().selected().map(|message| message.place.number()).unwrap()
    };
    for number in (0..499).rev() {
        session.keys("k");
        assert_eq!(selected(&session), number);
        session.sees(&format!("number {number}."));
    }
    for number in 1..500 {
        session.keys("j");
        assert_eq!(selected(&session), number);
    }
}

#[test]
fn two_conversations_stand_beside_each_other_and_only_one_has_the_focus() {
    let mut session = with_mo();
    session
        .keys("Ctrl-w s")
        .sees("with mo")
        .sees("Messages")
        .keys("k Enter")
        .sees("with kim")
        .keys("Ctrl-w k G Ctrl-w j");
    mo_writes(&mut session, 7, "seen from the corner of the eye");
    session.sees("seen from the corner of the eye").sees("1 new message").keys("j").sees("1 new message");
    session.keys("Ctrl-w k").does_not_see("1 new message");
    assert_eq!(session.model.place, Place::Chat(thread(0x4d)));
    session.keys("i").types("here").keys("Enter Esc");
    assert_eq!(text_of_last(&session), "here");
    session.keys("g d").sees("with kim").keys("Ctrl-w j");
    assert_eq!(session.model.place, Place::Chat(thread(0x31)));
    session.keys("Ctrl-w q").does_not_see("with kim").keys("Ctrl-w q").sees("this is the only window");
}

#[test]
fn any_panes_stand_beside_each_other() {
    let mut session = Session::new(in_use()).sized(120, 40);
    session.keys("Ctrl-w v").sees("Messages").keys("Ctrl-w s").sees("People").keys("Ctrl-w h");
    session.sees("The boat is back").sees("wants to write to you").keys("Enter");
    assert_eq!(session.model.place, Place::Thread);
    session.keys("g p").sees("You follow 3.");
    assert_eq!(session.model.place, Place::People);
    session.keys("Ctrl-w z").sees("window 3 of 3").does_not_see("wants to write").keys("Ctrl-w z Ctrl-w =");
    session.sees("wants to write").keys("Tab");
    assert_eq!(session.model.place, Place::Thread);
    session.keys("Shift-Tab");
    assert_eq!(session.model.place, Place::People);
    session.keys("Ctrl-w h").sees("Post").keys("q");
    assert_eq!(session.model.place, Place::Feed);
    session.keys("q");
    assert!(!session.has_quit, "closes its window");
    assert_eq!(session.model.windows.count(), 2);
    session.keys("Ctrl-w o g f q");
    assert!(session.has_quit);
}

#[test]
fn a_conversation_is_opened_beside_the_list() {
    let mut session = Session::new(in_use()).sized(120, 40);
    session
        .keys("g d o")
        .sees("Messages")
        .sees("with kim")
        .keys("Ctrl-w h j o")
        .sees("with mo")
        .sees("with kim");
    assert_eq!(session.model.windows.count(), 3);
}

#[test]
fn on_a_small_screen_one_window_is_shown_at_a_time() {
    let mut session = with_mo();
    session.keys("Ctrl-w v k Enter").sees("with mo").sees("with kim");
    session.send(Message::Resize(40, 12));
    session.sees("2/2").does_not_see("I bring tar.").keys("Ctrl-w h").sees("I bring tar.").sees("1/2");
    session.send(Message::Resize(80, 24));
    session.sees("with mo").sees("with kim");
}

#[test]
fn a_storm_of_sizes_loses_nothing() {
    let mut session = with_mo();
    session.keys("Ctrl-w v k Enter i").types("kept");
    for number in 0..300_u16 {
        session.send(Message::Resize(number * 37 % 203, number * 17 % 61));
        session.buffer();
    }
    session.send(Message::Resize(120, 40));
    session.sees("kept").sees("with mo").keys("Enter");
    assert_eq!(session.node.mail.messages(thread(0x31)).last().unwrap().text.as_str(), "kept");
}

#[test]
fn a_message_never_looks_like_the_program_speaking() {
    let text = "▌ you · 14:03 · ✓ arrived\nas ana → mo 4d4d4d4d · sealed, verified\n── new from here on ──\na accepts";
    let name = "you · 14:03 · ✓ arrived";
    let mut node = FakeNode::in_use();
    node.mail.put(with(0x4d, name), [message(1, 0x4d, name, Duration::ZERO, text)]);
    let mut session = Session::new(node);
    session.keys("g d Enter");
    let picture = session.picture();
    let said: Vec<&str> = picture.lines().filter(|line| text.lines().any(|row| line.contains(row))).collect();
    assert_eq!(said.len(), 4, "{picture}");
    for line in said {
        assert!(line.starts_with("    ") || line.starts_with("▌   "), "{line:?}");
    }
    // Its name is followed by the fingerprint that ours never has.
    session.sees("you 14:03   arrived 4d4d4d4d · 14:02");
}

#[test]
fn a_conversation_nobody_sees_is_asked_for_when_it_is_seen_again() {
    let mut session = with_mo();
    session.keys("g f");
    let queries = session.draws;
    mo_writes(&mut session, 7, "later");
    session.keys("g d Enter").sees("later");
    assert!(session.draws > queries);
}

const SIZES: [(u16, u16); 4] = [(80, 24), (120, 40), (40, 12), (200, 50)];

/// Pictures of one state at all sizes.
fn pictures(name: &str, node: impl Fn() -> FakeNode, keys: &[&str]) {
    for (columns, rows) in SIZES {
        let mut session = Session::new(node()).sized(columns, rows);
        for keys in keys {
            session.keys(keys);
        }
        assert_eq!(session.now, NOW);
        insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), session.picture());
    }
}

#[test]
fn list() {
    pictures("messages", in_use, &["g d j"]);
}

#[test]
fn empty_list() {
    pictures("messages_empty", FakeNode::in_use, &["g d"]);
}

#[test]
fn conversation() {
    pictures("chat", in_use, &["g d j Enter"]);
}

#[test]
fn writing() {
    pictures("chat_writing", in_use, &["g d j Enter", "G k r", "H o w Ctrl-j m u c h ?"]);
}

#[test]
fn two_below_each_other() {
    pictures("chat_below", in_use, &["g d j Enter", "Ctrl-w s", "k Enter"]);
}

#[test]
fn two_beside_each_other() {
    pictures("chat_beside", in_use, &["g d j Enter", "Ctrl-w v", "k Enter"]);
}

#[test]
fn request() {
    pictures("chat_request", in_use, &["g d G Enter"]);
}

#[test]
fn comparing_words() {
    pictures("chat_words", in_use, &["g d j Enter", "V"]);
}

#[test]
fn about_a_message() {
    pictures("chat_facts", in_use, &["g d j Enter", "k k I"]);
}

/// One own message in each state.
fn in_all_states() -> FakeNode {
    let states = [
        Delivery::Queued { reason: QueueReason::Moment },
        Delivery::Sent { peers: 2 },
        Delivery::Arrived { people: 1, of: 1 },
        Delivery::Lost,
    ];
    let mut node = FakeNode::in_use();
    let messages = states.into_iter().zip(1..).map(|(state, number)| MessageView {
        state,
        ..message(number, 0xaa, "ana", Duration::from_mins(9), "Are you there?")
    });
    node.mail.put(with(0x4d, "mo"), messages);
    node
}

#[test]
fn outbox() {
    pictures("chat_states", in_all_states, &["g d Enter", "k"]);
}

#[test]
fn in_ascii_without_colours() {
    let theme = Theme { colours: Colours::None, glyphs: Glyphs::Ascii };
    let mut session = Session::themed(in_use(), theme).sized(120, 24);
    session.keys("g d j Enter Ctrl-w v k Enter");
    insta::assert_snapshot!("chat_ascii_120x24", session.picture());
}

/// A person who comes back finds the windows as they stood, and nothing in them counts as seen by that.
#[test]
fn windows_stand_after_a_start_as_they_stood_before() {
    let mut session = Session::new(in_use()).sized(120, 40);
    session.keys("g d Enter").keys("Ctrl-w v").keys("Ctrl-w s");
    session.keys("g p");
    let (places, focus) = (session.model.windows.places(), session.model.windows.focus());
    assert_eq!(places.len(), 3);
    let before = session.picture();
    let mut again = Session::new(session.node).sized(120, 40);
    assert_eq!((again.model.windows.places(), again.model.windows.focus()), (places, focus));
    assert_eq!(again.picture(), before);
    again.keys("Ctrl-w o").keys("g f");
    assert_eq!(Session::new(again.node).model.windows.count(), 1, "a single window is not kept");
}

#[test]
fn a_start_marks_nothing_as_read_and_does_not_move_who_has_begun() {
    let mut session = Session::new(in_use()).sized(120, 40);
    session.keys("g d Enter").keys("Ctrl-w v").keys("Ctrl-w h");
    let mut node = session.node;
    let unread = unread(message(90, 0x4d, "mo", Duration::from_mins(1), "While you were away"));
    let (view, messages) = &mut node.mail.talks[0];
    messages.push(MessageView { thread: view.thread, ..unread });
    node.commands.clear();
    let again = Session::new(node);
    assert!(matches!(again.model.place, Place::Chat(_)), "{:?}", again.model.place);
    assert_eq!(again.node.commands, [], "nobody has looked yet");
}
