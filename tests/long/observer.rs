//! Figures of docs/privacy.md: what somebody learns who sees every line but one.

use itsgoin::node::sim::observer::{Depth, Leak, observe, observe_leak};

const SEEDS: std::ops::Range<u64> = 1..21;

#[test]
fn observer_of_twenty_histories_learns_nothing() {
    let observed = observe(SEEDS, Depth::Whole);
    println!("{SEEDS:?}: {:?} posts of conversations, and others", observed.posts);
    println!("| check | worst | bound |\n|---|---|---|");
    for (check, verdict) in &observed.checks {
        match verdict {
            Ok(figure) => println!("| {check:?} | {:.2} | {:.2} |", figure.worst, figure.bound),
            Err(finding) => println!("| {check:?} | {finding} | |"),
        }
    }
    println!("| game | right |\n|---|---|");
    for (game, score) in &observed.games {
        println!("| {game:?} | {score} |");
    }
    assert!(observed.checks.iter().all(|(_, verdict)| verdict.is_ok()));
    assert!(observed.games.iter().all(|(_, score)| score.is_chance()));
}

#[test]
fn observer_sees_every_planted_leak() {
    for leak in Leak::ALL {
        match observe_leak(1, leak, Depth::Whole) {
            Ok(figure) => panic!("{leak:?} is not seen: {figure:?}"),
            Err(finding) => println!("| {leak:?} | {finding} |"),
        }
    }
}
