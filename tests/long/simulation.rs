//! Many more histories than the library's own tests play.

use std::ops::Range;

use itsgoin::node::sim::{Report, Violation, play};

/// The library's test plays the first hundred of these.
const SEEDS: u64 = 2_000;
const THREADS: u64 = 2;

fn play_every(seeds: Range<u64>, thread: u64) -> Result<Report, Violation> {
    let mut all = Report::default();
    for seed in seeds.filter(|seed| seed % THREADS == thread) {
        all += play(seed, None)?;
    }
    Ok(all)
}

#[test]
fn two_thousand_histories_keep_every_promise() {
    let threads: Vec<_> =
        (0..THREADS).map(|thread| std::thread::spawn(move || play_every(0..SEEDS, thread))).collect();
    let mut all = Report::default();
    for thread in threads {
        match thread.join().expect("a history ends") {
            Ok(report) => all += report,
            Err(violation) => panic!("{violation}"),
        }
    }
    println!("{SEEDS} histories: {all:?}");
}
