//! Randomness that is the same in every run: BLAKE3's endless output from a name.

use super::primitives::{Key, SLOT};

/// A source of bytes that its name decides.
pub struct Dice(blake3::OutputReader);

impl Dice {
    /// Dice of this name.
    pub fn new(name: &str) -> Self {
        Self(blake3::Hasher::new().update(name.as_bytes()).finalize_xof())
    }

    /// The next bytes, as many as asked for.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill(&mut bytes);
        bytes
    }

    /// What one sealed post takes: key of its author, content key, four slots for nobody, the order of slots.
    pub fn draws(&mut self) -> Draws {
        let author: Key = self.bytes();
        let content: Key = self.bytes();
        let empty = [self.bytes(), self.bytes(), self.bytes(), self.bytes()];
        let mut places = vec![0, 1, 2, 3];
        for left in (1..places.len()).rev() {
            places.swap(left, usize::from(self.bytes::<1>()[0]) % (left + 1));
        }
        Draws { author, content, empty, places }
    }
}

/// The random parts of one sealed post.
pub struct Draws {
    /// Seed of the one-time author key.
    pub author: Key,
    /// The key its body is encrypted under.
    pub content: Key,
    /// What stands in slots that are nobody's.
    pub empty: [[u8; SLOT]; 4],
    /// Where the slots go: the first own one to the first of these places, and so on.
    pub places: Vec<usize>,
}
