//! Figures: what was measured beside its floor, printed as one table. Nothing here judges; a machine that is busy
//! with something else must not fail a run.

use std::fmt;
use std::time::{Duration, Instant};

/// The moment.
#[expect(clippy::disallowed_methods, reason = "a bench is there to read the clock")]
pub fn now() -> Instant {
    Instant::now()
}

/// Something measured: what half of the samples stay below, and what nineteen of twenty do.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    p50: f64,
    p95: f64,
    unit: &'static str,
}

impl Measure {
    /// Of these samples; `None` when nothing was measured.
    pub fn of(mut samples: Vec<f64>, unit: &'static str) -> Option<Self> {
        samples.sort_unstable_by(f64::total_cmp);
        let at = |hundredths| samples.get(samples.len() * hundredths / 100).copied();
        Some(Self { p50: at(50)?, p95: at(95)?, unit })
    }

    /// Of these times.
    pub fn of_times(samples: &[Duration]) -> Option<Self> {
        Self::of(samples.iter().map(|time| time.as_secs_f64() * 1e3).collect(), "ms")
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { p50, p95, unit } = self;
        let digits = if p50.fract() == 0.0 {
            0
        } else if *p50 < 1.0 {
            4
        } else {
            2
        };
        if p50.total_cmp(p95).is_eq() {
            write!(f, "{p50:.digits$} {unit}")
        } else {
            write!(f, "{p50:.digits$} / {p95:.digits$} {unit}")
        }
    }
}

/// A count as the number that figures are made of.
pub fn number(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

/// The lines of the table, in the order they were measured.
#[derive(Debug, Default)]
pub struct Table(Vec<String>);

impl Table {
    /// Adds a line and prints it at once: a long run shows how far it is.
    #[expect(clippy::print_stdout, reason = "figures are what a bench is for")]
    pub fn add(&mut self, name: &str, floor: Option<Measure>, ours: Option<Measure>, goal: &str) {
        let Some(ours) = ours else { return };
        let shown = floor.map_or_else(|| "–".to_owned(), |floor| floor.to_string());
        let ratio = floor.map(|floor| ours.p50 / floor.p50).filter(|ratio| ratio.is_finite());
        let ratio = ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
        let line = format!("| {name} | {shown} | {ours} | {ratio} | {goal} |");
        println!("{line}");
        self.0.push(line);
    }

    /// Prints all lines once more, together.
    #[expect(clippy::print_stdout, reason = "figures are what a bench is for")]
    pub fn print(&self) {
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        println!("\nload average: {}", load.trim());
        println!("\n| figure | floor (same run) | ours | ratio | goal |\n|---|---|---|---|---|");
        for line in &self.0 {
            println!("{line}");
        }
    }
}
