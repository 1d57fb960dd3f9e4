//! The tables of `docs/spread.md`: how what is new spreads among 10 to 10,000 holders, and what it costs. One test at a
//! time: two crowds of ten thousand take 10 GB.

use std::time::Duration;

use itsgoin::node::sim::crowd::{Crowd, Day, First, HEAD, Rule, Setting, survey};

const SEED: u64 = 1;
/// Holders and how many such crowds, shares of pulled peers that hold it, shares of holders that are away.
const CROWDS: &[(usize, u64, &[u32], &[usize])] = &[
    (10, 20, &[1, 10, 25, 100], &[0, 30, 50]),
    (100, 5, &[1, 10, 25, 100], &[0, 30, 50]),
    (1_000, 1, &[1, 10, 25, 100], &[0, 30, 50]),
];
const LARGEST: (usize, u64, &[u32], &[usize]) = (10_000, 1, &[1, 100], &[0, 50]);

/// Two at a time.
fn print_rows((holders, crowds, shares, offline): (usize, u64, &[u32], &[usize]), rule: Rule) {
    for pair in shares.chunks(2) {
        let surveys: Vec<_> = pair
            .iter()
            .map(|share| {
                let (setting, offline) = (Setting::new(SEED, holders, *share, rule), offline.to_owned());
                std::thread::spawn(move || survey(setting, crowds, &offline))
            })
            .collect();
        for row in surveys.into_iter().flat_map(|thread| thread.join().expect("it ends")) {
            println!("{row}");
        }
    }
}

#[test]
fn spread_among_ten_to_a_thousand_holders() {
    println!("seed {SEED}\n{HEAD}");
    for crowd in CROWDS {
        print_rows(*crowd, Rule::Seats);
        print_rows(*crowd, Rule::PlainLru);
    }
}

#[test]
fn spread_among_ten_thousand_holders_over_seats() {
    println!("seed {SEED}\n{HEAD}");
    print_rows(LARGEST, Rule::Seats);
}

#[test]
fn spread_among_ten_thousand_holders_by_plain_lru() {
    println!("seed {SEED}\n{HEAD}");
    print_rows(LARGEST, Rule::PlainLru);
}

#[test]
fn spread_half_open_seats_at_ten_percent_loss() {
    for holders in [100, 1_000] {
        let setting = Setting { loss_percent: 10, ..Setting::new(SEED, holders, 1, Rule::Seats) };
        let mut crowd = Crowd::gather(setting);
        crowd.rest(Duration::from_mins(1));
        println!("{holders} holders, 10 % of the streams lost: {:?}", crowd.seating());
    }
}

#[test]
fn spread_in_a_flash_crowd() {
    for (joiners, minutes) in [(1_000, 6), (10_000, 60)] {
        let setting = Setting::new(SEED, 10, 1, Rule::Seats);
        let (mut crowd, waits) = Crowd::flash(setting, joiners, Duration::from_mins(minutes));
        let [p50, p95] = [50, 95].map(|percent| waits.within(percent));
        println!(
            "{joiners} joiners in {minutes} min: two seats p50 {p50:?} p95 {p95:?}, {} without",
            waits.unseated
        );
        println!("{:?}", crowd.seating());
    }
}

#[test]
fn spread_under_siege() {
    for honest in [3, 20] {
        for first in [First::Honest, First::Sybils] {
            let siege = Crowd::besiege(Setting::new(SEED, honest, 100, Rule::Seats), 50, first);
            let (theirs, all) = siege.captured;
            let reached = siege.measured.arrivals.len();
            println!(
                "{honest} honest, 50 Sybils, {first:?} first: at least {} honest seats, {theirs} of {all} captured, \
                 {reached} of {honest} reached, p95 {:?}",
                siege.least_honest_seats,
                siege.measured.latency(95)
            );
        }
    }
}

fn print_days(holders: usize, times: &[(u64, u32)]) {
    println!("{}", Day::HEAD);
    let mut crowd = Crowd::gather(Setting::new(SEED, holders, 10, Rule::Seats));
    for (minutes, posts) in times {
        println!("{}", crowd.live(Duration::from_mins(*minutes), *posts));
    }
}

/// An hour, and ten minutes to compare with the larger crowd.
#[test]
fn spread_of_a_day_of_a_thousand() {
    print_days(1_000, &[(60, 0), (60, 4), (10, 0), (10, 1)]);
}

/// An hour of these takes hours.
#[test]
fn spread_of_a_day_of_ten_thousand() {
    print_days(10_000, &[(10, 0), (10, 1)]);
}
