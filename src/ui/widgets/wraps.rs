//! Texts broken into rows, each once, as many as screens around the present one show.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::wrap;

/// Texts kept in rows. A screen shows a tenth of that; more is memory for what nobody looks at.
const KEPT_TEXTS: usize = 512;

/// Texts in rows, by what they are the text of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wraps<K> {
    texts: BTreeMap<K, (usize, Vec<String>)>,
}

impl<K> Default for Wraps<K> {
    fn default() -> Self {
        Self { texts: BTreeMap::new() }
    }
}

impl<K: Ord + Copy> Wraps<K> {
    /// How many rows a text takes; breaks it if that was not done for this width.
    pub fn count(&mut self, id: K, text: &str, width: usize) -> usize {
        if let Some((_, rows)) = self.texts.get(&id).filter(|(at, _)| *at == width) {
            return rows.len();
        }
        if self.texts.len() >= KEPT_TEXTS {
            self.texts.clear();
        }
        let rows = broken(text, width);
        let count = rows.len();
        self.texts.insert(id, (width, rows));
        count
    }

    /// The rows of a text, from memory where they are.
    pub fn rows<'a>(&'a self, id: K, text: &str, width: usize) -> Cow<'a, [String]> {
        match self.texts.get(&id) {
            Some((at, rows)) if *at == width => Cow::Borrowed(rows),
            _ => Cow::Owned(broken(text, width)),
        }
    }

    /// The text is another one now.
    pub fn forget(&mut self, id: K) {
        self.texts.remove(&id);
    }
}

fn broken(text: &str, width: usize) -> Vec<String> {
    wrap::rows(text.trim_end(), width).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_texts_are_kept_as_there_is_room_for() {
        let mut wraps = Wraps::default();
        for number in 0..=u16::try_from(KEPT_TEXTS * 2).unwrap() {
            let id = number;
            assert_eq!(wraps.count(id, "a b", 1), 2);
            assert!(wraps.texts.len() <= KEPT_TEXTS);
            assert_eq!(wraps.rows(id, "a b", 1).as_ref(), ["a", "b"]);
        }
    }
}
