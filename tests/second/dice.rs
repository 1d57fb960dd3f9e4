//! Randomness that is the same in every run: BLAKE3's endless output from a name.

use super::primitives::{Key, SLOT, key_at};

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

    /// What one sealed post takes.
    pub fn draws(&mut self) -> Draws {
        Draws::new(&self.bytes())
    }
}

/// Random bytes that one sealed post takes.
pub const DRAWS: usize = 32 + 32 + 4 * SLOT + 3 * 8;

/// The random parts of one sealed post.
pub struct Draws {
    /// Seed of the one-time author key.
    pub author: Key,
    /// The key its body is encrypted under.
    pub content: Key,
    /// What stands in slots that are nobody's.
    pub empty: [[u8; SLOT]; 4],
    /// Which slots change places: each but the first with one that is not behind it.
    pub swaps: [usize; 3],
}

impl Draws {
    /// From their bytes: the author's seed, the content key, four slots, and three little-endian numbers of 64 bits, the
    /// first to be taken modulo 2, the next modulo 3 and 4.
    pub fn new(bytes: &[u8; DRAWS]) -> Self {
        let empty = [0, 1, 2, 3].map(|slot| {
            let at = 64 + slot * SLOT;
            bytes[at..at + SLOT].try_into().unwrap()
        });
        let swaps = [0, 1, 2].map(|number: u8| {
            let at = 64 + 4 * SLOT + 8 * usize::from(number);
            let drawn = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
            usize::try_from(drawn % (u64::from(number) + 2)).unwrap()
        });
        Self { author: key_at(bytes, 0), content: key_at(bytes, 32), empty, swaps }
    }
}
