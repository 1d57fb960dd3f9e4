//! Text that was written to take over a terminal, sent from one node to another: wherever it is shown there, it is
//! shown and nothing else.

use std::collections::BTreeSet;

use itsgoin::limits::{COMMENT_TEXT_BYTES, POST_TEXT_BYTES};

use super::output::{Piece, check};
use super::program::{Home, field, wait_for, wait_until};
use super::screen::Screen;

const ENTER: &str = "\r";
const CTRL_S: &str = "\u{13}";

/// What is posted: each begins with a word that can be looked for.
fn hostile_texts() -> Vec<(&'static str, String)> {
    let seven_bit = "\u{1b}[31mred\u{1b}[3J\u{1b}[07;07H\u{1b}[6n\u{1b}[?1000h\u{1b}[8m\u{1b}c\u{1b}(0";
    let strings = "\u{1b}]0;title\u{7}\u{1b}Pq#0\u{1b}\\\u{1b}_Gi=1\u{1b}\\\u{1b}^x\u{1b}\\\u{1b}Xy\u{1b}\\";
    let eight_bit = "\u{9b}31mred\u{9b}2J\u{9d}0;title\u{9c}\u{90}q\u{9c}\u{9f}G\u{9c}\u{85}\u{8d}";
    let direction = "abc\u{202e}fdp.exe\u{202c}\u{2066}x\u{2069}\u{200f}\u{61c}\u{2028}z";
    let invisible = "a\u{200b}b\u{feff}c\u{2060}d\u{ad}e\u{200d}f\u{fe0f}g\u{e0041}\u{3164}h\u{115f}\u{34f}";
    vec![
        ("sevenbit", seven_bit.to_owned()),
        ("strings", strings.to_owned()),
        (
            "clipboard",
            "\u{1b}]52;c;cm0gLXJmIH4=\u{7}\u{1b}]52;c;cm0=\u{1b}\\\u{9d}52;c;cm0=\u{9c}".to_owned(),
        ),
        ("eightbit", eight_bit.to_owned()),
        ("controls", "\0\u{1}\u{8}\u{8}\u{b}\u{c}\r\u{e}\u{f}\u{7f}".repeat(200)),
        ("direction", direction.to_owned()),
        ("invisible", invisible.to_owned()),
        ("marks", format!("e{}", "\u{301}".repeat(15 * 1024 / 2))),
        ("cluster", one_cluster(POST_TEXT_BYTES - "cluster ".len())),
        ("flags", "\u{1f1e6}".repeat(4_000)),
    ]
}

/// One grapheme cluster that fills so many bytes, or nearly.
fn one_cluster(bytes: usize) -> String {
    let joined = "\u{200d}👩";
    format!("👩{}", joined.repeat((bytes - "👩".len()) / joined.len()))
}

/// Two nodes; the first one has posted all of it, under a name that is no better.
fn post_everything() -> (Home, BTreeSet<String>) {
    let ana = Home::of("ana\u{202e}gpj\u{200b}e\u{301}\u{301}\u{301}");
    let mut ids = BTreeSet::new();
    for (word, text) in hostile_texts() {
        let said = ana.run_with(&["post", "-", "--json"], format!("{word} {text}").as_bytes());
        assert_eq!(said.code, Some(0), "{word}: {}", said.stderr);
        ids.insert(field(&serde_json::from_str(&said.stdout).unwrap(), "post_id"));
    }
    (ana, ids)
}

/// Fails when a text of several lines could do anything to the terminal it is printed to.
fn assert_harmless(text: &str) {
    for line in text.lines() {
        let pieces = check(line.as_bytes(), 0, 0).unwrap();
        assert!(pieces.iter().all(|piece| matches!(piece, Piece::Shown(_))), "{line:?}");
    }
}

#[test]
fn hostile_posts_are_shown_and_do_nothing_else() {
    let (ana, ids) = post_everything();
    let ben = Home::of("ben");
    let _node = ana.serve();
    ben.one(&["follow", &ana.invite()]);
    let mut screen = Screen::open(&ben);
    wait_until("all posts", || ids_of(&ben) == ids);
    read_in_the_command_line(&ben);
    read_in_every_pane(&mut screen);
    let left = screen.left();
    assert!(left.success);
    let pieces = check(&left.bytes, 120, 40).unwrap();
    let is_clearing = |piece: &&Piece| matches!(piece, Piece::Sequence { last: 'J', .. });
    let clears = pieces.iter().filter(is_clearing).count();
    // One at the start, and a few for each new size: no text of others adds any.
    assert!((3..=7).contains(&clears), "{clears}");
}

fn ids_of(home: &Home) -> BTreeSet<String> {
    home.feed().iter().map(|post| field(post, "post_id")).collect()
}

