//! Which of several nodes to dial when there is no room for all: those with which seats of authors stand that few
//! connected nodes share. A greedy cover, pure; who else may be dialled at all is not decided here.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::PostingId;

/// Connected nodes with a seat of an author that are enough.
const WARM_ENOUGH: usize = 2;

/// The authors of whom each connected node has a seat, counted.
#[derive(Debug, Default)]
pub(super) struct Warm(BTreeMap<PostingId, usize>);

impl Warm {
    /// One more connected node has seats of these.
    pub(super) fn add(&mut self, authors: &BTreeSet<PostingId>) {
        for author in authors {
            let count = self.0.entry(*author).or_default();
            *count = count.saturating_add(1);
        }
    }

    /// How many of these authors still need somebody.
    fn gain(&self, authors: &BTreeSet<PostingId>) -> usize {
        authors.iter().filter(|author| self.0.get(author).is_none_or(|count| *count < WARM_ENOUGH)).count()
    }
}

/// The candidates in the order in which they are worth a connection; where nothing is gained, as they came.
pub(super) fn by_use<T>(mut warm: Warm, mut candidates: Vec<(T, BTreeSet<PostingId>)>) -> Vec<T> {
    let mut chosen = Vec::with_capacity(candidates.len());
    while !candidates.is_empty() {
        let gains = candidates.iter().map(|(_, authors)| warm.gain(authors)).enumerate();
        // Of equals the first one.
        let best = gains.fold((0, 0), |best, (at, gain)| if gain > best.1 { (at, gain) } else { best }).0;
        let (candidate, authors) = candidates.remove(best);
        warm.add(&authors);
        chosen.push(candidate);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authors(numbers: &[u8]) -> BTreeSet<PostingId> {
        numbers.iter().map(|number| PostingId::from_bytes([*number; 32])).collect()
    }

    #[test]
    fn those_come_first_who_have_what_is_lacking() {
        let candidates = vec![
            ("nothing", authors(&[])),
            ("one", authors(&[1])),
            ("three", authors(&[1, 2, 3])),
            ("the same three", authors(&[1, 2, 3])),
            ("once more", authors(&[1, 2, 3])),
            ("another", authors(&[4])),
        ];
        let order = by_use(Warm::default(), candidates);
        assert_eq!(order, ["three", "the same three", "another", "nothing", "one", "once more"]);
    }

    #[test]
    fn what_is_warm_already_gains_nothing() {
        let mut warm = Warm::default();
        warm.add(&authors(&[1, 2]));
        warm.add(&authors(&[1]));
        let order =
            by_use(warm, vec![("warm", authors(&[1])), ("half", authors(&[2])), ("cold", authors(&[3, 4]))]);
        assert_eq!(order, ["cold", "half", "warm"]);
    }
}
