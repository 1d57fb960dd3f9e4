//! The table of `docs/spread.md`: how what is new spreads among 10 to 10,000 holders.

use itsgoin::node::sim::crowd::{HEAD, Setting, survey};

const SEED: u64 = 1;
/// Holders and how many such crowds, shares of pulled peers that hold it, shares of holders that are away.
const CROWDS: &[(usize, u64, &[u32], &[usize])] = &[
    (10, 20, &[1, 10, 25, 100], &[0, 30, 50]),
    (100, 5, &[1, 10, 25, 100], &[0, 30, 50]),
    (1_000, 1, &[1, 10, 25, 100], &[0, 30, 50]),
    (10_000, 1, &[1, 100], &[0, 50]),
];

#[test]
fn spread_among_ten_to_ten_thousand_holders() {
    println!("seed {SEED}\n{HEAD}");
    for (holders, crowds, shares, offline) in CROWDS {
        // Two at a time.
        for pair in shares.chunks(2) {
            let surveys: Vec<_> = pair
                .iter()
                .map(|share| {
                    let setting =
                        Setting { seed: SEED, holders: *holders, holding_percent: *share, fault: None };
                    std::thread::spawn(move || survey(setting, *crowds, offline))
                })
                .collect();
            for row in surveys.into_iter().flat_map(|thread| thread.join().expect("it ends")) {
                println!("{row}");
            }
        }
    }
}
