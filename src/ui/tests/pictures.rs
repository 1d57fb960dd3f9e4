//! Every pane as a picture. Ids and the clock are fixed, so that a change of a picture is a change of the interface.

use ratatui::style::{Color, Modifier};

use super::fake::{FakeNode, NOW, peer};
use super::session::Session;
use crate::api::{CallError, ErrorKind};
use crate::ui::theme::{Colours, Glyphs, Theme};

fn in_use() -> FakeNode {
    let mut node = FakeNode::in_use();
    node.peers = vec![peer(3, true), peer(4, true), peer(5, false)];
    node
}

fn without_posts() -> FakeNode {
    let mut node = FakeNode::with_posts(0);
    node.people.clear();
    node
}

/// Pictures of one pane at both usual sizes.
fn pictures(name: &str, node: impl Fn() -> FakeNode, keys: &[&str]) {
    for (columns, rows) in [(80, 24), (120, 40)] {
        let mut session = Session::new(node()).sized(columns, rows);
        for keys in keys {
            session.keys(keys);
        }
        assert_eq!(session.now, NOW);
        insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), session.picture());
    }
}

#[test]
fn first_run() {
    pictures("first_run", FakeNode::new, &[]);
}

#[test]
fn feed() {
    pictures("feed", in_use, &["j"]);
}

#[test]
fn feed_without_posts() {
    pictures("feed_empty", without_posts, &[]);
}

#[test]
fn thread() {
    pictures("thread", in_use, &["j j Enter"]);
}

#[test]
fn people() {
    pictures("people", in_use, &["g p j"]);
}

#[test]
fn people_at_first() {
    let alone = || {
        let mut node = FakeNode::in_use();
        node.people.clear();
        node
    };
    pictures("people_alone", alone, &["g p"]);
}

#[test]
fn adding_somebody() {
    pictures("people_add", in_use, &["g p a n o p e Enter"]);
}

#[test]
fn invite() {
    pictures("invite", in_use, &["g p s"]);
}

#[test]
fn network() {
    pictures("network", in_use, &["g w"]);
}

#[test]
fn compose() {
    pictures("compose", in_use, &["c H i Enter Enter y o u"]);
}

#[test]
fn review() {
    pictures("review", in_use, &["c H i Enter Enter y o u Ctrl-s"]);
}

#[test]
fn help() {
    pictures("help", in_use, &["?"]);
}

#[test]
fn command_line() {
    pictures("command_line", in_use, &[": s y n"]);
}

#[test]
fn small_screens() {
    let mut session = Session::new(in_use()).sized(40, 12);
    insta::assert_snapshot!("feed_40x12", session.picture());
    session.keys("j j Enter");
    insta::assert_snapshot!("thread_40x12", session.picture());
    session.keys("c H i");
    insta::assert_snapshot!("compose_40x12", session.picture());
    let mut session = Session::new(in_use()).sized(40, 12);
    session.keys("g p j");
    insta::assert_snapshot!("people_40x12", session.picture());
    let session = Session::new(FakeNode::new()).sized(40, 12);
    insta::assert_snapshot!("first_run_40x12", session.picture());
    let session = Session::new(without_posts()).sized(40, 12);
    insta::assert_snapshot!("feed_empty_40x12", session.picture());
}

#[test]
fn an_invite_on_a_small_screen() {
    let mut node = in_use();
    node.invite = format!("itsgoin1{}end", "mvqxgzldn5wgk43b".repeat(21));
    let mut session = Session::new(node).sized(40, 12);
    session.keys("g p s");
    insta::assert_snapshot!("invite_40x12", session.picture());
    session.keys("G").sees("43bend").sees("what you post publicly.");
    let end = session.picture();
    assert_eq!(session.keys("j").picture(), end, "it scrolls no further");
    session.keys("g g").sees("Send this to");
}

#[test]
fn questions_on_a_small_screen() {
    let mut session = Session::new(in_use()).sized(40, 12);
    session.keys("g p j d");
    insta::assert_snapshot!("unfollow_40x12", session.picture());
    session.keys("n c H i");
    for _ in 0..2 {
        session.node.refusals.push(CallError::new(ErrorKind::Store, "the disk is full", "make room"));
        session.keys("Esc q");
    }
    insta::assert_snapshot!("quit_unsaved_40x12", session.picture());
}

#[test]
fn ascii() {
    let theme = Theme { colours: Colours::None, glyphs: Glyphs::Ascii };
    let session = Session::themed(in_use(), theme).sized(120, 12);
    insta::assert_snapshot!("feed_ascii_120x12", session.picture());
}

#[test]
fn without_colours_attributes_say_the_same() {
    let theme = Theme { colours: Colours::None, glyphs: Glyphs::Unicode };
    for keys in ["j", "Enter", "g p", "g w", "?", "c"] {
        let mut coloured = Session::new(in_use());
        let mut plain = Session::themed(in_use(), theme);
        let (coloured, plain) = (coloured.keys(keys).buffer(), plain.keys(keys).buffer());
        for (cell, bare) in coloured.content().iter().zip(plain.content()) {
            assert_eq!((bare.fg, bare.bg, cell.bg), (Color::Reset, Color::Reset, Color::Reset));
            assert!(!matches!(cell.fg, Color::Rgb(..) | Color::Indexed(_)));
            assert_eq!((cell.symbol(), cell.modifier), (bare.symbol(), bare.modifier));
        }
    }
    let plain = Session::themed(in_use(), theme).buffer();
    let marks = plain.content().iter().filter(|cell| cell.symbol() == "●" && cell.modifier == Modifier::BOLD);
    assert_eq!(marks.count(), 3);
}
