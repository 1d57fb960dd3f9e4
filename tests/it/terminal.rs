//! The interface as a person meets it: a real terminal, a real node behind it, a real other one.

use std::time::Duration;

use super::output::{check, pieces, sets_colour};
use super::program::{Home, field};
use super::screen::{Left, Screen, lose_pictures};

const CTRL_S: &str = "\u{13}";
const ENTER: &str = "\r";

/// A person with a first post, on the screen.
fn begun(home: &Home) -> Screen {
    home.post("good morning");
    let mut screen = Screen::open(home);
    screen.sees("good morning").sees("no peers");
    screen
}

#[test]
fn from_nothing_to_a_feed_and_a_post_that_arrives() {
    let (lea, ana) = (Home::of("lea"), Home::empty());
    let _node = lea.serve();
    lea.post("the boat is back");
    let mut screen = Screen::open(&ana);
    screen.sees("What is your name?").types("ana").sees("ana").types(ENTER);
    screen.sees("A passphrase for your keys").types(ENTER);
    screen.sees("Paste an invite").pastes(&lea.invite()).sees("then press Enter");
    screen.presses_until(ENTER, "you follow lea").sees("1 peer").types("gf").sees("the boat is back");
    let later = lea.post("and it floats");
    screen.sees("and it floats").sees("1 unread");
    lea.one(&["follow", &ana.invite()]);
    screen.types("c").sees("New post").types("hello lea").sees("hello lea");
    screen.types(CTRL_S).sees("Review").sees("to everybody").types("y").sees("posted");
    let post = super::program::wait_for("the post of the person", || {
        lea.list(&["feed"]).into_iter().find(|post| post["text"] == "hello lea")
    });
    assert_eq!(field(&post, "author_name"), "ana");
    ana.wait_for_post(&later);
    screen.types("q");
    assert_restored(&screen.left());
}

#[test]
fn an_answer_typed_here_is_read_there_and_what_comes_back_waits_for_a_key() {
    let (lea, ana) = (Home::of("lea"), Home::of("ana"));
    let _node = lea.serve();
    let post = lea.post("the boat is back");
    ana.one(&["follow", &lea.invite()]);
    let mut screen = Screen::open(&ana);
    screen.sees("the boat is back").types(ENTER).sees("id ").types("r").sees("answers lea");
    screen
        .types("which boat?")
        .sees("which boat?")
        .types(CTRL_S)
        .sees("in answer to lea")
        .types("y")
        .sees("answered");
    let comment = super::program::wait_for("the answer at its author", || {
        lea.list(&["thread", &post]).into_iter().find(|line| line["text"] == "which boat?")
    });
    let answer = lea.one(&["reply", &field(&comment, "operation_id"), "the small one"]);
    screen.sees("1 new comment").types(".").sees("the small one").sees("to you");
    screen.types("jf").sees("[♥ 1]");
    let answer = field(&answer, "operation_id");
    super::program::wait_until("the reaction at its author", || {
        let lines = lea.list(&["thread", &post]);
        lines.iter().any(|line| line["operation_id"] == answer.as_str() && line["reactions"]["♥"] == 1)
    });
    screen.types("q").sees("2 replies").types("q");
    assert_restored(&screen.left());
}

#[test]
fn a_locked_directory_asks_for_its_passphrase_and_shows_nothing_before() {
    let home = Home::of("ana");
    home.post("good morning");
    home.run_with(&["vault", "passphrase", "--new-passphrase-fd", "0"], b"open sesame\n");
    let mut screen = Screen::open(&home);
    screen.sees("What is the passphrase?").types("open").types(ENTER).sees("does not open");
    assert!(!screen.picture().contains("good morning"));
    screen.types("open sesame").sees("not shown").types(ENTER).sees("good morning");
    screen.types("q");
    let left = screen.left();
    assert!(left.success);
    assert!(!String::from_utf8(left.bytes).unwrap().contains("sesame"), "nothing of it was echoed");
}

#[test]
fn a_command_in_a_terminal_asks_for_the_passphrase_and_shows_nothing_of_it() {
    let home = Home::of("ana");
    home.post("good morning");
    home.run_with(&["vault", "passphrase", "--new-passphrase-fd", "0"], b"open sesame\n");
    let mut screen = Screen::run(&home, &["feed"]);
    screen.sees("Passphrase:").types("open sesamee\u{7f}\r").sees("good morning");
    let left = screen.left();
    assert!(left.success);
    assert_eq!(left.settings.0, left.settings.1);
    assert!(!String::from_utf8(left.bytes).unwrap().contains("sesam"), "nothing of it was echoed");
    let mut screen = Screen::run(&home, &["vault", "passphrase"]);
    screen.sees("Passphrase:").types("open sesame\r").sees("New passphrase:").types("one\r");
    screen.sees("The same again:").types("two\r").sees("two different passphrases");
    let left = screen.left();
    assert!(!left.success);
    assert_eq!(left.settings.0, left.settings.1);
    let mut screen = Screen::run(&home, &["feed"]);
    screen.sees("Passphrase:").types("\u{3}").sees("no passphrase was given");
    assert!(!screen.left().success);
}

