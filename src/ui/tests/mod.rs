//! The interface as a person meets it: keys in, pictures and commands out, against a node that answers from memory.

mod fake;
mod fuzz;
mod hostile;
mod journeys;
mod pictures;
mod reading;
mod session;
