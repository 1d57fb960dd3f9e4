//! Measurements as lines of the table in `docs/spread.md`.

use std::fmt;
use std::time::Duration;

use super::spread::{Crowd, Followed, Measured, Pulling, Rule, Setting};

/// The head of the table.
pub const HEAD: &str = "\
| holders | offline | p | known by | what | pulls | reach | payloads | messages | hops p50/max | latency p50/p95/max |
|---|---|---|---|---|---|---|---|---|---|---|";

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The crowd.
    pub setting: Setting,
    /// Of a hundred nodes, those that are away.
    pub offline_percent: usize,
    /// What was followed.
    pub followed: Followed,
    /// Whether pulls helped.
    pub pulling: Pulling,
    /// What came of it.
    pub measured: Measured,
}

/// Measures so many crowds of one kind, with every share of their nodes away, with and without pulls.
#[must_use]
pub fn survey(setting: Setting, crowds: u64, offline_percents: &[usize]) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for seed in (setting.seed..).take(usize::try_from(crowds).unwrap_or(usize::MAX)) {
        let mut crowd = Crowd::gather(Setting { seed, ..setting });
        for offline_percent in offline_percents.iter().copied() {
            crowd.leave(offline_percent);
            for pulling in [Pulling::On, Pulling::Off] {
                for followed in [Followed::Post, Followed::Diff] {
                    let measured = crowd.measure(followed, pulling);
                    let new = Row { setting, offline_percent, followed, pulling, measured };
                    match rows.iter_mut().find(|row| row.is_like(&new)) {
                        Some(row) => row.measured += new.measured,
                        None => rows.push(new),
                    }
                }
            }
            crowd.come_back();
        }
    }
    rows
}

impl Row {
    /// Whether both stand in one line of the table.
    fn is_like(&self, other: &Self) -> bool {
        let line = |row: &Self| (row.offline_percent, row.followed, row.pulling);
        line(self) == line(other)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setting: Setting { holders, holding_percent, .. }, offline_percent, measured, .. } = self;
        let known_by = match self.setting.rule {
            Rule::Seats => "seats",
            Rule::PlainLru => "LRU",
        };
        let pulls = match self.pulling {
            Pulling::Off => "no",
            Pulling::On => "yes",
        };
        let what = match self.followed {
            Followed::Post => "post",
            Followed::Diff => "diff",
        };
        let online = u64::try_from(measured.online).unwrap_or(u64::MAX);
        let reached = u64::try_from(measured.arrivals.len()).unwrap_or(u64::MAX);
        let [p50, p95, max] = [50, 95, 100].map(|percent| Seconds(measured.latency(percent)));
        write!(
            f,
            "| {holders} | {offline_percent} % | {} | {known_by} | {what} | {pulls} | {} % | {} | {} | {} / {} | {p50} / {p95} / {max} |",
            Hundredths(*holding_percent),
            Tenths::of(reached * 1_000, online * 10),
            Tenths::of(measured.payloads, online),
            Tenths::of(measured.messages(), online),
            measured.hops(50),
            measured.hops(100),
        )
    }
}

/// A number with one digit behind the point.
struct Tenths(u64);

impl Tenths {
    fn of(dividend: u64, divisor: u64) -> Self {
        Self((dividend * 10 + divisor / 2) / divisor.max(1))
    }
}

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

/// Seconds with two digits behind the point.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0.as_secs(), self.0.subsec_millis() / 10)
    }
}

/// A share of a hundred as a fraction of one.
struct Hundredths(u32);

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}
