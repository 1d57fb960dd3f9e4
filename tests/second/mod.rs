//! A second implementation of conversations (PROTOCOL.md §5, §23, §24), written from that page and raw primitives alone.
//!
//! It shares no line with the program and names nothing of it (a rule of `tests/it/architecture`), so that a mistake
//! would have to be made twice to stay unseen. It is simple where the program is fast: tags are looked for one after
//! another, state is kept in lists, nothing is erased. Time and randomness are handed in.

pub mod dice;
pub mod first_contact;
pub mod inner;
pub mod person;
pub mod post;
pub mod primitives;
pub mod profile;
pub mod ratchet;
pub mod session;
pub mod vectors;
