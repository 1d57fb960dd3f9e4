//! The observer test: what somebody learns who sees every line but the one between the two who talk.
//!
//! A history is played by real engines (those of [`crowd`](super::crowd)) in which persons hold conversations among other
//! sealed and public posts, and every frame is recorded with its time. *Hard checks* L1 to L11 ([`checks`]) and *games*
//! ([`games`]) then look for anything that tells a message from any other sealed post, ties two messages together, or shows who
//! waits for what. Each is shown a [`Leak`] it has to see, so that none is green because it is blind.

mod checks;
mod games;
mod ledger;
mod mutants;
mod record;
mod targets;
mod world;

#[cfg(test)]
mod tests;

pub use self::checks::{Check, Depth, Figure, Finding, Verdict};
pub use self::games::{Game, Score};
pub(in crate::node::sim) use self::ledger::Ledger;
pub use self::mutants::Leak;
pub(in crate::node::sim) use self::record::Recorder;
pub use self::targets::{Aim, Mesh, Pushes, Targets, targets};

use self::games::Table;
use self::world::{PLAN, play};

/// What came of the histories of some seeds.
pub struct Observed {
    /// The worst figure of each hard check with its seed, or what it found first.
    pub checks: Vec<(Check, u64, Verdict)>,
    /// Everything that was found, with the seed that plays it again.
    pub findings: Vec<(u64, Finding)>,
    /// Posts of conversations, and other sealed ones.
    pub posts: [usize; 2],
    /// The games over all seeds.
    pub games: Vec<(Game, Score)>,
}

/// Plays the histories of these seeds, checks each, and plays the games over all of them.
#[must_use]
pub fn observe(seeds: std::ops::Range<u64>, depth: Depth) -> Observed {
    let (mut checks, mut findings) = (Vec::<(Check, u64, Verdict)>::new(), Vec::new());
    let mut table = Table::default();
    for seed in seeds {
        let (record, truth) = play(seed, PLAN, None);
        for (check, verdict) in checks::all(&record, &truth, depth) {
            findings.extend(verdict.err().map(|finding| (seed, finding)));
            match checks.iter_mut().find(|(known, ..)| *known == check) {
                Some((_, of, known)) if is_worse(*known, verdict) => (*of, *known) = (seed, verdict),
                Some(_) => {}
                None => checks.push((check, seed, verdict)),
            }
        }
        table.add(&record, &truth);
    }
    Observed { checks, findings, posts: table.posts(), games: table.play() }
}

/// Plays one history; what one check says.
///
/// # Errors
/// The [`Finding`].
pub fn observe_check(seed: u64, check: Check, depth: Depth) -> Verdict {
    let (record, truth) = play(seed, PLAN, None);
    checks::one(check, &record, &truth, depth)
}

/// Plays one history with a leak; what its check says.
///
/// # Errors
/// The [`Finding`], which is what is hoped for.
pub fn observe_leak(seed: u64, leak: Leak, depth: Depth) -> Verdict {
    let (record, truth) = play(seed, PLAN, Some(leak));
    checks::one(leak.check(), &record, &truth, depth)
}

/// Whether a verdict is worse than one of another seed. Of two findings the first stands for both.
fn is_worse(known: Verdict, new: Verdict) -> bool {
    match (known, new) {
        (Ok(known), Ok(new)) => new.worst > known.worst,
        (known, new) => known.is_ok() && new.is_err(),
    }
}
