//! Words two people compare to know that nobody stands between them: the same on both devices.
//!
//! Each word is 16 bits as consonant, vowel, consonant, vowel, consonant, so that it can be said over a telephone in most
//! languages. Six of them are 96 bits of a hash of both posting ids: finding two ids that agree takes 2^96 tries.

use super::ids::PostingId;

const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
const VOWELS: &[u8; 4] = b"aiou";
const WORDS: usize = 6;

/// The words of two posting ids, in whichever order they are named.
#[must_use]
pub fn verification_words(one: PostingId, other: PostingId) -> Vec<String> {
    let mut hasher = blake3::Hasher::new_derive_key("itsgoin/dm/1 words");
    hasher.update(one.min(other).as_bytes()).update(one.max(other).as_bytes());
    let mut bytes = [0; WORDS * 2];
    hasher.finalize_xof().fill(&mut bytes);
    bytes.as_chunks().0.iter().map(|bits| word(u16::from_le_bytes(*bits))).collect()
}

fn word(bits: u16) -> String {
    let consonant = |shift: u32| CONSONANTS.get(usize::from(bits >> shift & 15));
    let vowel = |shift: u32| VOWELS.get(usize::from(bits >> shift & 3));
    let letters = [consonant(12), vowel(10), consonant(6), vowel(4), consonant(0)];
    letters.into_iter().flatten().map(|letter| char::from(*letter)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn both_sides_see_the_same_words_and_others_see_others() {
        let [a, b, c] = [1, 2, 3].map(|byte| PostingId::from_bytes([byte; 32]));
        assert_eq!(verification_words(a, b), verification_words(b, a));
        assert_ne!(verification_words(a, b), verification_words(a, c));
        assert!(verification_words(a, b).iter().all(|word| word.len() == 5));
    }

    #[test]
    fn no_two_numbers_are_the_same_word() {
        let words: BTreeSet<String> = (0..=u16::MAX).map(word).collect();
        assert_eq!(words.len(), 65_536);
    }
}
