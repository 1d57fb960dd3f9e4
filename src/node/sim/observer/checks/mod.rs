//! The hard checks. Each is one function that takes what the line shows and, to score, what it was, and gives the worst
//! figure it saw with its bound, or says what it found.
//!
//! **Bounds.** All statistical checks together may fail a good program once in a thousand times over all seeds:
//! family-wise alpha = 10^-3. Each check has a share of a tenth, 10^-4, and divides it by its own comparisons (Bonferroni); with
//! `SEEDS` = 20 seeds and three conversations the bounds of the normal distribution below follow.

mod keys;
mod lines;
mod order;
mod texts;

use thiserror::Error;

use super::record::{PostIndex, Recorder};
use super::world::Truth;

pub(super) use self::keys::{check_l2, check_l3, check_l4, check_l10};
pub(super) use self::lines::{DEEDS, check_l7, check_l8, check_l11, deeds_after};
pub(super) use self::order::check_l5;
pub(super) use self::texts::{check_l1, check_l6, check_l9};

/// The hard checks by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// No shared substring within a conversation.
    L1,
    /// No relation between keys.
    L2,
    /// No secret in the clear.
    L3,
    /// Nothing is the hash of something else.
    L4,
    /// No field follows the order.
    L5,
    /// Sizes say nothing.
    L6,
    /// Questions say nothing.
    L7,
    /// Nothing refers to posts of a conversation.
    L8,
    /// No two posts share a key stream.
    L9,
    /// Tags are as random as random bytes.
    L10,
    /// The two ends behave like strangers.
    L11,
}

/// The worst that was seen, and what would have been too much.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// What was seen.
    pub worst: f64,
    /// From here on it is a finding.
    pub bound: f64,
}

/// Something a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
#[error("{check:?}: {what} ({} where {} is the bound)", .figure.worst, .figure.bound)]
pub struct Finding {
    /// Which check saw it.
    pub check: Check,
    /// What.
    pub what: &'static str,
    /// How much of it.
    pub figure: Figure,
}

/// What a check says.
pub type Verdict = Result<Figure, Finding>;

/// How much of each post is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Everything before the body, and its first 64 bytes.
    Heads,
    /// Every byte.
    Whole,
}

/// All hard checks of a history.
pub(super) fn all(record: &Recorder, truth: &Truth, depth: Depth) -> Vec<(Check, Verdict)> {
    vec![
        (Check::L1, check_l1(record, truth)),
        (Check::L2, check_l2(record, truth)),
        (Check::L3, check_l3(record, truth, depth)),
        (Check::L4, check_l4(record, truth)),
        (Check::L5, check_l5(record, truth)),
        (Check::L6, check_l6(record, truth)),
        (Check::L7, check_l7(record, truth)),
        (Check::L8, check_l8(record, truth)),
        (Check::L9, check_l9(record, truth)),
        (Check::L10, check_l10(record, truth)),
        (Check::L11, check_l11(record, truth)),
    ]
}

/// One hard check of a history.
pub(super) fn one(check: Check, record: &Recorder, truth: &Truth, depth: Depth) -> Verdict {
    match check {
        Check::L1 => check_l1(record, truth),
        Check::L2 => check_l2(record, truth),
        Check::L3 => check_l3(record, truth, depth),
        Check::L4 => check_l4(record, truth),
        Check::L5 => check_l5(record, truth),
        Check::L6 => check_l6(record, truth),
        Check::L7 => check_l7(record, truth),
        Check::L8 => check_l8(record, truth),
        Check::L9 => check_l9(record, truth),
        Check::L10 => check_l10(record, truth),
        Check::L11 => check_l11(record, truth),
    }
}

/// The figure, or the finding when it reaches its bound.
fn judge(check: Check, what: &'static str, worst: f64, bound: f64) -> Verdict {
    let figure = Figure { worst, bound };
    if worst < bound { Ok(figure) } else { Err(Finding { check, what, figure }) }
}

/// Where the fields of a sealed post begin.
pub(super) const AUTHOR_AT: usize = 2;
/// The day and what is reserved.
pub(super) const DAY_AT: usize = 34;
/// The slots.
pub(super) const SLOTS_AT: usize = 46;
/// The body.
pub(super) const BODY_AT: usize = 622;
/// Bytes of the head with the first 64 of the body.
pub(super) const HEAD: usize = BODY_AT + 64;

/// A count as a number with a point.
pub(super) fn number(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// `N` bytes of a post from here on.
pub(super) fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied()
}

/// The bytes of a post.
pub(super) fn bytes_of(record: &Recorder, post: PostIndex) -> &[u8] {
    record.posts.get(post).map_or(&[], |post| &post.bytes)
}

/// The one-time author of a post.
pub(super) fn author_of(bytes: &[u8]) -> Option<[u8; 32]> {
    bytes_at(bytes, AUTHOR_AT)
}

/// The four tags of a post.
pub(super) fn tags_of(bytes: &[u8]) -> Vec<[u8; 32]> {
    use crate::domain::sealed::{SLOT, SLOTS};
    (0..SLOTS).filter_map(|slot| bytes_at(bytes, SLOTS_AT + slot * SLOT)).collect()
}

/// Values of ours, and all others they are drawn from.
pub(super) type Lot = (Vec<f64>, Vec<f64>);

/// How far the sums of our values are from what lots drawn among all values give, in standard deviations: nothing is assumed
/// of the values, which may hang together, but that it is by chance which of them are ours. 0 where nothing can be said.
pub(super) fn by_lot(lots: &[Lot]) -> f64 {
    let (mut difference, mut variance) = (0.0, 0.0);
    for (ours, others) in lots.iter().filter(|(ours, others)| ours.len() > 1 && others.len() > 1) {
        let (our_count, all_count) = (number(ours.len()), number(ours.len() + others.len()));
        let all = || ours.iter().chain(others);
        let mean = all().sum::<f64>() / all_count;
        let spread = all().map(|value| (value - mean).powi(2)).sum::<f64>() / (all_count - 1.0);
        difference += ours.iter().sum::<f64>() - our_count * mean;
        variance += spread * our_count * (1.0 - our_count / all_count);
    }
    if variance > 0.0 { f64::abs(difference) / f64::sqrt(variance) } else { 0.0 }
}

/// The chance that a random value of one sample is above one of the other, ties half (Mann and Whitney).
pub(super) fn auc(ours: &[f64], others: &[f64]) -> f64 {
    let ours_in = ours.iter().map(|value| (*value, true));
    let mut all: Vec<(f64, bool)> = ours_in.chain(others.iter().map(|value| (*value, false))).collect();
    all.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut rank_sum = 0.0;
    let mut below = 0;
    for equal in all.chunk_by(|one, other| one.0.total_cmp(&other.0).is_eq()) {
        let rank = number(below) + f64::midpoint(number(equal.len()), 1.0);
        rank_sum += rank * number(equal.iter().filter(|(_, is_ours)| *is_ours).count());
        below += equal.len();
    }
    let (our_count, other_count) = (number(ours.len()), number(others.len()));
    (rank_sum - our_count * (our_count + 1.0) / 2.0) / (our_count * other_count)
}
