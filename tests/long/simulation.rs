//! Many more histories than the library's own tests play; with `ITSGOIN_SEED` only the one of that seed.

use std::ops::Range;

use itsgoin::node::sim::{Copies, Report, Violation, play, play_talking};

/// The library's test plays the first hundred of these.
const SEEDS: u64 = 2_000;
const THREADS: u64 = 2;

fn play_every(seeds: Range<u64>, thread: u64) -> (Report, Vec<Violation>) {
    let (mut all, mut violations) = (Report::default(), Vec::new());
    for seed in seeds.filter(|seed| seed % THREADS == thread) {
        match play(seed, None) {
            Ok(report) => all += report,
            Err(violation) => violations.push(violation),
        }
    }
    (all, violations)
}

/// Histories of people who write to each other; the library's tests play the first twelve.
const TALKING_SEEDS: u64 = 300;

#[test]
fn three_hundred_histories_lose_no_message_and_show_none_twice() {
    let mut violations = Vec::new();
    for copies in [Copies::None, Copies::PutBack] {
        let mut all = Report::default();
        for seed in 0..TALKING_SEEDS {
            match play_talking(seed, copies) {
                Ok(report) => all += report,
                Err(violation) => violations.push(format!("{copies:?}: {violation}")),
            }
        }
        println!("{copies:?}: {all:?}");
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn two_thousand_histories_keep_every_promise() {
    let seeds = super::seeds::of_environment(0..SEEDS);
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let seeds = seeds.clone();
            std::thread::spawn(move || play_every(seeds, thread))
        })
        .collect();
    let (mut all, mut violations) = (Report::default(), Vec::new());
    for thread in threads {
        let (report, broken) = thread.join().expect("a history ends");
        all += report;
        violations.extend(broken);
    }
    for violation in &violations {
        println!("{violation}");
    }
    println!("histories {seeds:?}: {all:?}");
    assert_eq!(violations, [], "the seeds play them again");
}
