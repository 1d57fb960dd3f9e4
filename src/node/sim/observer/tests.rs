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
    let mut missed = Vec::new();
    for leak in Leak::ALL {
        let (record, truth) = play(SEED, SHORT, Some(leak));
        match checks::one(leak.check(), &record, &truth, Depth::Heads) {
            Ok(figure) => missed.push((leak, figure)),
            Err(finding) => println!("{leak:?}: {finding}"),
        }
    }
    assert!(missed.is_empty(), "{missed:?}");
}
