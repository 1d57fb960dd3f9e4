//! Every pane as a picture. Ids and the clock are fixed, so that a change of a picture is a change of the interface.

use ratatui::style::{Color, Modifier};

use super::fake::{FakeNode, NOW, peer};
use super::session::Session;
use super::talk::{by, comment, comment_id, to_me, unread};
use crate::api::{CallError, CommentState, CommentView, ErrorKind, Event};
use crate::domain::text::SafeText;
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
fn protection_and_locked() {
    let locked = || {
        let mut node = in_use();
        node.status.vault = crate::api::VaultState::Locked;
        node
    };
    for (columns, rows) in [(80, 24), (40, 12)] {
        let mut session = Session::new(FakeNode::new()).sized(columns, rows);
        session.types("ana").keys("Enter");
        insta::assert_snapshot!(format!("protection_{columns}x{rows}"), session.picture());
        let mut session = Session::new(locked()).sized(columns, rows);
        insta::assert_snapshot!(format!("locked_{columns}x{rows}"), session.picture());
        session.types("wrong").keys("Enter");
        insta::assert_snapshot!(format!("locked_refused_{columns}x{rows}"), session.picture());
    }
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

const SIZES: [(u16, u16); 4] = [(80, 24), (120, 40), (40, 12), (200, 50)];

/// A node whose newest post has a talk below it: new and old, mine and hidden, deep and without a parent.
fn talking() -> FakeNode {
    let mut node = in_use();
    let post_id = node.posts()[0].post_id;
    let answer = |number: u16, parent: u16| comment(number, Some(comment_id(parent)));
    let deep = (20..34)
        .map(|number| by(answer(number, number - 1), 0x4d, "mo", &format!("{number} levels of leaks")));
    let emoji = SafeText::line;
    let comments = [
        CommentView {
            reactions: [(emoji("♥"), 3), (emoji("🐟"), 1)].into(),
            my_reactions: vec![emoji("🐟")],
            ..by(
                comment(1, None),
                0x31,
                "kim",
                "Which boat? The one with the red sail, or the one that the harbour master \
                 says he has never seen before?",
            )
        },
        by(answer(2, 1), 0x4d, "mo", "The small one."),
        CommentView { state: CommentState::Deleted, text: SafeText::default(), ..answer(3, 2) },
        CommentView { edited: Some(NOW), ..by(answer(4, 3), 0xaa, "ana", "I like that boat.") },
        to_me(by(unread(5, Some(comment_id(4))), 0x1e, "lea", "So do I.")),
        by(unread(6, None), 0x1e, "lea", "Congratulations! 🎉"),
        by(answer(8, 7), 0x31, "kim", "An answer that was faster than what it answers."),
        by(comment(19, None), 0x31, "kim", "How deep is it?"),
    ];
    node.comments(post_id, comments.into_iter().chain(deep));
    let talk = node.talks.get_mut(&post_id).unwrap();
    talk.reactions = [(emoji("👍"), 2), (emoji("♥"), 12)].into();
    talk.my_reactions = vec![emoji("👍")];
    node
}

/// Pictures of one state at all sizes; a line that says what is selected is in each of them.
fn at_all_sizes(name: &str, node: impl Fn() -> FakeNode, keys: &[&str]) {
    for (columns, rows) in SIZES {
        let mut session = Session::new(node()).sized(columns, rows);
        for keys in keys {
            session.keys(keys);
        }
        insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), session.picture());
    }
}

#[test]
fn comments() {
    at_all_sizes("comments", talking, &["Enter", "] u"]);
}

#[test]
fn deep_comments() {
    at_all_sizes("comments_deep", talking, &["Enter", "G"]);
}

#[test]
fn folded_comments() {
    at_all_sizes("comments_folded", talking, &["Enter", "z M", "G", "k"]);
}

#[test]
fn counts_in_the_feed() {
    at_all_sizes("feed_talking", talking, &["j"]);
}

#[test]
fn reactions_to_choose_from() {
    at_all_sizes("picker", talking, &["Enter", "] u", "F", "l l"]);
}

#[test]
fn answering() {
    at_all_sizes("answer", talking, &["Enter", "] u", "r", "H i"]);
}

#[test]
fn answer_looked_over() {
    at_all_sizes("answer_review", talking, &["Enter", "] u", "r", "H i", "Ctrl-s"]);
}

#[test]
fn deleting() {
    at_all_sizes("delete", talking, &["Enter", "] u", "h h", "d"]);
}

#[test]
fn news_while_reading() {
    for (columns, rows) in SIZES {
        let mut session = Session::new(talking()).sized(columns, rows);
        session.keys("Enter ] u");
        let post_id = session.node.posts()[0].post_id;
        session.node.comments(post_id, [unread(50, None), unread(51, Some(comment_id(1)))]);
        session.hears(Event::ThreadChanged { post_id });
        insta::assert_snapshot!(format!("comments_news_{columns}x{rows}"), session.picture());
    }
}

#[test]
fn comments_in_ascii() {
    let theme = Theme { colours: Colours::None, glyphs: Glyphs::Ascii };
    let mut session = Session::themed(talking(), theme).sized(80, 40);
    session.keys("Enter ] u");
    insta::assert_snapshot!("comments_ascii_80x40", session.picture());
    session.keys("F");
    insta::assert_snapshot!("picker_ascii_80x40", session.picture());
}

/// Names and texts that join, stack, hide, turn and are wide, in a tree of their own.
#[test]
fn hostile_comments() {
    let texts = [
        ("Zalgo\u{301}\u{302}\u{303}\u{304}\u{305}", "e\u{301}\u{302}\u{303}\u{304}\u{305}\u{306} stacked"),
        ("\u{202e}live", "turned \u{202e}around\u{202c} \u{2066}and isolated\u{2069}"),
        ("zero\u{200b}width\u{feff}", "no\u{200b}thing \u{2060}here\u{e0041}"),
        (
            "👩\u{200d}👩\u{200d}👧\u{200d}👦",
            "👩\u{200d}👩\u{200d}👧\u{200d}👦 and 🏴\u{e0067}\u{e0062}\u{e0077}\u{e006c}\u{e0073}\u{e007f}",
        ),
        (
            "名前がとても長い人の名前がとても長い",
            "全角の文字はふたつ分の幅をとるので折り返しが難しい。全角の文字はふたつ分の幅をとる。",
        ),
        ("\u{1b}[31mred\u{7}", "\u{1b}]52;c;x\u{7} \u{9b}2J"),
        ("", "├─ mo 4d4d4d4d · 2m"),
    ];
    let hostile = || {
        let mut node = in_use();
        let post_id = node.posts()[0].post_id;
        let comments = texts.iter().zip(1_u16..).map(|((name, text), number)| CommentView {
            reactions: [(SafeText::line(name), 2)].into(),
            ..by(unread(number, (number % 3 > 0).then(|| comment_id(number - 1))), 3, name, text)
        });
        node.comments(post_id, comments);
        node
    };
    at_all_sizes("comments_hostile", hostile, &["Enter", "j", "j"]);
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
