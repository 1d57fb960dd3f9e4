//! The interface as a person meets it: keys in, pictures and commands out, against a node that answers from memory.

mod attachments;
pub mod fake;
mod fuzz;
mod groups;
mod hostile;
mod journeys;
pub mod mail;
mod messages;
mod pictures;
mod reading;
mod session;
pub mod talk;
mod talking;
