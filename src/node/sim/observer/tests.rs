//! The short form: one history without a leak, and one with each. The long form plays twenty.

use std::time::Duration;

use super::world::Plan;
use super::*;

/// The history of the test.
const SEED: u64 = 1;
/// A shorter one, for leaks.
const SHORT: Plan = Plan {
    messages: &[60, 20],
    others: 60,
    decoys_per_hour: 20,
    public: 10,
    time: Duration::from_mins(40),
    opened: 4,
};

#[test]
fn who_sees_all_lines_but_one_learns_nothing_about_conversations() {
    let observed = observe(SEED..SEED + 1, Depth::Heads);
    println!("seed {SEED}: {:?} posts of conversations, and others", observed.posts);
    for (check, verdict) in &observed.checks {
        match verdict {
            Ok(figure) => println!("{check:?}: {:.2}, bound {:.2}", figure.worst, figure.bound),
            Err(finding) => println!("{finding}"),
        }
    }
    for (game, score) in &observed.games {
        println!("{game:?}: {score}");
    }
    let [messages, others] = observed.posts;
    assert!(messages >= 170 && others >= 250, "{messages} and {others}");
    assert!(observed.checks.iter().all(|(_, verdict)| verdict.is_ok()));
    assert!(observed.games.iter().all(|(_, score)| score.is_chance()));
}

#[test]
fn every_leak_is_seen_by_its_check() {
    let (record, truth) = play(SEED, SHORT, None);
    for (check, verdict) in checks::all(&record, &truth, Depth::Heads) {
        assert!(verdict.is_ok(), "{check:?} sees something where nothing is: {verdict:?}");
    }
    let mut missed = Vec::new();
    for leak in Leak::ALL {
        // What is seen in habits takes longer.
        let plan = if matches!(leak, Leak::AsksAgain | Leak::SpeaksUp) { PLAN } else { SHORT };
        let (record, truth) = play(SEED, plan, Some(leak));
        match checks::one(leak.check(), &record, &truth, Depth::Heads) {
            Ok(figure) => missed.push((leak, figure)),
            Err(finding) => println!("{leak:?}: {finding}"),
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}

#[test]
fn a_leak_shows_in_the_games() {
    let game = |leak, games: &[Game]| {
        let (record, truth) = play(SEED, SHORT, leak);
        let mut table = Table::default();
        table.add(&record, &truth);
        let scores = table.play();
        games.iter().all(|game| scores.iter().any(|(known, score)| known == game && score.is_chance()))
    };
    let [text, next] = [Game::Byte(2_048), Game::NextShared];
    assert!(game(None, &[text, next]));
    assert!(!game(Some(Leak::ZeroDummies), &[text]), "empty slots");
    assert!(!game(Some(Leak::FixedKey), &[next]), "one key stream");
}

#[test]
fn a_thousand_messages_are_pushed_to_who_they_are_for_as_often_as_to_others() {
    let seen = targets(SEED, Mesh::Full, Aim::AsItIs);
    println!("{} sends: stem {:?}, spread {:?}", seen.sends, seen.stem, seen.spread);
    assert!(seen.sends >= 1_000 && seen.stem.are_chance() && seen.spread.are_chance());
    let used = |talking: bool| {
        let some = seen.kinds.iter().filter(|(connection, _)| seen.talking.contains(*connection) == talking);
        some.flat_map(|(_, kinds)| kinds.keys().copied()).collect::<std::collections::BTreeSet<u16>>()
    };
    println!("kinds of frames between those who talk {:?}, and others {:?}", used(true), used(false));
    assert!(used(true).is_subset(&used(false)));
    let aimed = targets(SEED, Mesh::Full, Aim::AtRecipient);
    assert!(!aimed.stem.are_chance(), "{:?}", aimed.stem);
}
