//! Whether anything in the posts of a conversation follows the order in which they were written.

use super::{Check, HEAD, SLOTS_AT, Verdict, bytes_at, bytes_of, judge, number};
use crate::domain::sealed::{SLOT, SLOTS};
use crate::node::sim::observer::record::{PostIndex, Recorder};
use crate::node::sim::observer::world::Truth;

/// Fewer posts say nothing.
const FEWEST: usize = 10;

/// One number from the bytes of a post.
type Field = Box<dyn Fn(&[u8]) -> u64>;

/// Every byte, and every number of four and of eight bytes in both orders; and, as slots stand in a random order, the lowest
/// and the highest of each number of four bytes among the four slots.
fn fields() -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for at in 0..HEAD {
        fields.push(Box::new(move |bytes| u64::from(bytes.get(at).copied().unwrap_or(0))));
        fields.push(Box::new(move |bytes| {
            u64::from(u32::from_le_bytes(bytes_at(bytes, at).unwrap_or_default()))
        }));
        fields.push(Box::new(move |bytes| {
            u64::from(u32::from_be_bytes(bytes_at(bytes, at).unwrap_or_default()))
        }));
        fields.push(Box::new(move |bytes| u64::from_le_bytes(bytes_at(bytes, at).unwrap_or_default())));
        fields.push(Box::new(move |bytes| u64::from_be_bytes(bytes_at(bytes, at).unwrap_or_default())));
    }
    for at in 0..SLOT {
        let little = move |bytes: &[u8]| slots_at(bytes, at).map(u32::from_le_bytes);
        let big = move |bytes: &[u8]| slots_at(bytes, at).map(u32::from_be_bytes);
        fields.push(Box::new(move |bytes| u64::from(little(bytes).into_iter().min().unwrap_or(0))));
        fields.push(Box::new(move |bytes| u64::from(little(bytes).into_iter().max().unwrap_or(0))));
        fields.push(Box::new(move |bytes| u64::from(big(bytes).into_iter().min().unwrap_or(0))));
        fields.push(Box::new(move |bytes| u64::from(big(bytes).into_iter().max().unwrap_or(0))));
    }
    fields
}

/// Four bytes at this place of each slot.
fn slots_at(bytes: &[u8], at: usize) -> [[u8; 4]; SLOTS] {
    let mut found = [[0; 4]; SLOTS];
    for (slot, place) in found.iter_mut().enumerate() {
        *place = bytes_at(bytes, SLOTS_AT + slot * SLOT + at).unwrap_or_default();
    }
    found
}

/// How far from none the agreement of values with their order is, in standard deviations (Kendall's tau without ties; with
/// ties it is less).
fn tau(values: &[u64]) -> f64 {
    let mut sum: i32 = 0;
    for (place, value) in values.iter().enumerate() {
        for later in values.iter().skip(place + 1) {
            sum += match value.cmp(later) {
                std::cmp::Ordering::Less => 1,
                std::cmp::Ordering::Equal => 0,
                std::cmp::Ordering::Greater => -1,
            };
        }
    }
    let count = number(values.len());
    f64::from(sum).abs() / (count * (count - 1.0) * (2.0 * count + 5.0) / 18.0).sqrt()
}

/// L5: no number that can be read out of the posts of a conversation rises or falls with the order they were sent in.
///
/// About 4,000 numbers, three conversations, 20 seeds: 10^-4 / 240,000 = 4 * 10^-10 is 6.3 standard deviations. A permutation
/// of the order has no finer chance than one in their count, so the known distribution is taken instead of 200 of them.
pub(in crate::node::sim::observer) fn check_l5(record: &Recorder, truth: &Truth) -> Verdict {
    const BOUND: f64 = 6.3;
    let fields = fields();
    let mut worst: f64 = 0.0;
    for talk in truth.conversations.iter().filter(|talk| talk.posts.len() >= FEWEST) {
        for field in &fields {
            let value = |post: &PostIndex| field(bytes_of(record, *post));
            let values: Vec<u64> = talk.posts.iter().map(value).collect();
            worst = worst.max(tau(&values));
        }
    }
    judge(Check::L5, "a number in the posts of a conversation follows their order", worst, BOUND)
}
