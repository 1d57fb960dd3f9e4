//! What a persona signs inside of a conversation: versions of a group's roster, and comments that somebody else passes
//! on. Everything else that is said there is proven by its keys alone and can be denied; these have to hold before
//! people who did not hear them from whoever said them.
//!
//! A statement is no object: it is never stored or offered by its id, and its contexts are none of theirs.

use ed25519_dalek::Signature;

use super::envelope::{SignatureError, usable_key};
use super::ids::PostingId;

/// What is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statement {
    /// A version of a roster.
    Roster,
    /// A comment on a post to a circle.
    Comment,
}

impl Statement {
    const fn context(self) -> &'static [u8] {
        match self {
            Self::Roster => b"itsgoin/dm/1 roster\0",
            Self::Comment => b"itsgoin/dm/1 comment\0",
        }
    }
}

/// The bytes a signature covers: the context and BLAKE3 of what is stated.
#[must_use]
pub fn statement_message(statement: Statement, bytes: &[u8]) -> Vec<u8> {
    [statement.context(), blake3::hash(bytes).as_bytes()].concat()
}

/// Checks that somebody stated this, by the rule of all signatures.
///
/// # Errors
/// [`SignatureError`] when the claim is false.
pub fn verify_statement(
    statement: Statement,
    author: PostingId,
    bytes: &[u8],
    signature: &[u8; 64],
) -> Result<(), SignatureError> {
    let key = usable_key(author).map_err(|_weak| SignatureError)?;
    key.verify_strict(&statement_message(statement, bytes), &Signature::from_bytes(signature))
        .map_err(|_mismatch| SignatureError)
}