/// The terminal is as it was before.
fn assert_restored(left: &Left) {
    assert!(left.success && left.is_restored);
    assert_eq!(left.settings.0, left.settings.1);
    assert!(left.settings.0.contains("Termios"), "{}", left.settings.0);
    let output = String::from_utf8(left.bytes.clone()).unwrap();
    for mode in ["?1049", "?2004"] {
        let (on, off) = (format!("\u{1b}[{mode}h"), format!("\u{1b}[{mode}l"));
        assert_eq!((output.matches(&on).count(), output.matches(&off).count()), (1, 1), "{mode}");
    }
    assert!(output.rfind("\u{1b}[?25h") > output.rfind("\u{1b}[?25l"), "the cursor is shown");
    assert_eq!(output.matches("\u{1b}[?2026h").count() + 1, output.matches("\u{1b}[?2026l").count());
    let given_back = "\u{1b}[?2026l\u{1b}[?2004l\u{1b}[?1049l\u{1b}[?25h";
    let (_, after) = output.rsplit_once(given_back).unwrap();
    assert_eq!(after.replace("\u{1b}[?25h", ""), "", "nothing but the cursor comes afterwards");
    check(&left.bytes, 80, 24).unwrap();
}

#[test]
fn q_gives_the_terminal_back() {
    let home = Home::of("ana");
    let mut screen = begun(&home);
    screen.types("q");
    assert_restored(&screen.left());
    assert_eq!(home.texts(), ["good morning"], "the directory is free again");
}

#[test]
fn signals_give_the_terminal_back_and_save_the_draft() {
    for signal in ["TERM", "HUP", "INT"] {
        let home = Home::of("ana");
        let mut screen = begun(&home);
        screen.types("c").sees("New post").types("half a thought").sees("half a thought");
        screen.send_signal(signal);
        assert_restored(&screen.left());
        let mut again = Screen::open(&home);
        again.sees("an unfinished post waits").types("c").sees("half a thought");
    }
}

#[test]
fn a_terminal_that_fails_before_it_hangs_up_costs_no_text() {
    let home = Home::of("ana");
    lose_pictures(&home, "chalf a thought", "half a thought");
    let mut again = Screen::open(&home);
    again.sees("an unfinished post waits").types("c").sees("half a thought!");
}

#[test]
fn a_storm_of_sizes_leaves_a_whole_picture() {
    let home = Home::of("ana");
    let mut screen = begun(&home);
    let at_rest = screen.picture();
    for round in 0..150_u16 {
        let (columns, rows) = (1 + round * 37 % 160, 1 + round * 13 % 50);
        screen.resize(columns, rows);
        screen.types(["j", "\r", "h", "gp", "gw", "gf"][usize::from(round % 6)]);
    }
    // Keys at the moment of a change of size may wait for the next key (crossterm).
    screen.resize(80, 24).presses_until("gf", " itsgoin · Feed").sees("good morning");
    screen.rests();
    assert_eq!(screen.picture(), at_rest);
    screen.types("q");
    assert!(screen.left().success);
}

#[test]
fn without_colour_only_attributes_are_used() {
    let home = Home::of("ana");
    home.post("good morning");
    let mut screen = Screen::open_with(&home, &[("NO_COLOR", "1")]);
    screen.sees("good morning").types("j").types(ENTER).sees("public").types("gp").sees("People");
    screen.types("gw").sees("this node").types("q").types("q");
    let colourless = pieces(&screen.left().bytes).unwrap();
    assert!(!colourless.iter().any(sets_colour));
    let coloured = begun(&home);
    assert!(pieces(&coloured.bytes()).unwrap().iter().any(sets_colour), "this can be told apart");
}

#[test]
fn an_idle_screen_writes_nothing() {
    let (lea, ana) = (Home::of("lea"), Home::of("ana"));
    let _node = lea.serve();
    ana.one(&["follow", &lea.invite()]);
    let mut screen = Screen::open(&ana);
    lea.post("good morning");
    screen.sees("good morning").sees("1 peer");
    screen.rests();
    assert!(screen.is_still_for(Duration::from_secs(2)));
    screen.types("j");
    assert!(!screen.is_still_for(Duration::from_secs(2)), "a key is seen, so this can fail");
}
