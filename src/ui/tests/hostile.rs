//! Text and names meant to break a terminal, in every pane and every input.

use std::time::Duration;

use ratatui::buffer::Buffer;

use super::fake::{FakeNode, person, post};
use super::mail;
use super::session::Session;
use super::talk::{by, comment, comment_id, to_me, unread};
use crate::api::{
    CallError, ConversationView, ErrorKind, Event, MessageView, NetworkState, PeerStanding, PeerView,
    QuoteView, Standing,
};
use crate::domain::ids::NetworkId;
use crate::domain::text::SafeText;
use crate::ui::message::Message;
use crate::ui::terminal::is_drawable;
use crate::ui::widgets::wrap::cells;

fn hostile_texts() -> Vec<String> {
    vec![
        "\u{1b}[2J\u{1b}[31mred\u{7}\u{1b}]52;c;cm0gLXJm\u{7}".to_owned(),
        "\u{9b}2J\u{9d}52;c;x\u{9c}\u{90}q\u{9c}".to_owned(),
        "abc\u{202e}dcba\u{2066}x\u{200f}\u{feff}".to_owned(),
        format!("e{}", "\u{301}".repeat(7_500)),
        format!("👩{}", "\u{200d}👩".repeat(2_300)),
        "\u{1f1e6}".repeat(4_000),
        "日".repeat(5_000),
        "\u{0}\u{1}\u{7f}\r\u{b}\u{c}".repeat(500),
        "\u{e0041}\u{e0042}\u{115f}\u{3164}\u{2800}\u{ad}".to_owned(),
        "ﷺ𒐫꧁".repeat(300),
        "\n".repeat(16_000),
        "ก็็็็็็็็็็็็็็็็็็็็".repeat(200),
    ]
}

fn is_safe(buffer: &Buffer) -> bool {
    buffer.content().iter().all(|cell| is_drawable(cell.symbol()))
}

/// Every cell is safe, and no row is wider than the screen.
fn check(session: &Session) {
    let buffer = session.buffer();
    assert!(is_safe(&buffer), "{:?}", session.picture());
    for line in session.picture().lines() {
        assert!(cells(line) <= usize::from(buffer.area.width), "{line:?}");
    }
}

fn node_of(text: &str) -> FakeNode {
    let mut node = FakeNode::in_use();
    node.personas[0].name = SafeText::line(text);
    for number in 0..5 {
        node.insert(post(100 + number, 3, text, Duration::from_secs(u64::from(number)), text));
    }
    // The newest of them has comments: a hostile one, answers to it ever deeper, some to what is not here.
    let post_id = node.posts()[0].post_id;
    let parent = |number: u16| match number {
        0 => None,
        30 => Some(comment_id(999)),
        number => Some(comment_id(number - 1)),
    };
    let hostile = |number: u16| match number % 3 {
        0 => by(unread(number, parent(number)), 3, text, text),
        1 => to_me(by(comment(number, parent(number)), 4, text, text)),
        _ => by(comment(number, parent(number)), 0xaa, text, text),
    };
    node.comments(post_id, (0..40).map(hostile));
    let talk = node.talks.get_mut(&post_id).unwrap();
    talk.reactions.insert(SafeText::line(text), u64::MAX);
    for comment in &mut talk.comments {
        comment.reactions.insert(SafeText::line(text), 3);
    }
    node.people = vec![person(3, text), person(4, text)];
    for number in [3, 4] {
        let standing = if number == 4 { Standing::Request } else { Standing::Accepted };
        let quote = QuoteView {
            message: mail::message(0, 3, text, Duration::ZERO, text).key(),
            from_name: SafeText::line(text),
            text: SafeText::line(text),
        };
        let messages = (0..6).map(|place| MessageView {
            quote: (place > 2).then(|| quote.clone()),
            reactions: [(SafeText::line(text), u64::MAX)].into(),
            ..mail::unread(mail::message(place, number, text, Duration::from_secs(9), text))
        });
        node.mail.put(ConversationView { standing, ..mail::with(number, text) }, messages);
    }
    node.peers.push(PeerView {
        network_id: NetworkId::from_bytes([5; 32]),
        connected: true,
        relayed: Some(true),
        latency_ms: Some(u64::MAX),
        bytes_in: u64::MAX,
        bytes_out: 1,
        addresses: vec![text.to_owned()],
        standing: PeerStanding::Ok,
    });
    node.status.network = NetworkState::Failed(text.to_owned());
    node.status.ticket = Some(text.to_owned());
    node.status.addresses = vec![text.to_owned(); 3];
    node
}

#[test]
fn what_others_wrote_controls_nothing_in_any_pane() {
    for text in hostile_texts() {
        for (columns, rows) in [(120, 40), (80, 24), (40, 12), (7, 5)] {
            let mut session = Session::new(node_of(&text)).sized(columns, rows);
            let journey = [
                "j", "k", "Enter", "j", "G", "k", "z a", "z M", "z R", "F", "l j", "Esc", "r", "Ctrl-s",
                "Esc", "Esc", "e", "Esc", "d", "n", "x", "n", ".", "g g", "q", "g p", "s", "q", "d", "n",
                "a", "Esc", "g w", "?", "q", "g d", "j", "k", "Enter", "g g", "j", "k", "r", "Esc", "F",
                "Esc", "I", "q", "V", "n", "d", "n", "Ctrl-w s", "G Enter", "Ctrl-w z", "Ctrl-w o", "x", "n",
            ];
            for keys in journey {
                session.keys(keys);
                check(&session);
            }
            session.hears(Event::StoreFailed { message: text.clone() });
            session.node.refusals.push(CallError::new(ErrorKind::Store, text.clone(), text.clone()));
            session.keys("g f m");
            check(&session);
        }
    }
}

#[test]
fn what_is_pasted_controls_nothing_in_any_input() {
    for text in hostile_texts() {
        let mut session = Session::new(node_of("x")).sized(60, 20);
        for keys in [
            "F",
            "Esc",
            "r",
            "Ctrl-s",
            "Esc",
            "Esc",
            "c",
            "Ctrl-s",
            "Esc",
            "Esc",
            "g p a",
            "Esc",
            "g w a",
            "Esc",
            ":",
            "Esc",
            "g d Enter i",
            "Esc F",
            "Esc q q q",
        ] {
            session.keys(keys).pastes(&text);
            check(&session);
            session.waits();
            check(&session);
        }
        let mut session = Session::new(FakeNode::new()).sized(60, 20);
        session.pastes(&text);
        check(&session);
    }
}

#[test]
fn marks_typed_one_by_one_stay_in_their_cell() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("c").types("e");
    for _ in 0..200 {
        session.pastes("\u{301}");
    }
    check(&session);
}

#[test]
fn the_lines_of_the_program_stand_where_they_belong_whatever_a_post_holds() {
    for text in hostile_texts() {
        let mut session = Session::new(node_of(&text));
        session.node.status.network = NetworkState::Up;
        session.hears(Event::StatusChanged);
        let picture = session.picture();
        assert!(picture.starts_with(" itsgoin · Feed"), "{picture}");
        assert!(
            picture.trim_end().lines().last().is_some_and(|hints| hints.contains("j/k move")),
            "{picture}"
        );
    }
}

#[test]
fn a_planted_control_character_is_noticed() {
    let mut session = Session::new(FakeNode::in_use());
    session.send(Message::Resize(20, 3));
    let mut buffer = session.buffer();
    assert!(is_safe(&buffer));
    buffer[(3, 1)].set_symbol("\u{1b}");
    assert!(!is_safe(&buffer));
}
