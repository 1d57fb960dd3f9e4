//! Small crowds, and proof that a crowd in which nothing spreads is noticed.

use super::*;
use crate::node::engine::Fault;

const SEED: u64 = 1;

fn setting(holders: usize, holding_percent: u32) -> Setting {
    Setting { seed: SEED, holders, holding_percent, fault: None }
}

/// Seats carry it everywhere, whether pulls help or not and whoever is pulled.
#[test]
fn what_is_new_reaches_everybody_over_seats() {
    println!("seed {SEED}\n{HEAD}");
    for holders in [10, 100, 300] {
        for row in survey(setting(holders, 100), 1, &[0, 30]) {
            println!("{row}");
            assert!(row.measured.is_everywhere(), "{row}");
            assert!(row.measured.hops(100) <= 12, "{row}");
            assert!(row.measured.payloads <= 4 * u64::try_from(row.measured.online).unwrap(), "{row}");
        }
    }
    for row in survey(setting(100, 1), 1, &[0]) {
        println!("{row}");
        assert!(row.measured.is_everywhere(), "{row}");
    }
}

/// Without seats and without peers that hold it, nothing spreads: the measurement is not blind.
#[test]
fn without_seats_and_pulled_holders_it_does_not_spread() {
    let alone = survey(Setting { fault: Some(Fault::PlainLru), ..setting(100, 1) }, 1, &[0]);
    assert!(alone.iter().all(|row| !row.measured.is_everywhere()), "a crowd in which nothing spreads");
}

#[test]
fn a_crowd_can_be_gathered_again() {
    assert_eq!(survey(setting(30, 50), 2, &[0, 30]), survey(setting(30, 50), 2, &[0, 30]));
}