fn read_in_the_command_line(home: &Home) {
    for arguments in [&["feed"][..], &["people"]] {
        for json in [&[][..], &["--json"]] {
            let said = home.run(&[arguments, json].concat());
            assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""));
            assert_harmless(&said.stdout);
        }
    }
    for post in home.feed() {
        for text in ["text", "author_name"] {
            assert_harmless(&field(&post, text));
        }
        let said = home.run(&["thread", &field(&post, "post_id")]);
        assert_harmless(&said.stdout);
    }
    let texts = home.texts();
    let find = |word| texts.iter().find(|text| text.starts_with(word)).unwrap();
    assert_eq!(find("clipboard").matches("52;c;cm0").count(), 3, "it is shown, not hidden");
    assert!(find("sevenbit").contains("␛[31mred"));
    assert_eq!(find("invisible"), "invisible abcdefgh");
    assert!(find("marks").len() < 100 && find("cluster").len() < 100);
}

fn read_in_every_pane(screen: &mut Screen) {
    screen.sees("flags").types("gg");
    let words: Vec<&str> = hostile_texts().iter().map(|(word, _)| *word).rev().collect();
    for word in &words {
        screen.types(ENTER).sees("public").sees(word).types("G").sees("id ").types("gg").sees("public");
        screen.types("h").sees("itsgoin · Feed").types("j");
    }
    screen.types("gp").sees("You follow 1.").types("gw").sees("this node").types("gfgg").sees("· Feed");
    // Keys at the moment of a change of size may wait for the next key (crossterm): so none is on its way then.
    screen.resize(120, 40).sees(" Post ").types(ENTER).sees("UTC").types("G").sees("id ");
    screen.resize(40, 12).sees(" Post ").rests();
    screen.types("gg").sees("UTC").types("h").sees("Feed").types("gggp").sees("You follow 1.");
    screen.types("gf").sees("Feed").types("q");
}

/// As much of a text as a comment may have.
fn cut(text: &str) -> &str {
    let ends = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let end = ends.take_while(|end| *end <= COMMENT_TEXT_BYTES).last();
    text.get(..end.unwrap_or(0)).unwrap()
}

/// All of it as comments, each in answer to the one before.
fn comment_everything() -> (Home, String) {
    let ana = Home::of("ana\u{202e}gpj\u{200b}e\u{301}\u{301}\u{301}");
    let post = ana.post("Say what you think.");
    let mut target = post.clone();
    for (word, text) in hostile_texts() {
        let text = format!("{word} {text}");
        let said = ana.run_with(&["reply", &target, "-", "--json"], cut(&text).as_bytes());
        assert_eq!(said.code, Some(0), "{word}: {}", said.stderr);
        target = field(&serde_json::from_str(&said.stdout).unwrap(), "operation_id");
    }
    (ana, post)
}

#[test]
fn hostile_comments_are_shown_and_do_nothing_else() {
    let (ana, post) = comment_everything();
    let ben = Home::of("ben");
    let _node = ana.serve();
    ben.one(&["follow", &ana.invite()]);
    let mut screen = Screen::open(&ben);
    ben.wait_for_post(&post);
    wait_until("all comments", || ben.list(&["thread", &post]).len() == hostile_texts().len() + 1);
    assert_harmless(&ben.run(&["thread", &post]).stdout);
    let (first, _) = hostile_texts().remove(0);
    screen.sees("10 replies").types(ENTER).sees("id ").sees(first);
    for (word, _) in hostile_texts() {
        screen
            .types("l")
            .sees(word)
            .types("r")
            .sees(&format!(": {word}"))
            .types("\u{1b}")
            .sees("itsgoin · Post");
    }
    screen
        .types("zM")
        .sees("+ 9 answers")
        .types("F")
        .sees("React to")
        .types("\u{1b}")
        .sees("j/k move")
        .types("zR");
    screen.resize(120, 40).sees(" Post ").rests();
    screen.types("G").resize(40, 12).sees(" Post ").rests();
    screen.types("k").types("gg").sees("public").types("q").sees("Feed").types("q");
    let left = screen.left();
    assert!(left.success);
    check(&left.bytes, 120, 40).unwrap();
}

/// A terminal that does not take the end of a paste out of it lets the paste end itself.
#[test]
fn a_paste_that_ends_itself_sends_nothing() {
    let home = Home::of("ana");
    let mut screen = Screen::open(&home);
    screen.sees("No posts yet").types("c").sees("New post");
    screen.pastes(&format!("my notes\u{1b}[201~{CTRL_S}yyy\u{1b}[200~")).sees("my notes");
    screen.rests();
    assert!(screen.picture().contains("New post"), "{}", screen.picture());
    assert!(home.texts().is_empty());
    screen.presses_until(CTRL_S, "Review").types("y").sees("posted");
    wait_for("the post that was meant", || (home.texts().len() == 1).then_some(()));
}

#[test]
#[should_panic(expected = "an escape sequence that is no CSI")]
fn a_hostile_stream_is_noticed() {
    let (_, clipboard) = hostile_texts().swap_remove(2);
    assert_harmless(&format!("before {clipboard}"));
}

#[test]
fn every_hostile_text_would_be_noticed_in_the_raw_stream() {
    for (word, text) in hostile_texts() {
        let is_noticed = check(text.as_bytes(), 120, 40).is_err();
        // Flags are only a burden to whoever counts columns.
        assert_eq!(is_noticed, word != "flags", "{word}");
    }
}
