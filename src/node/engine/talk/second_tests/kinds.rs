//! Everything that can be said, both ways: texts of every size, what refers to other messages, confirmations.

use super::*;

#[test]
fn the_size_of_a_post_follows_from_its_text_on_both_sides() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    for (bytes, size) in [(830, 2_048), (831, 8_192), (6_974, 8_192), (6_975, 32_768)] {
        let text = "x".repeat(bytes);
        two.says(&text);
        let post = two.post();
        assert_eq!(post.bytes.len() + 64, size, "{bytes} bytes of text");
        assert_eq!(post.day(), crate::domain::sealed::day_of(two.now));
        let taken = two.other.take(&post, &mut two.dice).unwrap();
        assert_eq!(text_of(&taken), text);
        let (post, id) = two.answers_text(&text);
        assert_eq!(post.bytes.len() + 64, size, "{bytes} bytes of text of the other");
        two.gets(&post);
        assert_eq!(two.read(id), Some(text));
    }
}

#[test]
fn every_kind_of_the_engine_is_understood() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let (post, theirs) = two.answers_text("quote me");
    two.gets(&post);
    let (thread, me) = (two.thread, *two.me.as_bytes());
    let quote = MessageKey { from: two.id(), message_id: theirs };
    let meant = (two.other.id(), *theirs.as_bytes());
    let mine = two.does(Talk::Send { thread, text: "quoting".to_owned(), quote: Some(quote), draft: None });
    let taken = two.hears();
    assert_eq!(taken.inner.message, *mine.as_bytes());
    assert_eq!(taken.inner.said, Says::Text("quoting".to_owned(), Some(meant)));
    assert_eq!(taken.inner.sent_ms / 60_000, two.now.as_millis() / 60_000, "the time it was written");
    assert!(two.other.is_confirmed(&me, theirs.as_bytes()));
    let emoji = || "👍".to_owned();
    for (switch, on) in [(ReactionSwitch::On, true), (ReactionSwitch::Off, false)] {
        two.does(Talk::React { thread, message: quote, emoji: emoji(), switch });
        assert_eq!(two.hears().inner.said, Says::Reaction(meant, emoji(), on));
    }
    let message = MessageKey { from: two.me, message_id: mine };
    two.does(Talk::Edit { thread, message, text: "quoted".to_owned(), draft: None });
    assert_eq!(two.hears().inner.said, Says::Edit(*mine.as_bytes(), "quoted".to_owned()));
    two.does(Talk::Delete { thread, message });
    assert_eq!(two.hears().inner.said, Says::Deletion(*mine.as_bytes()));
}

#[test]
fn every_kind_of_the_second_implementation_is_understood() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let mine = two.says("mine");
    two.hears();
    let meant = (*two.me.as_bytes(), *mine.as_bytes());
    let (post, quoting) = two.answers(Says::Text("quoting".to_owned(), Some(meant)));
    two.gets(&post);
    let kept = two.find(two.id(), quoting).unwrap();
    assert_eq!((kept.text.as_str(), kept.quote), ("quoting", Some((two.me, mine))));
    for on in [true, false] {
        let (post, _) = two.answers(Says::Reaction(meant, "👍".to_owned(), on));
        two.gets(&post);
        let reactions = two.find(two.me, mine).unwrap().reactions;
        let found: Vec<_> = reactions.iter().map(|one| (one.from, one.emoji.as_str(), one.is_on)).collect();
        assert_eq!(found, [(two.id(), "👍", on)]);
    }
    let (post, _) = two.answers(Says::Edit(*quoting.as_bytes(), "quoted".to_owned()));
    two.gets(&post);
    let kept = two.find(two.id(), quoting).unwrap();
    assert_eq!((kept.text.as_str(), kept.edited.is_some()), ("quoted", true));
    let (post, _) = two.answers(Says::Deletion(*quoting.as_bytes()));
    two.gets(&post);
    let kept = two.find(two.id(), quoting).unwrap();
    assert_eq!((kept.text.as_str(), kept.is_deleted), ("", true));
    // Somebody else's message is not deleted by that.
    let (post, _) = two.answers(Says::Deletion(*mine.as_bytes()));
    two.gets(&post);
    assert!(!two.find(two.me, mine).unwrap().is_deleted);
}

#[test]
fn confirmations_count_on_both_sides_with_a_message_and_alone() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let me = *two.me.as_bytes();
    let mine = two.says("is it there?");
    two.hears();
    assert!(matches!(two.find(two.me, mine).unwrap().state, StoredDelivery::Sent { .. }));
    let (post, theirs) = two.answers(Says::Nothing);
    two.gets(&post);
    assert_eq!(two.find(two.me, mine).unwrap().state, StoredDelivery::Arrived);
    assert_eq!(two.read(theirs), None, "a confirmation is no message");
    let (post, theirs) = two.answers_text("and mine?");
    two.gets(&post);
    assert!(!two.other.is_confirmed(&me, theirs.as_bytes()));
    two.pass(Duration::from_mins(62));
    let taken = two.hears();
    assert_eq!(taken.inner.said, Says::Nothing, "nobody wrote, so it is confirmed alone");
    assert!(two.other.is_confirmed(&me, theirs.as_bytes()));
    assert!(two.sealed.is_empty(), "a confirmation is not confirmed");
}
