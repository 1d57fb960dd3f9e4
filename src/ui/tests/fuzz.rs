//! Random keys, pastes, sizes and events. Nothing panics, drawing changes nothing, and no post leaves but by the
//! review and its key.

use std::time::Duration;

use super::fake::{FakeNode, post};
use super::mail;
use super::session::{Link, Session};
use super::talk::{by, comment, comment_id, to_me, unread};
use crate::api::{CallError, Command, CommentView, ErrorKind, Event, Talk};
use crate::domain::ids::ObjectId;
use crate::ui::keymap::Context;
use crate::ui::message::Message;
use crate::ui::terminal::is_drawable;

/// A small generator of our own (PCG), so that a seed says everything.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let at = usize::try_from(self.below(u64::try_from(choices.len()).unwrap())).unwrap();
        choices[at]
    }
}

const KEYS: &[&str] = &[
    "j",
    "k",
    "g",
    "G",
    "f",
    "p",
    "w",
    "c",
    "y",
    "m",
    "M",
    "u",
    "]",
    "[",
    "\\",
    "d",
    "x",
    "a",
    "s",
    "q",
    "?",
    ":",
    "R",
    "n",
    "J",
    "K",
    "h",
    "l",
    "t",
    "é",
    "Enter",
    "Esc",
    "Tab",
    "Shift-Tab",
    "Space",
    "Backspace",
    "Delete",
    "Up",
    "Down",
    "Left",
    "Right",
    "Home",
    "End",
    "PageUp",
    "PageDown",
    "Ctrl-d",
    "Ctrl-u",
    "Ctrl-s",
    "Ctrl-x",
    "Ctrl-k",
    "Ctrl-w",
    "Ctrl-c",
    "Ctrl-l",
    "Ctrl-_",
    "Ctrl-r",
    "Ctrl-a",
    "Ctrl-e",
    "Ctrl-Left",
    "Ctrl-Right",
    "Ctrl-Home",
    "Ctrl-End",
    "Enter",
    "Ctrl-s",
    "y",
    "c",
    "r",
    "e",
    "F",
    "z",
    "Enter",
    ".",
    "r",
    "j",
    "k",
    "l",
    "Ctrl-s",
    "g",
    "d",
    "Enter",
    "i",
    "V",
    "X",
    "P",
    "I",
    "b",
    "o",
    "v",
    "Ctrl-w",
    "=",
    "Alt-Enter",
    "Ctrl-j",
    "Ctrl-w",
];

const PASTES: &[&str] = &[
    "y",
    "itsgoin1abc",
    "several\nlines\n\nof text",
    "\u{1b}[201~y",
    "日本語 👩\u{200d}👩\u{200d}👧 e\u{301}",
    "a\tb",
];

/// What publishes something: how the test knows that the person meant it.
fn is_meant(session: &Session, key: &str) -> bool {
    match (key, session.model.contexts().first()) {
        ("y", Some(Context::Review | Context::Question))
        | ("Enter", Some(Context::Picker | Context::Message))
        | ("y" | "n", Some(Context::Words)) => true,
        ("f", Some(Context::Feed | Context::Thread | Context::Chat)) | ("a", Some(Context::Request)) => {
            session.model.typed.is_empty()
        }
        _ => false,
    }
}

fn published(session: &Session) -> usize {
    session.node.count(|command| {
        matches!(
            command,
            Command::PublishPost { .. }
                | Command::Reply { .. }
                | Command::React { .. }
                | Command::Edit { .. }
                | Command::Delete { .. }
                | Command::HideComment { .. }
                | Command::SetPolicy { .. }
                | Command::Talk(
                    Talk::Send { .. }
                        | Talk::React { .. }
                        | Talk::Edit { .. }
                        | Talk::Delete { .. }
                        | Talk::Answer { .. }
                        | Talk::Verify { .. }
                )
        )
    })
}

/// A node with many posts, the first four with comments, one of them ana's own.
fn with_talks() -> FakeNode {
    let mut node = FakeNode::with_posts(260);
    node.mail = mail::some();
    node.mail.put(
        mail::with(9, "long"),
        (0..900).map(|number| {
            let new =
                mail::message(number, 9, "long", Duration::from_mins(2_000), &"several words ".repeat(20));
            if number > 700 { mail::unread(new) } else { new }
        }),
    );
    node.insert(post(990, 0xaa, "ana", Duration::from_secs(30), "my own post"));
    let posts: Vec<ObjectId> = node.posts().iter().take(4).map(|post| post.post_id).collect();
    for (post_id, count) in posts.into_iter().zip([30, 400, 3, 90]) {
        node.comments(post_id, (0..count).map(|number| some_comment(number, u64::from(number))));
    }
    node
}

