//! Rows at each of which something may be due: what comes first is found without looking at all of them. There are
//! thousands, and every step asks.

use std::collections::{BTreeMap, BTreeSet};

use super::rows::{Outgoing, Relation};
use crate::domain::time::Timestamp;

/// A row at which something may be due.
pub(super) trait Due {
    /// When; nothing while nothing is.
    fn due(&self) -> Option<Timestamp>;
}

impl Due for Outgoing {
    fn due(&self) -> Option<Timestamp> {
        Some(self.due)
    }
}

impl Due for Relation {
    fn due(&self) -> Option<Timestamp> {
        self.ack_due
    }
}

/// Rows by their keys, and in the order of what is due at them.
pub(super) struct DueRows<K, R> {
    rows: BTreeMap<K, R>,
    /// Exactly what [`Due::due`] of every row says.
    due: BTreeSet<(Timestamp, K)>,
}

impl<K: Ord + Copy, R: Due> DueRows<K, R> {
    pub(super) const fn new() -> Self {
        Self { rows: BTreeMap::new(), due: BTreeSet::new() }
    }

    pub(super) fn get(&self, key: &K) -> Option<&R> {
        self.rows.get(key)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &R> {
        self.rows.values()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.rows.keys()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Puts a row in place of the one with its key.
    pub(super) fn insert(&mut self, key: K, row: R) {
        self.remove(&key);
        self.due.extend(row.due().map(|due| (due, key)));
        self.rows.insert(key, row);
    }

    /// Takes a row out.
    pub(super) fn remove(&mut self, key: &K) -> Option<R> {
        let row = self.rows.remove(key)?;
        if let Some(due) = row.due() {
            self.due.remove(&(due, *key));
        }
        Some(row)
    }

    /// Changes all rows.
    pub(super) fn change_all(&mut self, mut change: impl FnMut(&mut R)) {
        self.rows.values_mut().for_each(&mut change);
        self.due = self.rows.iter().filter_map(|(key, row)| Some((row.due()?, *key))).collect();
    }

    /// When something is due next.
    pub(super) fn first_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The rows at which something is due now, the longest first.
    pub(super) fn due_at(&self, now: Timestamp) -> impl Iterator<Item = K> {
        self.due.iter().take_while(move |(due, _)| *due <= now).map(|(_, key)| *key)
    }
}

impl<K: Ord + Copy, R: Due> FromIterator<(K, R)> for DueRows<K, R> {
    fn from_iter<T: IntoIterator<Item = (K, R)>>(rows: T) -> Self {
        let mut all = Self::new();
        rows.into_iter().for_each(|(key, row)| all.insert(key, row));
        all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl Due for Option<i64> {
        fn due(&self) -> Option<Timestamp> {
            self.map(Timestamp::from_millis)
        }
    }

    proptest! {
        /// Whatever is done, what is due is what a look at all rows says.
        #[test]
        fn what_is_due_is_what_the_rows_say(
            deeds in prop::collection::vec((0_u8..4, 0_u8..6, prop::option::of(0_i64..8)), 1..60), now in 0_i64..8
        ) {
            let mut rows = DueRows::new();
            for (deed, key, row) in deeds {
                match deed {
                    0 => drop(rows.remove(&key)),
                    1 => rows.change_all(|row: &mut Option<i64>| *row = row.map(|due| due.min(3))),
                    _ => rows.insert(key, row),
                }
                let mut all: Vec<(i64, u8)> =
                    rows.keys().filter_map(|key| Some(((*rows.get(key)?)?, *key))).collect();
                all.sort_unstable();
                prop_assert_eq!(rows.first_due(), all.first().map(|(due, _)| Timestamp::from_millis(*due)));
                let due: Vec<u8> = all.into_iter().filter(|(due, _)| *due <= now).map(|(_, key)| key).collect();
                prop_assert_eq!(rows.due_at(Timestamp::from_millis(now)).collect::<Vec<_>>(), due);
            }
        }
    }
}
