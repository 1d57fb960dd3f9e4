//! The two lines of CBOR that objects share: nothing may follow the value, and encoding into memory cannot fail.

use minicbor::{Decode, Decoder, Encode};

use super::envelope::ContentError;

/// Decodes one value that fills all of `bytes`.
///
/// # Errors
/// [`ContentError::Malformed`] for anything else.
pub fn decode_whole<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, ContentError> {
    let mut decoder = Decoder::new(bytes);
    let value = decoder.decode().map_err(|_detail| ContentError::Malformed)?;
    if decoder.position() == bytes.len() { Ok(value) } else { Err(ContentError::Malformed) }
}

/// Encodes a value with ascending keys and shortest integers.
///
/// # Panics
/// Never: writing into a `Vec` has no error.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    minicbor::to_vec(value).expect("encoding into memory cannot fail")
}
