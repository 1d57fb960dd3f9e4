//! The tables of `docs/spread.md`: how what is new spreads among 10 to 10,000 holders, and what it costs.

use std::time::Duration;

use itsgoin::node::sim::crowd::{Crowd, Day, First, HEAD, Rule, Setting, survey};

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
    for ((holders, crowds, shares, offline), rule) in
        CROWDS.iter().flat_map(|crowd| [Rule::Seats, Rule::PlainLru].map(|rule| (crowd, rule)))
    {
        // Two at a time.
        for pair in shares.chunks(2) {
            let surveys: Vec<_> = pair
                .iter()
                .map(|share| {
                    let setting = Setting::new(SEED, *holders, *share, rule);
                    std::thread::spawn(move || survey(setting, *crowds, offline))
                })
                .collect();
            for row in surveys.into_iter().flat_map(|thread| thread.join().expect("it ends")) {
                println!("{row}");
            }
        }
    }
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

#[test]
fn spread_of_a_day() {
    println!("{}", Day::HEAD);
    for holders in [1_000, 10_000] {
        let mut crowd = Crowd::gather(Setting::new(SEED, holders, 10, Rule::Seats));
        for posts in [0, 4] {
            println!("{}", crowd.live(posts));
        }
    }
}
