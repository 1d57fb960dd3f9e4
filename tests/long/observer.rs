//! Figures of docs/privacy.md: what somebody learns who sees every line but one. With `ITSGOIN_SEED` only the history of
//! that seed is played.

use itsgoin::node::sim::crowd::{Leaving, Meeting, meet};
use itsgoin::node::sim::observer::{
    Aim, Check, Depth, Leak, Mesh, observe, observe_check, observe_leak, targets,
};

const SEEDS: std::ops::Range<u64> = 1..21;

#[test]
fn observer_of_twenty_histories_learns_nothing() {
    let seeds = super::seeds::of_environment(SEEDS);
    let observed = observe(seeds.clone(), Depth::Heads);
    println!("seeds {seeds:?}: {:?} posts of conversations, and others", observed.posts);
    println!("| check | worst | bound | seed |\n|---|---|---|---|");
    for (check, seed, verdict) in &observed.checks {
        match verdict {
            Ok(figure) => println!("| {check:?} | {:.2} | {:.2} | {seed} |", figure.worst, figure.bound),
            Err(_) => println!("| {check:?} | a finding | | {seed} |"),
        }
    }
    for (seed, finding) in &observed.findings {
        println!("seed {seed}: {finding}");
    }
    println!("| game | right |\n|---|---|");
    for (game, score) in &observed.games {
        println!("| {game:?} | {score} |");
    }
    assert_eq!(observed.findings, [], "the seeds play them again");
    assert!(observed.games.iter().all(|(_, score)| score.is_chance()));
}

#[test]
fn observer_finds_no_secret_in_any_byte() {
    let figure = observe_check(1, Check::L3, Depth::Whole).unwrap();
    println!("every window of 32 bytes of the longest conversation: {figure:?}");
}

#[test]
fn observer_sees_every_planted_leak() {
    for leak in Leak::ALL {
        match observe_leak(1, leak, Depth::Heads) {
            Ok(figure) => panic!("{leak:?} is not seen: {figure:?}"),
            Err(finding) => println!("| {leak:?} | {finding} |"),
        }
    }
}

#[test]
fn observer_counts_where_a_thousand_messages_are_pushed() {
    for mesh in [Mesh::Full, Mesh::Partial] {
        let seen = targets(1, mesh, Aim::AsItIs);
        println!("{mesh:?}, {} sends: stem {:?}, spread {:?}", seen.sends, seen.stem, seen.spread);
        for (connection, kinds) in &seen.kinds {
            let talking = if seen.talking.contains(connection) { ", talking" } else { "" };
            println!("{connection:?}{talking}: {kinds:?}");
        }
        assert!(seen.stem.are_chance() && seen.spread.are_chance());
    }
}

fn print_met(exchanges: u32) {
    println!(
        "| nodes | leaves | exchanges | nodes guessed | right after 10 | after all |\n|---|---|---|---|---|---|"
    );
    for (name, leaving) in [("over the stem", Leaving::OverTheStem), ("at once", Leaving::AtOnce)] {
        let meeting = Meeting { seed: 1, nodes: 200, spy_percent: 10, pairs: 20, exchanges, leaving };
        let met = meet(meeting);
        println!(
            "| 200 | {name} | {exchanges} | {} | {} | {} |",
            met.guesses, met.right_after_ten, met.right_at_end
        );
    }
}

#[test]
fn observer_guesses_correspondents_after_ten_exchanges() {
    print_met(10);
}

#[test]
fn observer_guesses_correspondents_after_a_hundred_exchanges() {
    print_met(100);
}
