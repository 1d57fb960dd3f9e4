//! What the store knows about itself.

use rusqlite::params;

use super::{DbError, Read, Write};
use crate::domain::address::PeerAddress;
use crate::domain::cbor;

/// How the node that wrote here last came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastStop {
    /// In order: everything it said is on disk.
    Clean,
    /// Killed, or the machine lost power: commits that were not synced may be gone.
    Unclean,
}

impl Read<'_> {
    /// The 32 secret bytes that name this log.
    pub fn get_epoch_secret(&self) -> Result<[u8; 32], DbError> {
        self.get("SELECT epoch FROM store", [], |row| row.get(0))
    }

    /// Another one since the store was put back from a copy.
    pub fn get_lives(&self) -> Result<[u8; 32], DbError> {
        self.get("SELECT lives FROM store", [], |row| row.get(0))
    }

    /// The token of the last start.
    pub fn get_start_token(&self) -> Result<[u8; 16], DbError> {
        self.get("SELECT start FROM store", [], |row| row.get(0))
    }

    /// The UDP port that was chosen once; `None` until then.
    pub fn find_udp_port(&self) -> Result<Option<u16>, DbError> {
        let port: u16 = self.get("SELECT udp_port FROM store", [], |row| row.get(0))?;
        Ok((port != 0).then_some(port))
    }

    /// Where this node was last reachable, for invites made while it does not run.
    pub fn find_own_address(&self) -> Result<Option<PeerAddress>, DbError> {
        let bytes: Option<Vec<u8>> = self.get("SELECT own_address FROM store", [], |row| row.get(0))?;
        let decode = |bytes: Vec<u8>| {
            cbor::decode_whole(&bytes).map_err(|_malformed| DbError::DamagedRow { table: "store" })
        };
        bytes.map(decode).transpose()
    }

    /// How the last node stopped.
    pub fn get_last_stop(&self) -> Result<LastStop, DbError> {
        let stop: String = self.get("SELECT stop FROM store", [], |row| row.get(0))?;
        Ok(if stop == "clean" { LastStop::Clean } else { LastStop::Unclean })
    }
}

impl Write<'_> {
    /// Gives this log a new name: everybody starts again at its beginning.
    pub fn update_epoch_secret(&self, secret: &[u8; 32]) -> Result<(), DbError> {
        self.execute("UPDATE store SET epoch = ?1", params![secret])?;
        Ok(())
    }

    /// Notes that the store was put back, so that conversations begin anew. Never because a peer says so: everybody we
    /// write with hears of it.
    pub fn update_lives(&self, mark: &[u8; 32]) -> Result<(), DbError> {
        self.execute("UPDATE store SET lives = ?1", params![mark])?;
        Ok(())
    }

    /// Notes a start.
    pub fn update_start_token(&self, token: &[u8; 16]) -> Result<(), DbError> {
        self.execute("UPDATE store SET start = ?1", params![token])?;
        Ok(())
    }

    /// Keeps the chosen UDP port.
    pub fn update_udp_port(&self, port: u16) -> Result<(), DbError> {
        self.execute("UPDATE store SET udp_port = ?1", params![port])?;
        Ok(())
    }

    /// Keeps where this node is reachable now.
    pub fn update_own_address(&self, address: &PeerAddress) -> Result<(), DbError> {
        self.execute("UPDATE store SET own_address = ?1", params![cbor::encode(address)])?;
        Ok(())
    }

    /// Notes that a node runs on this store, or that it stopped in order.
    pub fn update_stop(&self, stop: LastStop) -> Result<(), DbError> {
        let stop = match stop {
            LastStop::Clean => "clean",
            LastStop::Unclean => "running",
        };
        self.execute("UPDATE store SET stop = ?1", params![stop])?;
        Ok(())
    }
}
