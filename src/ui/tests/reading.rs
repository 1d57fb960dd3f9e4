//! The feed as a window into more posts than fit: paging, refreshing, never moving what is being read.

use std::time::Duration;

use super::fake::{FakeNode, post};
use super::session::{Link, Session};
use crate::api::{Event, ReadMark};
use crate::ui::timeline::WINDOW_POSTS;

fn selected(session: &Session) -> String {
    session.model.feed.selected().map(|post| post.text.to_string()).unwrap_or_default()
}

/// A post newer than all others.
fn arrives(session: &mut Session, number: u16) {
    let newer = post(number, 0x31, "kim", Duration::from_secs(50), &format!("new {number}"));
    session.node.insert(newer);
    session.hears(Event::FeedChanged).waits();
}

#[test]
fn every_post_is_reached_downwards_and_upwards_and_the_window_stays_bounded() {
    let mut session = Session::new(FakeNode::with_posts(700));
    for number in 0..700 {
        assert_eq!(selected(&session), format!("post {number}"));
        session.keys("j");
        assert!(session.model.feed.entries().len() <= WINDOW_POSTS + 50);
    }
    for number in (0..699).rev() {
        session.keys("k");
        assert_eq!(selected(&session), format!("post {number}"));
    }
}

#[test]
fn both_ends_are_one_key_away() {
    let mut session = Session::new(FakeNode::with_posts(700));
    session.keys("G").sees("post 699");
    assert_eq!(selected(&session), "post 699");
    session.keys("k k G g g").sees("post 0");
    assert_eq!(selected(&session), "post 0");
}

#[test]
fn pages_overlap_nothing_and_skip_nothing() {
    let mut session = Session::new(FakeNode::with_posts(100));
    session.keys("Ctrl-d");
    let half = session.model.feed.selected_index();
    session.keys("PageDown PageDown PageUp Ctrl-u");
    assert!(half > 0 && session.model.feed.selected_index() > half);
    session.keys("PageUp PageUp PageUp");
    assert_eq!(session.model.feed.selected_index(), 0);
}

#[test]
fn at_the_top_new_posts_appear_and_the_selection_keeps_its_post() {
    let mut session = Session::new(FakeNode::with_posts(30));
    arrives(&mut session, 900);
    session.sees("new 900").does_not_see("1 new");
    assert_eq!(selected(&session), "post 0");
}

#[test]
fn away_from_the_top_new_posts_move_nothing() {
    let mut session = Session::new(FakeNode::with_posts(300));
    session.keys("PageDown PageDown PageDown");
    let before = session.picture();
    arrives(&mut session, 900);
    arrives(&mut session, 901);
    session.sees("2 new ↑");
    let body = |picture: &str| picture.lines().skip(1).map(str::to_owned).collect::<Vec<String>>();
    assert_eq!(body(&session.picture()), body(&before));
    session.keys("g g").sees("new 901").does_not_see("new ↑");
}

#[test]
fn new_posts_beyond_the_window_are_counted_too() {
    let mut session = Session::new(FakeNode::with_posts(700));
    session.keys("G");
    arrives(&mut session, 900);
    session.sees("1 new ↑").sees("post 699");
    for number in 1_000..1_150 {
        let newer = post(number, 0x31, "kim", Duration::from_secs(40), "more");
        session.node.insert(newer);
    }
    session.hears(Event::FeedChanged).waits().sees("99+ new ↑");
}

#[test]
fn a_flood_of_changes_is_asked_for_once_at_a_time() {
    let mut session = Session::new(FakeNode::with_posts(30));
    session.link = Link::Held;
    for _ in 0..50 {
        session.hears(Event::FeedChanged);
    }
    session.node.insert(post(900, 1, "kim", Duration::ZERO, "late"));
    session.link = Link::Quick;
    session.deliver();
    session.does_not_see("late").waits().sees("late");
}

