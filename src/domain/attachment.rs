//! What a post carries besides its text: blobs, named by the hash of their bytes. The bytes themselves are no part of
//! the post; whoever has them can prove that they are the ones that were meant.

use minicbor::decode::Error as DecodeError;
use minicbor::{Decode, Decoder, Encode, Encoder};

use super::envelope::ContentError;
use super::ids::BlobHash;
use crate::limits::{BLOB_BYTES, POST_ATTACHMENTS, SHORT_FIELD_BYTES};

/// One attachment, as its author describes it. Only the hash is sure; size, kind and name are claims.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Attachment {
    /// BLAKE3 of its bytes.
    #[n(0)]
    pub blob: BlobHash,
    /// How many bytes it has: 1 to [`BLOB_BYTES`].
    #[n(1)]
    pub size_bytes: u64,
    /// What kind of file it is, like `image/png`; at most [`SHORT_FIELD_BYTES`].
    #[n(2)]
    pub media_type: String,
    /// What the file is called; at most [`SHORT_FIELD_BYTES`]. Never a path.
    #[n(3)]
    pub name: String,
    /// What can be seen or heard in it, for whoever cannot; at most [`SHORT_FIELD_BYTES`].
    #[n(4)]
    pub alt: Option<String>,
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attachment({:?}, {} bytes)", self.blob, self.size_bytes)
    }
}

impl Attachment {
    /// Whether size and fields are within their bounds.
    ///
    /// # Errors
    /// [`ContentError::Empty`] for a blob without bytes, [`ContentError::TooLarge`] for what is above its bound.
    pub fn check(&self) -> Result<(), ContentError> {
        let alt = self.alt.as_deref().unwrap_or_default();
        let is_long = [self.media_type.as_str(), self.name.as_str(), alt]
            .iter()
            .any(|field| field.len() > SHORT_FIELD_BYTES);
        if is_long || self.size_bytes > BLOB_BYTES {
            return Err(ContentError::TooLarge);
        }
        if self.size_bytes == 0 { Err(ContentError::Empty) } else { Ok(()) }
    }
}

/// The attachments of a post, in the order of their author. An empty list stands nowhere in the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attachments(Vec<Attachment>);

impl Attachments {
    /// At most [`POST_ATTACHMENTS`] of them.
    ///
    /// # Errors
    /// [`ContentError::TooLarge`] for more, or what [`Attachment::check`] says of one.
    pub fn new(attachments: Vec<Attachment>) -> Result<Self, ContentError> {
        let attachments = Self(attachments);
        attachments.check().map(|()| attachments)
    }

    /// The attachments.
    #[must_use]
    pub fn as_slice(&self) -> &[Attachment] {
        &self.0
    }

    pub(super) fn check(&self) -> Result<(), ContentError> {
        if self.0.len() > POST_ATTACHMENTS {
            return Err(ContentError::TooLarge);
        }
        self.0.iter().try_for_each(Attachment::check)
    }
}

impl<C> Encode<C> for Attachments {
    fn encode<W: minicbor::encode::Write>(
        &self,
        encoder: &mut Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        self.0.encode(encoder, context)
    }

    fn is_nil(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'b, C> Decode<'b, C> for Attachments {
    /// A definite list within its bound; nothing is allocated by the claimed length.
    fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, DecodeError> {
        let position = decoder.position();
        let length = decoder.array()?.and_then(|length| usize::try_from(length).ok());
        match length {
            Some(length) if length <= POST_ATTACHMENTS => {
                (0..length).map(|_| decoder.decode_with(context)).collect::<Result<_, _>>().map(Self)
            }
            _ => Err(DecodeError::message("not a list of attachments").at(position)),
        }
    }

    fn nil() -> Option<Self> {
        Some(Self::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attachment(size_bytes: u64, name: String) -> Attachment {
        let blob = BlobHash::from_bytes([7; 32]);
        Attachment { blob, size_bytes, media_type: "image/png".to_owned(), name, alt: None }
    }

    #[test]
    fn sizes_fields_and_their_number_are_bounded() {
        let fine = || attachment(1, "a".repeat(SHORT_FIELD_BYTES));
        assert_eq!(Attachments::new(vec![fine(); POST_ATTACHMENTS]).map(|list| list.0.len()), Ok(8));
        assert_eq!(Attachments::new(vec![fine(); POST_ATTACHMENTS + 1]), Err(ContentError::TooLarge));
        assert_eq!(attachment(BLOB_BYTES, String::new()).check(), Ok(()));
        assert_eq!(attachment(BLOB_BYTES + 1, String::new()).check(), Err(ContentError::TooLarge));
        assert_eq!(attachment(0, String::new()).check(), Err(ContentError::Empty));
        let long = attachment(1, "a".repeat(SHORT_FIELD_BYTES + 1));
        assert_eq!(long.check(), Err(ContentError::TooLarge));
    }

    #[test]
    fn a_list_that_claims_to_be_long_is_refused_before_anything_is_allocated() {
        let mut bytes = Vec::new();
        Encoder::new(&mut bytes).array(1 << 60).unwrap();
        assert!(minicbor::decode::<Attachments>(&bytes).is_err());
    }
}
