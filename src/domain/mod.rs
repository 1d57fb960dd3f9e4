//! The vocabulary: values and what is true about them. No I/O, no clock, nothing asynchronous.

pub mod address;
pub mod attachment;
pub mod cbor;
pub mod conversation;
pub mod envelope;
pub mod ids;
pub mod inner;
pub mod invite;
pub mod log;
pub mod manifest;
pub mod media;
pub mod operation;
pub mod ordering;
pub mod post;
pub mod profile;
pub mod roster;
pub mod sealed;
pub mod standing;
pub mod statement;
pub mod text;
pub mod time;
pub mod words;
