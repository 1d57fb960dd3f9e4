//! Positions in an arrival log: what others page through instead of claimed time.

use minicbor::{Decode, Decoder, Encode, Encoder};

/// A number a store gave to something it took in. Rises with every arrival of that store, means nothing in another
/// one, and fits into an SQLite integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Seq(u64);

impl Seq {
    /// Before the first arrival.
    pub const START: Self = Self(0);
    /// The largest number SQLite can hold.
    const LAST: u64 = i64::MAX.unsigned_abs();

    /// The position with this number; `None` above 2^63 − 1.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        if number <= Self::LAST { Some(Self(number)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl<C> Encode<C> for Seq {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut Encoder<W>,
        _context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        encoder.u64(self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Seq {
    fn decode(decoder: &mut Decoder<'b>, _context: &mut C) -> Result<Self, minicbor::decode::Error> {
        let position = decoder.position();
        Self::new(decoder.u64()?)
            .ok_or_else(|| minicbor::decode::Error::message("no position in a log").at(position))
    }
}