/// A comment somewhere in the tree.
fn some_comment(number: u16, dice: u64) -> CommentView {
    let mut dice = Dice(dice);
    let parent = u16::try_from(dice.below(u64::from(number) + 2)).unwrap();
    let parent = (parent != number).then(|| comment_id(parent));
    match dice.below(4) {
        0 => by(comment(number, parent), 0xaa, "ana", "one\nof\nmine"),
        1 => to_me(unread(number, parent)),
        2 => by(unread(number, parent), 7, "zoe", &"long ".repeat(200)),
        _ => comment(number, parent),
    }
}

/// Runs a session of `steps`; how much was published without its key.
fn play(seed: u64, steps: usize, planted: Option<&Command>) -> usize {
    let mut dice = Dice(seed);
    let mut session = Session::new(if seed.is_multiple_of(5) { FakeNode::new() } else { with_talks() });
    let mut unmeant = 0;
    for step in 0..steps {
        let before = published(&session);
        let mut meant = false;
        match dice.below(40) {
            0 => {
                session.pastes(dice.one_of(PASTES));
            }
            1 => {
                let size = |dice: &mut Dice, most| u16::try_from(dice.below(most) + 1).unwrap();
                let (columns, rows) = (size(&mut dice, 130), size(&mut dice, 45));
                session.send(Message::Resize(columns, rows));
            }
            2 => {
                let number = 1_000 + u16::try_from(step).unwrap();
                session.node.insert(post(
                    number,
                    7,
                    "kim",
                    Duration::from_secs(dice.below(9_000)),
                    "news\nof today",
                ));
                session.hears(Event::FeedChanged);
                let among = u64::try_from(session.node.posts().len().min(4)).unwrap();
                let post_id = session.node.posts()[usize::try_from(dice.below(among)).unwrap()].post_id;
                session.node.comments(post_id, [some_comment(number + 5_000, dice.below(1_000))]);
                session.hears(Event::ThreadChanged { post_id });
                let place = 2_000_000 + i64::try_from(step).unwrap();
                let news = mail::unread(mail::message(place, 0x4d, "mo", Duration::ZERO, "news"));
                let event = session.node.mail.comes(mail::thread(0x4d), news);
                session.hears(event).hears(Event::ConversationsChanged);
            }
            3 => {
                session.waits();
            }
            4 => {
                session.link = if session.link == Link::Quick { Link::Held } else { Link::Quick };
                session.deliver();
            }
            5 => session.node.refusals.push(CallError::new(ErrorKind::Busy, "the node is busy", "try again")),
            _ => {
                let key = dice.one_of(KEYS);
                meant = is_meant(&session, key);
                session.keys(key);
            }
        }
        if let Some(command) = planted.filter(|_| step == steps / 2) {
            session.node.commands.push(command.clone());
        }
        let sent = published(&session) - before;
        unmeant += sent.saturating_sub(usize::from(meant));
        look(&session, seed, step);
    }
    unmeant
}

/// The picture is safe, the same twice, and the model is as before.
fn look(session: &Session, seed: u64, step: usize) {
    let before = session.model.clone();
    let first = session.buffer();
    assert!(first.content().iter().all(|cell| is_drawable(cell.symbol())), "seed {seed} step {step}");
    if step.is_multiple_of(10) {
        assert_eq!(first, session.buffer(), "seed {seed} step {step}");
        assert!(session.model == before, "seed {seed} step {step}");
    }
}

#[test]
fn random_keys_send_nothing_by_accident() {
    for seed in 1..=8 {
        assert_eq!(play(seed, 500, None), 0, "seed {seed}");
    }
}

#[test]
fn a_planted_post_is_noticed() {
    let planted = Command::PublishPost { persona: None, text: "planted".to_owned(), draft: None };
    assert_eq!(play(3, 60, Some(&planted)), 1);
}

#[test]
fn every_pane_is_drawn_at_every_small_size() {
    let panes = [
        "j",
        "Enter",
        "G",
        "z M",
        "F",
        "Esc d",
        "n r",
        "Esc q g p",
        "s",
        "q a",
        "Esc g w",
        "a",
        "Esc ?",
        "q :",
        "Esc g d",
        "j Enter",
        "g g",
        "i h i",
        "Esc V",
        "n I",
        "q F",
        "Esc Ctrl-w s",
        "G Enter",
        "Ctrl-w v",
        "Ctrl-w v",
        "Ctrl-w z",
        "Ctrl-w o",
        "c",
        "Ctrl-s",
        "Ctrl-x k",
    ];
    let mut session = Session::new(with_talks());
    for keys in panes {
        session.keys(keys);
        for columns in [0, 1, 2, 3, 5, 9, 17, 40, 61, 99, 100, 101] {
            for rows in [0, 1, 2, 3, 4, 5, 8, 12] {
                session.send(Message::Resize(columns, rows));
                session.buffer();
            }
        }
    }
}
