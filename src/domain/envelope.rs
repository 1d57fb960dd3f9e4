//! Signed objects: `Envelope` (bytes and a signature), `Signed<T>` (a claim), `Verified<T>` (a fact).
//!
//! `id = BLAKE3(bytes)`, the signature is over `context(kind) ‖ id`. The kind stands outside the signed bytes and
//! is bound by the context. Received bytes are stored and forwarded verbatim, so fields we do not know survive.
//! [`Signed::verify`] is the one place in the program that checks a content signature.

use ed25519_dalek::{Signature, VerifyingKey};
use thiserror::Error;

use super::ids::{ObjectId, PostingId};
use super::manifest::Manifest;
use super::operation::Operation;
use super::post::Post;
use super::profile::Profile;
use super::sealed::Sealed;
use super::time::Timestamp;

/// What an envelope holds. The number is its code on the wire and in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Signed, immutable content.
    Post,
    /// Name and further facts of a posting id.
    Profile,
    /// A change of a post's header: comment, reaction, edit, deletion.
    Operation,
    /// What an author published last.
    Manifest,
    /// Encrypted content of a one-time author.
    Sealed,
}

impl Kind {
    /// The number that stands for the kind on the wire and in the store.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::Post => 1,
            Self::Profile => 2,
            Self::Operation => 3,
            Self::Manifest => 4,
            Self::Sealed => 5,
        }
    }

    /// The kind with this number, if this version knows it.
    #[must_use]
    pub const fn from_code(code: u16) -> Option<Self> {
        match code {
            1 => Some(Self::Post),
            2 => Some(Self::Profile),
            3 => Some(Self::Operation),
            4 => Some(Self::Manifest),
            5 => Some(Self::Sealed),
            _ => None,
        }
    }

    /// What is signed before the id, so that a signature for one kind is none for another.
    #[must_use]
    pub const fn context(self) -> &'static [u8] {
        match self {
            Self::Post => b"itsgoin/0.6/post\0",
            Self::Profile => b"itsgoin/0.6/profile\0",
            Self::Operation => b"itsgoin/0.6/operation\0",
            Self::Manifest => b"itsgoin/0.6/manifest\0",
            Self::Sealed => b"itsgoin/0.6/sealed\0",
        }
    }
}

/// Signed bytes as they travel and are stored. Nothing in it has been checked.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What `bytes` claim to be.
    pub kind: Kind,
    /// Deterministic CBOR, exactly as signed.
    pub bytes: Vec<u8>,
    /// Ed25519 over `context(kind) ‖ BLAKE3(bytes)`.
    pub signature: [u8; 64],
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Envelope({:?}, {} bytes)", self.kind, self.bytes.len())
    }
}

impl Envelope {
    /// The id of the signed bytes.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        ObjectId::of(&self.bytes)
    }
}

/// Why bytes are not an object. All of these are decided by the bytes alone, so an id refused for one of them is
/// refused for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ContentError {
    /// Not the CBOR map the kind asks for, or something behind it.
    #[error("the bytes are not a well-formed object")]
    Malformed,
    /// A version this program does not know.
    #[error("the object has an unknown version")]
    UnknownVersion,
    /// A field or the whole is larger than `limits` allow.
    #[error("the object is larger than allowed")]
    TooLarge,
    /// A post without text, a name without characters.
    #[error("the object is empty")]
    Empty,
    /// An operation its author can never perform on this target.
    #[error("the author may not do this")]
    Forbidden,
    /// The author is not a usable Ed25519 key (small order or not on the curve).
    #[error("the author is not a usable key")]
    WeakAuthor,
}

/// A content signature is not the author's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the signature is not the author's")]
pub struct SignatureError;

/// Content that can be signed. Implemented by [`Post`], [`Profile`], [`Operation`], [`Manifest`] and [`Sealed`].
pub trait Content: Sized {
    /// The kind of its envelopes.
    const KIND: Kind;
    /// Reads and bounds the signed bytes; whether the author is a usable key is [`Signed::decode`]'s question.
    ///
    /// # Errors
    /// [`ContentError`] when the bytes are no such object.
    fn decode(bytes: &[u8]) -> Result<Self, ContentError>;
    /// The bytes to be signed: deterministic CBOR with ascending integer keys.
    fn encode(&self) -> Vec<u8>;
    /// Who claims to have signed it.
    fn author(&self) -> PostingId;
    /// When that author says it was made.
    fn created(&self) -> Timestamp;
}

/// Decoded content with the envelope it came in: what somebody claims, not yet checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<T> {
    id: ObjectId,
    envelope: Envelope,
    content: T,
}

impl<T: Content> Signed<T> {
    /// Decodes the envelope's bytes.
    ///
    /// # Errors
    /// [`ContentError`] when the bytes are no such object or name no usable author, also when the envelope is of
    /// another kind.
    pub fn decode(envelope: Envelope) -> Result<Self, ContentError> {
        if envelope.kind != T::KIND {
            return Err(ContentError::Malformed);
        }
        let content = T::decode(&envelope.bytes)?;
        usable_key(content.author())?;
        Ok(Self { id: envelope.id(), envelope, content })
    }

