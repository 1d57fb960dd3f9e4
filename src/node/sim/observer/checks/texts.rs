//! Checks of the bytes of sealed posts: what two of them have in common, and how long they are.

use std::collections::BTreeMap;

use super::{Check, HEAD, Verdict, bytes_at, bytes_of, judge, number};
use crate::domain::sealed::SEALED_SIZES;
use crate::node::sim::observer::record::{PostIndex, Recorder};
use crate::node::sim::observer::world::Truth;

/// Bytes in a row that no two posts of a conversation may share. Among half a million windows two random ones are the
/// same once in 10^8 histories.
const SHARED: usize = 8;

/// Bytes that mean nothing: at the same place in nearly all posts that are not of this conversation (version, day, and
/// what is reserved). Learned, not known.
fn constants(record: &Recorder, controls: &[PostIndex]) -> BTreeMap<usize, u8> {
    let mut learned = BTreeMap::new();
    for at in 0..HEAD {
        let mut counts = [0_usize; 256];
        for post in controls {
            if let Some(byte) = bytes_of(record, *post).get(at) {
                counts[usize::from(*byte)] += 1;
            }
        }
        let most = (0..=u8::MAX).max_by_key(|byte| counts[usize::from(*byte)]);
        learned.extend(
            most.filter(|byte| counts[usize::from(*byte)] * 20 > controls.len() * 19).map(|byte| (at, byte)),
        );
    }
    learned
}

/// All windows of some posts that hold none of these bytes in their place.
fn windows(
    record: &Recorder,
    posts: &[PostIndex],
    constants: &BTreeMap<usize, u8>,
) -> Vec<(u64, usize, PostIndex)> {
    let mut windows = Vec::new();
    for post in posts {
        let bytes = bytes_of(record, *post);
        let mut free_from = 0;
        for (last, byte) in bytes.iter().enumerate() {
            if constants.get(&last) == Some(byte) {
                free_from = last + 1;
            }
            if last + 1 >= free_from + SHARED
                && let Some(window) = bytes_at(bytes, last + 1 - SHARED)
            {
                windows.push((u64::from_be_bytes(window), last + 1 - SHARED, *post));
            }
        }
    }
    windows
}

/// Bytes that two windows have in common from the first one on.
fn common(one: u64, other: u64) -> usize {
    usize::try_from((one ^ other).leading_zeros() / 8).unwrap_or(SHARED)
}

/// L1: no two posts of a conversation share eight bytes in a row, wherever they stand, that are not in all posts.
pub(in crate::node::sim::observer) fn check_l1(record: &Recorder, truth: &Truth) -> Verdict {
    let mut longest = 0;
    for talk in &truth.conversations {
        let constants = constants(record, &talk.controls(record.posts.len()));
        let mut windows = windows(record, &talk.posts, &constants);
        windows.sort_unstable();
        for pair in windows.windows(2) {
            if let [(one, _, post), (other, _, other_post)] = pair
                && post != other_post
            {
                longest = longest.max(common(*one, *other));
            }
        }
    }
    judge(Check::L1, "bytes that two posts of a conversation share", number(longest), number(SHARED))
}

/// L9: no two posts of a conversation are the same for eight bytes in a row at the same place: their sum would be zero there,
/// as it is where two bodies meet one key stream.
pub(in crate::node::sim::observer) fn check_l9(record: &Recorder, truth: &Truth) -> Verdict {
    let mut longest = 0;
    for talk in &truth.conversations {
        let constants = constants(record, &talk.controls(record.posts.len()));
        let mut windows = windows(record, &talk.posts, &constants);
        windows.sort_unstable_by_key(|(window, at, _)| (*at, *window));
        for pair in windows.windows(2) {
            if let [(one, at, _), (other, other_at, _)] = pair
                && at == other_at
            {
                longest = longest.max(common(*one, *other));
            }
        }
    }
    judge(
        Check::L9,
        "bytes at one place that are zero in the sum of two posts",
        number(longest),
        number(SHARED),
    )
}

/// L6: every sealed post has one of the four sizes, and each size is as frequent among the posts of a conversation as among
/// all others.
///
/// Chi-square with two degrees of freedom (2, 8, and 32 KiB and more): exp(-x/2) = 10^-4 / 60 gives x = 26.6.
pub(in crate::node::sim::observer) fn check_l6(record: &Recorder, truth: &Truth) -> Verdict {
    const BOUND: f64 = 26.6;
    let seen = |post: &PostIndex| !bytes_of(record, *post).is_empty();
    let odd = (0..record.posts.len())
        .filter(seen)
        .filter(|post| !SEALED_SIZES.contains(&bytes_of(record, *post).len()))
        .count();
    judge(Check::L6, "sealed posts of a size of their own", number(odd), 1.0)?;
    let histogram = |posts: &[PostIndex]| {
        let mut counts = [0_usize; 3];
        for post in posts.iter().filter(|post| seen(post)) {
            let size = bytes_of(record, *post).len();
            let class = SEALED_SIZES.iter().position(|allowed| *allowed == size).unwrap_or(2).min(2);
            counts[class] += 1;
        }
        counts.map(number)
    };
    let mut worst: f64 = 0.0;
    for talk in &truth.conversations {
        let ours = histogram(&talk.posts);
        let others = histogram(&talk.controls(record.posts.len()));
        worst = worst.max(chi_square(ours, others));
    }
    judge(Check::L6, "sizes of a conversation against those of all others", worst, BOUND)
}

/// How far two histograms are apart.
fn chi_square(ours: [f64; 3], others: [f64; 3]) -> f64 {
    let (our_sum, other_sum): (f64, f64) = (ours.iter().sum(), others.iter().sum());
    let pairs = ours.iter().zip(others);
    let parts = pairs.filter(|(our, other)| *our + other > 0.0).map(|(our, other)| {
        let both = our + other;
        let expected = both * our_sum / (our_sum + other_sum);
        let expected_other = both - expected;
        (our - expected).powi(2) / expected + (other - expected_other).powi(2) / expected_other
    });
    parts.sum()
}
