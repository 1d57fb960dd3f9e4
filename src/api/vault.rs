//! The passphrase, and what it does: it never shows in anything that is printed, and is erased where it is dropped.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use super::{CallError, Command, ErrorKind, Query};
use crate::limits::PASSPHRASE_BYTES;

/// A passphrase, as typed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Passphrase(String);

impl Passphrase {
    /// Takes what was typed.
    ///
    /// # Errors
    /// [`CallError`] when it is empty or longer than `PASSPHRASE_BYTES`.
    pub fn new(mut typed: String) -> Result<Self, CallError> {
        let wrong = if typed.is_empty() {
            ("the passphrase is empty", "an empty one protects nothing: type at least a few words".to_owned())
        } else if typed.len() > PASSPHRASE_BYTES {
            ("the passphrase is too long", format!("{PASSPHRASE_BYTES} bytes are the most"))
        } else {
            return Ok(Self(typed));
        };
        typed.zeroize();
        Err(CallError::new(ErrorKind::Invalid, wrong.0, wrong.1))
    }

    /// Its bytes, for whoever derives a key from them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

impl Drop for Passphrase {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// How the data key is kept, and whether it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VaultState {
    /// In a file: there is no passphrase.
    Open,
    /// Under a passphrase that was given.
    Unlocked,
    /// Under a passphrase that was not given: the node carries what others say and reads nothing out.
    Locked,
}

/// What is done to the protection of the data key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// This passphrase from now on.
    Passphrase(Passphrase),
    /// None from now on.
    None,
}

impl Command {
    /// Whether a locked node refuses it: all but what concerns peers, the lock and the node itself.
    #[must_use]
    pub const fn needs_keys(&self) -> bool {
        !matches!(
            self,
            Self::AddPeer { .. }
                | Self::BanPeer { .. }
                | Self::UnbanPeer { .. }
                | Self::Sync { .. }
                | Self::Unlock { .. }
                | Self::Protect { .. }
                | Self::Stop
        )
    }
}

impl Query {
    /// Whether a locked node refuses it: all but peers and the node itself.
    #[must_use]
    pub const fn needs_keys(&self) -> bool {
        !matches!(self, Self::Peers | Self::Status)
    }
}

impl CallError {
    /// What a locked node says to whatever needs its keys.
    #[must_use]
    pub fn locked() -> Self {
        Self::new(
            ErrorKind::Passphrase,
            "this data directory is locked",
            "its passphrase opens it: `itsgoin unlock`, or --passphrase-fd",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_is_never_printed_and_never_empty() {
        let passphrase = Passphrase::new("open sesame".to_owned()).unwrap();
        let command = Command::Unlock { passphrase };
        assert!(!format!("{command:?}").contains("sesame"));
        assert_eq!(Passphrase::new(String::new()).unwrap_err().kind, ErrorKind::Invalid);
        assert!(Passphrase::new("x".repeat(PASSPHRASE_BYTES)).is_ok());
        assert!(Passphrase::new("x".repeat(PASSPHRASE_BYTES + 1)).is_err());
    }

    #[test]
    fn a_locked_node_takes_only_what_concerns_itself_and_its_peers() {
        assert!(!Query::Status.needs_keys() && !Query::Peers.needs_keys());
        assert!(Query::People.needs_keys() && Query::Personas.needs_keys());
        assert!(!Command::Stop.needs_keys());
        assert!(Command::CreatePersona { name: "ana".to_owned() }.needs_keys());
    }
}
