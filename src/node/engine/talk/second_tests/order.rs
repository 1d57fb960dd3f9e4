//! Who begins, what is lost or late, and which session all of it goes over.

use super::*;

#[test]
fn a_hundred_alternating_messages_are_read_by_the_other_and_every_key_is_fresh() {
    let mut two = Two::new(Known::Profiles);
    two.open();
    let mut keys = BTreeSet::new();
    for turn in 0..50 {
        two.says(&format!("message {turn}"));
        let taken = two.hears();
        assert_eq!(text_of(&taken), format!("message {turn}"));
        assert!(keys.insert(taken.key), "the engine's key of turn {turn}");
        let own = two.other.own_key(two.me.as_bytes()).unwrap();
        assert!(keys.insert(own), "the second implementation's key of turn {turn}");
        let text = format!("answer {turn}");
        let (post, id) = two.answers_text(&text);
        two.gets(&post);
        assert_eq!(two.read(id), Some(text));
    }
    assert_eq!(keys.len(), 100);
    let me = *two.me.as_bytes();
    assert_eq!(two.other.sids(&me).len(), 1, "all of it on one session");
}

#[test]
fn a_first_contact_is_recognised_whoever_begins_and_whatever_is_known() {
    for (known, strength) in [(Known::Profiles, Strength::Fresh), (Known::Ids, Strength::Weak)] {
        let mut two = Two::new(known);
        two.open();
        two.says("first");
        let taken = two.hears();
        assert_eq!((text_of(&taken), two.begun_with()), ("first", vec![strength]));
        assert_eq!(taken.from, *two.me.as_bytes(), "proven to be the engine's persona");
        let beginning = taken.inner.beginning.unwrap();
        assert_eq!((beginning.name.as_str(), beginning.life, beginning.your_life), ("ana", 0, 0));
        assert!(beginning.prekey.is_some(), "the engine's persona has a prekey");
        // The first is as good as lost: what follows brings the session too.
        let (mut late, mut second) = (Two::new(known), None);
        late.open();
        late.says("lost");
        late.post();
        late.says("second");
        second.replace(late.hears());
        assert_eq!(text_of(&second.unwrap()), "second");

        let mut two = Two::new(known);
        let (lost, _) = two.answers_text("lost");
        let (post, id) = two.answers_text("from a stranger or not");
        two.gets(&post);
        assert_eq!(two.read(id).unwrap(), "from a stranger or not");
        two.gets(&lost);
        let answer = RequestAnswer::Accept;
        two.command(Command::Talk(Talk::Answer { thread: two.thread, answer }));
        two.says("welcome");
        let taken = two.hears();
        assert_eq!(
            (text_of(&taken), &taken.inner.beginning),
            ("welcome", &None),
            "it answers on that session"
        );
        assert_eq!(taken.inner.confirmations.len(), 2);
        let me = *two.me.as_bytes();
        assert!(two.other.is_confirmed(&me, id.as_bytes()));
    }
}

#[test]
fn lost_late_and_doubled_posts_of_the_second_implementation_are_read_once() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let sent: Vec<(Post, MessageId)> = (0..12).map(|n| two.answers_text(&format!("number {n}"))).collect();
    for index in [7, 2, 2, 0, 5, 4, 9, 1, 8] {
        two.gets(&sent[index].0);
    }
    // A new chain of both, then what stayed behind on the old one.
    two.says("turn");
    two.hears();
    let (turned, id) = two.answers_text("turned");
    two.gets(&turned);
    assert_eq!(two.read(id).unwrap(), "turned");
    for index in [11, 6, 10] {
        two.gets(&sent[index].0);
    }
    for (index, (_, id)) in sent.iter().enumerate() {
        let expected = (index != 3).then(|| format!("number {index}"));
        assert_eq!(two.read(*id), expected, "message {index}");
    }
}

#[test]
fn lost_and_late_posts_of_the_engine_are_read() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let texts: Vec<String> = (0..9).map(|n| format!("number {n}")).collect();
    let mut posts = Vec::new();
    for text in &texts {
        two.says(text);
        posts.push(two.post());
    }
    let hear = |two: &mut Two, index: usize| {
        let taken = two.other.take(&posts[index], &mut two.dice).unwrap();
        assert_eq!(text_of(&taken), texts[index]);
    };
    for index in [5, 0, 4, 2] {
        hear(&mut two, index);
    }
    assert!(two.other.take(&posts[4], &mut two.dice).is_none(), "the same post a second time");
    let (post, _) = two.answers_text("turn");
    two.gets(&post);
    two.says("turned");
    assert_eq!(text_of(&two.hears()), "turned");
    for index in [8, 1, 6, 7] {
        hear(&mut two, index);
    }
}