#[test]
fn an_unread_post_far_below_is_found() {
    let mut node = FakeNode::with_posts(700);
    node.mark_all_read();
    node.insert(post(900, 1, "kim", Duration::from_secs(60 * 600 + 30), "the needle"));
    let mut session = Session::new(node);
    session.keys("] u");
    assert_eq!(selected(&session), "the needle");
    session.keys("k");
    assert_eq!(selected(&session), "post 599");
    session.keys("g g G [ u");
    assert_eq!(selected(&session), "the needle");
    session.keys("\\").sees("only unread").sees("the needle").does_not_see("post");
    session.keys("m \\ \\").sees("Nothing unread.").keys("\\ ] u").sees("nothing unread this way");
}

#[test]
fn however_little_room_there_is_the_welcome_names_the_key_of_all_keys() {
    for (columns, rows) in [(120, 40), (80, 24), (40, 24), (40, 12), (40, 11), (30, 12), (24, 10), (24, 7)] {
        let mut session = Session::new(FakeNode::with_posts(0)).sized(columns, rows);
        session.sees("No posts yet.").sees("? shows every");
        session.hears(Event::StoreFailed { message: "the disk is full".to_owned() });
        session.sees("No posts yet.").sees("? shows every");
    }
}

#[test]
fn a_selected_post_that_vanishes_leaves_the_next_older_one() {
    let mut session = Session::new(FakeNode::in_use());
    session.keys("\\ j m").hears(Event::FeedChanged);
    assert!(selected(&session).starts_with("A long one"));
}

#[test]
fn a_stale_answer_changes_nothing() {
    let mut session = Session::new(FakeNode::with_posts(700));
    session.link = Link::Held;
    session.keys("G g g");
    session.deliver();
    assert_eq!(selected(&session), "post 0");
}

#[test]
fn among_unread_posts_the_next_one_is_that_behind_the_opened_one() {
    let mut session = Session::new(FakeNode::with_posts(5));
    session.keys("\\ Enter").sees("id 0000");
    for number in ["id 0001", "id 0002", "id 0003"] {
        session.hears(Event::FeedChanged).waits().keys("J").sees(number);
    }
    session.hears(Event::FeedChanged).waits().keys("] u").sees("id 0004");
}

#[test]
fn an_unread_post_far_below_is_opened_from_the_post() {
    let mut node = FakeNode::with_posts(700);
    node.mark_all_read();
    for (number, minutes) in [(900, 600), (901, 650)] {
        node.insert(post(
            number,
            1,
            "kim",
            Duration::from_secs(60 * minutes + 30),
            &format!("needle {number}"),
        ));
    }
    let mut session = Session::new(node);
    session.keys("Enter ] u").sees("needle 900").keys("] u").sees("needle 901");
    session
        .keys("J")
        .sees("post 650")
        .keys("K K")
        .sees("post 649")
        .keys("] u")
        .sees("nothing unread this way");
    assert!(session.node.posts().iter().all(|post| post.mark == ReadMark::Read));
}

#[test]
fn posts_of_one_moment_are_gone_through_one_by_one() {
    let mut node = FakeNode::with_posts(400);
    node.mark_all_read();
    for number in [900, 901, 902] {
        node.insert(post(number, 1, "kim", Duration::from_mins(350), &format!("twin {number}")));
    }
    let mut session = Session::new(node);
    session.keys("Enter ] u").sees("twin 902").keys("] u").sees("twin 901").keys("] u").sees("twin 900");
}

#[test]
fn the_next_post_is_that_behind_the_opened_one_wherever_the_feed_stands() {
    let mut session = Session::new(FakeNode::with_posts(700)).sized(120, 40);
    session.keys("G Enter").sees("id 02bb").keys("Tab g g Tab K").sees("id 02ba");
    session.keys("Tab g g Tab J").sees("id 02bb").keys("Tab g g Tab Shift-Tab G Tab J").sees("id 02bb");
    session.keys("Tab g g Enter Tab G Tab J").sees("id 0001");
}

#[test]
fn a_post_that_is_found_late_does_not_replace_what_is_read_by_then() {
    let mut node = FakeNode::with_posts(700);
    node.mark_all_read();
    node.insert(post(900, 1, "kim", Duration::from_secs(60 * 600 + 30), "the needle"));
    let mut session = Session::new(node);
    session.keys("Enter");
    session.link = Link::Held;
    session.keys("] u J");
    session.deliver();
    session.sees("id 0001").sees("1 unread");
}
