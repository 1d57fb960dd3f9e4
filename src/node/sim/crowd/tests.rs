//! Small crowds, and proof that a crowd in which nothing spreads is noticed.

use super::*;

const SEED: u64 = 1;

fn setting(holders: usize, holding_percent: u32) -> Setting {
    Setting { seed: SEED, holders, holding_percent, fault: None }
}

/// Pulled peers that all hold it carry it everywhere; without peers that hold it nothing does.
#[test]
fn what_is_new_spreads_among_peers_that_pull_each_other() {
    println!("seed {SEED}\n{HEAD}");
    for holders in [10, 100, 300] {
        for row in survey(setting(holders, 100), 1, &[0, 30]) {
            println!("{row}");
            assert_eq!(row.measured.is_everywhere(), row.pulling == Pulling::On, "{row}");
            assert!(row.measured.hops(100) <= 12, "{row}");
            assert!(row.measured.payloads <= 4 * u64::try_from(row.measured.online).unwrap(), "{row}");
        }
    }
    let alone = survey(setting(100, 1), 1, &[0]);
    assert!(alone.iter().all(|row| !row.measured.is_everywhere()), "a crowd in which nothing spreads");
}

#[test]
fn a_crowd_can_be_gathered_again() {
    assert_eq!(survey(setting(30, 50), 2, &[0, 30]), survey(setting(30, 50), 2, &[0, 30]));
}