    /// Checks the signature with `verify_strict`, weak keys refused. This rule is part of the protocol: nodes
    /// that disagreed about it would punish each other.
    ///
    /// # Errors
    /// [`SignatureError`] when the claim is false.
    pub fn verify(self) -> Result<Verified<T>, SignatureError> {
        let key = usable_key(self.content.author()).map_err(|_weak| SignatureError)?;
        let signature = Signature::from_bytes(&self.envelope.signature);
        key.verify_strict(&signed_message(T::KIND, self.id), &signature)
            .map_err(|_mismatch| SignatureError)?;
        Ok(Verified(self))
    }
}

/// Content whose author's signature was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T>(Signed<T>);

impl<T> Verified<T> {
    /// BLAKE3 of the signed bytes.
    #[must_use]
    pub const fn id(&self) -> ObjectId {
        self.0.id
    }

    /// The bytes and signature as received.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        &self.0.envelope
    }

    /// The decoded content.
    #[must_use]
    pub const fn content(&self) -> &T {
        &self.0.content
    }
}

/// An object of any kind, signature checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A post.
    Post(Verified<Post>),
    /// A profile.
    Profile(Verified<Profile>),
    /// An operation.
    Operation(Box<Verified<Operation>>),
    /// A manifest.
    Manifest(Box<Verified<Manifest>>),
    /// A sealed post.
    Sealed(Box<Verified<Sealed>>),
}

/// Why an envelope did not become an [`Object`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ObjectError {
    /// Decided by the bytes: refused for good.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// Decided by the signature, which the id does not cover: another copy may be good.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl Object {
    /// Decodes and verifies an envelope of any known kind.
    ///
    /// # Errors
    /// [`ObjectError`]: see its variants for which of them condemn the id and which only the copy.
    pub fn verify(envelope: Envelope) -> Result<Self, ObjectError> {
        match envelope.kind {
            Kind::Post => Ok(Self::Post(Signed::decode(envelope)?.verify()?)),
            Kind::Profile => Ok(Self::Profile(Signed::decode(envelope)?.verify()?)),
            Kind::Operation => Ok(Self::Operation(Box::new(Signed::decode(envelope)?.verify()?))),
            Kind::Manifest => Ok(Self::Manifest(Box::new(Signed::decode(envelope)?.verify()?))),
            Kind::Sealed => Ok(Self::Sealed(Box::new(Signed::decode(envelope)?.verify()?))),
        }
    }

    /// BLAKE3 of the signed bytes.
    #[must_use]
    pub const fn id(&self) -> ObjectId {
        match self {
            Self::Post(post) => post.id(),
            Self::Profile(profile) => profile.id(),
            Self::Operation(operation) => operation.id(),
            Self::Manifest(manifest) => manifest.id(),
            Self::Sealed(sealed) => sealed.id(),
        }
    }

    /// Who signed it.
    #[must_use]
    pub fn author(&self) -> PostingId {
        match self {
            Self::Post(post) => post.content().author(),
            Self::Profile(profile) => profile.content().author(),
            Self::Operation(operation) => operation.content().author(),
            Self::Manifest(manifest) => manifest.content().author(),
            Self::Sealed(sealed) => sealed.content().author(),
        }
    }

    /// Under whom it stands in the arrival log, so who has to be wanted for it to be wanted: its author, for an
    /// operation the author of the post it is about.
    #[must_use]
    pub fn log_author(&self) -> PostingId {
        match self {
            Self::Post(_) | Self::Profile(_) | Self::Manifest(_) | Self::Sealed(_) => self.author(),
            Self::Operation(operation) => operation.content().target().author,
        }
    }

    /// The bytes and signature as received.
    #[must_use]
    pub const fn envelope(&self) -> &Envelope {
        match self {
            Self::Post(post) => post.envelope(),
            Self::Profile(profile) => profile.envelope(),
            Self::Operation(operation) => operation.envelope(),
            Self::Manifest(manifest) => manifest.envelope(),
            Self::Sealed(sealed) => sealed.envelope(),
        }
    }

    /// When its author says it was made.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        match self {
            Self::Post(post) => post.content().created(),
            Self::Profile(profile) => profile.content().created(),
            Self::Operation(operation) => operation.content().created(),
            Self::Manifest(manifest) => manifest.content().created(),
            Self::Sealed(sealed) => sealed.content().created(),
        }
    }
}

/// The bytes a signature covers: `context(kind) ‖ id`.
#[must_use]
pub fn signed_message(kind: Kind, id: ObjectId) -> Vec<u8> {
    [kind.context(), id.as_bytes()].concat()
}

/// The author as a key, refusing points of small order and points off the curve.
///
/// # Errors
/// [`ContentError::WeakAuthor`].
pub fn usable_key(author: PostingId) -> Result<VerifyingKey, ContentError> {
    match VerifyingKey::from_bytes(author.as_bytes()) {
        Ok(key) if !key.is_weak() => Ok(key),
        Ok(_) | Err(_) => Err(ContentError::WeakAuthor),
    }
}
