//! Identity and content identifiers as distinct types, so that a posting id can never be passed where a
//! network id is meant. `Debug` shows five bytes, `Display` all of them in lower-case hex.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;
use thiserror::Error;

/// A text that should be so many hex digits is not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not an id of {digits} hex digits")]
pub struct IdParseError {
    /// Two for each byte.
    pub digits: usize,
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            #[doc = concat!("Wraps ", $bytes, " raw bytes; any value is allowed.")]
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $bytes]) -> Self {
                Self(bytes)
            }

            #[doc = concat!("The ", $bytes, " raw bytes.")]
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// The first four bytes in hex: enough for a person to tell two of them apart on a screen.
            #[must_use]
            pub fn fingerprint(&self) -> String {
                let [a, b, c, d, ..] = self.0;
                format!("{a:02x}{b:02x}{c:02x}{d:02x}")
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let [a, b, c, d, e, ..] = self.0;
                write!(f, "{}({a:02x}{b:02x}{c:02x}{d:02x}{e:02x})", stringify!($name))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl FromStr for $name {
            type Err = IdParseError;

            fn from_str(text: &str) -> Result<Self, IdParseError> {
                let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_not_hex| IdParseError { digits: 2 * $bytes })?;
                bytes.try_into().map(Self).map_err(|_wrong_length| IdParseError { digits: 2 * $bytes })
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = IdParseError;

            fn try_from(bytes: &[u8]) -> Result<Self, IdParseError> {
                bytes.try_into().map(Self).map_err(|_wrong_length| IdParseError { digits: 2 * $bytes })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl<C> minicbor::Encode<C> for $name {
            fn encode<W: minicbor::encode::Write>(
                &self,
                encoder: &mut minicbor::Encoder<W>,
                _context: &mut C,
            ) -> Result<(), minicbor::encode::Error<W::Error>> {
                encoder.bytes(&self.0)?.ok()
            }
        }

        impl<'b, C> minicbor::Decode<'b, C> for $name {
            fn decode(
                decoder: &mut minicbor::Decoder<'b>,
                _context: &mut C,
            ) -> Result<Self, minicbor::decode::Error> {
                let position = decoder.position();
                Self::try_from(decoder.bytes()?)
                    .map_err(|_wrong_length| minicbor::decode::Error::message(concat!("id is not ", $bytes, " bytes")).at(position))
            }
        }
    };
}
pub(super) use id_type;

id_type! {
    /// The public half of a device's network key: who is at the other end of a connection. Never in content.
    NetworkId, 32
}
id_type! {
    /// The public half of a posting key: who signed something. Never in the network level.
    PostingId, 32
}
id_type! {
    /// A name in a slot of a sealed post, by which one recipient knows it. Opaque to everybody else.
    RecipientTag, 32
}
id_type! {
    /// BLAKE3 of an object's signed bytes (a post's `post_id`).
    ObjectId, 32
}

id_type! {
    /// BLAKE3 of a blob's bytes.
    BlobHash, 32
}

impl BlobHash {
    /// The hash of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

impl ObjectId {
    /// The id of these signed bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_round_trips_and_debug_is_short() {
        let id = PostingId::from_bytes([0xab; 32]);
        assert_eq!(id.to_string().parse::<PostingId>(), Ok(id));
        assert_eq!(format!("{id:?}"), "PostingId(ababababab)");
        assert_eq!(id.fingerprint(), "abababab");
    }

    #[test]
    fn wrong_lengths_and_alphabets_are_refused() {
        assert_eq!("ab".parse::<PostingId>(), Err(IdParseError { digits: 64 }));
        assert_eq!("zz".repeat(32).parse::<PostingId>(), Err(IdParseError { digits: 64 }));
        assert!(PostingId::try_from(&[0u8; 31][..]).is_err());
    }
}