#[test]
fn both_may_begin_at_once_and_both_send_on_the_session_that_counts_more() {
    // Of two stamps the higher counts, of equal ones the smaller sid: with many dice both happen to be either's.
    let cases = (0..4).flat_map(|dice| [(dice, Duration::ZERO), (dice, SECOND)]);
    for (dice, later) in cases {
        let mut two = Two::new(if dice % 2 == 0 { Known::Profiles } else { Known::Ids });
        two.dice = Dice::new(&format!("both begin {dice}"));
        let me = *two.me.as_bytes();
        two.open();
        two.says("crossing");
        let crossing = two.post();
        let stamp = two.bench.engine.talks.sessions.values().next().unwrap().stamp;
        let written = i64::try_from(stamp).unwrap() + i64::try_from(later.as_millis()).unwrap();
        let said = Says::Text("crossing too".to_owned(), None);
        let (post, id) = two.other.write(&me, said, written, &mut two.dice).unwrap();
        let id = MessageId::from_bytes(id);
        let own = two.other.sids(&me)[0];
        two.gets(&post);
        assert_eq!(two.read(id).unwrap(), "crossing too");
        let taken = two.other.take(&crossing, &mut two.dice).unwrap();
        assert_eq!(text_of(&taken), "crossing");
        let better = if later.is_zero() { own.min(taken.sid) } else { own };
        // The second implementation knows one that stands, so it answers there: now the engine has two that stand.
        let (post, id) = two.answers_text("on yours");
        two.gets(&post);
        assert_eq!(two.read(id).unwrap(), "on yours");
        for turn in 0..4 {
            two.says(&format!("after {turn}"));
            let taken = two.hears();
            assert_eq!((text_of(&taken), taken.sid), (format!("after {turn}").as_str(), better), "{dice}");
            assert_eq!(taken.inner.beginning, None);
            let (post, id) = two.answers_text(&format!("so {turn}"));
            two.gets(&post);
            assert_eq!(two.read(id).unwrap(), format!("so {turn}"));
        }
        assert_eq!(two.other.sids(&me).len(), 2, "no third session");
    }
}

#[test]
fn seventy_unanswered_messages_go_over_two_sessions_and_are_all_read() {
    let count = CHAIN_LENGTH + 6;
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let me = *two.me.as_bytes();
    let sessions = two.other.sids(&me).len();
    for number in 0..count {
        two.says(&format!("number {number}"));
        assert_eq!(text_of(&two.hears()), format!("number {number}"));
    }
    assert_eq!(two.other.sids(&me).len(), sessions + 1, "the engine began one more");

    let mut two = Two::new(Known::Ids);
    let sent: Vec<_> = (0..count).map(|number| two.answers_text(&format!("number {number}"))).collect();
    assert_eq!(two.other.sids(&me).len(), 2, "the second implementation began two");
    sent.iter().rev().for_each(|(post, _)| two.arrives(post));
    two.pass(SECOND * 20);
    for (number, (_, id)) in sent.iter().enumerate() {
        assert_eq!(two.read(*id), Some(format!("number {number}")));
    }
}

#[test]
fn who_was_put_back_from_a_copy_is_answered_on_a_session_of_its_new_life() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let me = *two.me.as_bytes();
    two.other.restore(two.now.as_millis());
    let (post, id) = two.answers_text("I was away");
    two.gets(&post);
    assert_eq!((two.read(id).unwrap().as_str(), two.other.sids(&me).len()), ("I was away", 2));
    two.says("welcome back");
    let taken = two.hears();
    assert_eq!(
        (text_of(&taken), &taken.inner.beginning),
        ("welcome back", &None),
        "on the session just begun"
    );
    assert_eq!(two.other.sids(&me).len(), 2);

    // The other way round: the engine's store is put back.
    two.bench
        .database
        .transaction(crate::db::Durability::Normal, |batch| batch.step(|store| store.update_lives(&[5; 32])))
        .unwrap();
    two.bench.restart();
    two.bench.engine.keys.insert(two.me, key(1));
    two.meet();
    two.says("so was I");
    let taken = two.hears();
    let beginning = taken.inner.beginning.clone().expect("a session of its own");
    assert_eq!((text_of(&taken), beginning.life > 0, beginning.your_life > 0), ("so was I", true, true));
    let (post, id) = two.answers_text("welcome back to you");
    two.gets(&post);
    assert_eq!(two.read(id).unwrap(), "welcome back to you");
    assert_eq!(two.begun_with(), [], "it was answered on that session");
}

#[test]
fn what_is_sealed_anew_is_the_same_message() {
    let mut two = Two::new(Known::Profiles);
    two.greet();
    let id = two.says("nobody confirms this");
    let first = two.post();
    two.now = two.now.after(Duration::from_hours(24 * 3 + 13));
    let again = two.post();
    assert_ne!(first.author(), again.author());
    let (late, early) = (two.other.take(&again, &mut two.dice), two.other.take(&first, &mut two.dice));
    let (late, early) = (late.unwrap(), early.unwrap());
    assert_eq!((late.inner.message, late.is_again), (*id.as_bytes(), false));
    assert_eq!((early.inner.message, early.is_again), (*id.as_bytes(), true));
    assert_eq!((late.inner.sent_ms, late.inner.said), (early.inner.sent_ms, early.inner.said));

    let me = *two.me.as_bytes();
    let (post, message) = two.answers_text("twice");
    two.gets(&post);
    let said = Says::Text("twice, and not the same".to_owned(), None);
    let now = two.now.as_millis();
    let again = two.other.write_as(&me, *message.as_bytes(), said, now, &mut two.dice).unwrap();
    two.gets(&again);
    assert_eq!(two.read(message).unwrap(), "twice", "a message that is here is not written over");
}
