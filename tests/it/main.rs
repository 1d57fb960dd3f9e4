//! The rules of the house, and the program as people and scripts meet it: the real binary, real sockets on loopback,
//! real files.
//!
//! Every test has its own directories and ends its own processes. Nothing sleeps for luck: what is waited for is
//! looked for again and again until a deadline.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod attach;
#[cfg(test)]
mod attachments;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bans;
#[cfg(test)]
#[cfg(feature = "long")]
mod churn;
#[cfg(test)]
mod conversations;
#[cfg(test)]
mod crashes;
#[cfg(test)]
#[cfg(feature = "long")]
mod delivery;
#[cfg(test)]
mod detour;
#[cfg(test)]
mod first_light;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod hostile_peers;
#[cfg(test)]
mod locked;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod names;
#[cfg(test)]
mod output;
#[cfg(test)]
mod pool;
#[cfg(test)]
mod program;
#[cfg(test)]
mod responses;
#[cfg(test)]
mod screen;
#[cfg(test)]
mod scripts;
#[cfg(test)]
#[path = "../second/mod.rs"]
mod second;
#[cfg(test)]
mod second_alone;
#[cfg(test)]
mod terminal;
#[cfg(test)]
mod twelve;
#[cfg(test)]
mod vault;
#[cfg(test)]
mod ways;
