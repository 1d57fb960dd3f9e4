//! A post: signed, immutable text of one author, with the blobs it names.

use minicbor::{Decode, Encode};

use super::attachment::{Attachment, Attachments};
use super::envelope::{Content, ContentError, Kind};
use super::ids::PostingId;
use super::time::Timestamp;
use crate::limits::{POST_BYTES, POST_TEXT_BYTES};

/// The version of the post format this program writes and reads.
const VERSION: u8 = 1;

/// What an author says. Map keys are the format; new fields are optional ones with higher keys.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Post {
    #[n(0)]
    version: u8,
    #[n(1)]
    author: PostingId,
    #[n(2)]
    created: Timestamp,
    #[n(3)]
    text: String,
    #[n(4)]
    attachments: Attachments,
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Post(by {:?}, {} bytes)", self.author, self.text.len())
    }
}

impl Post {
    /// A post to be signed.
    ///
    /// # Errors
    /// [`ContentError::Empty`] for text without a visible character, [`ContentError::TooLarge`] above
    /// [`POST_TEXT_BYTES`].
    pub fn new(author: PostingId, created: Timestamp, text: String) -> Result<Self, ContentError> {
        Self::with_attachments(author, created, text, Attachments::default())
    }

    /// A post with attachments, to be signed. With at least one the text may be empty: a picture says enough.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_attachments(
        author: PostingId,
        created: Timestamp,
        text: String,
        attachments: Attachments,
    ) -> Result<Self, ContentError> {
        let post = Self { version: VERSION, author, created, text, attachments };
        post.check().map(|()| post)
    }

    /// The raw text. Strangers wrote it: show it through `SafeText` only.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it carries besides the text. Names and kinds are raw: strangers wrote them.
    #[must_use]
    pub fn attachments(&self) -> &[Attachment] {
        self.attachments.as_slice()
    }

    fn check(&self) -> Result<(), ContentError> {
        if self.version != VERSION {
            return Err(ContentError::UnknownVersion);
        }
        if self.text.len() > POST_TEXT_BYTES {
            return Err(ContentError::TooLarge);
        }
        self.attachments.check()?;
        if self.text.trim().is_empty() && self.attachments().is_empty() {
            return Err(ContentError::Empty);
        }
        Ok(())
    }
}

impl Content for Post {
    const KIND: Kind = Kind::Post;

    fn decode(bytes: &[u8]) -> Result<Self, ContentError> {
        if bytes.len() > POST_BYTES {
            return Err(ContentError::TooLarge);
        }
        let post: Self = super::cbor::decode_whole(bytes)?;
        post.check().map(|()| post)
    }

    fn encode(&self) -> Vec<u8> {
        super::cbor::encode(self)
    }

    fn author(&self) -> PostingId {
        self.author
    }

    fn created(&self) -> Timestamp {
        self.created
    }
}
