//! Other nodes: where they are, which log of theirs we read, and how far.

use std::net::SocketAddr;

use rusqlite::{Row, params};

use super::{Author, DbError, Peer, Read, Write};
use crate::domain::address::PeerAddress;
use crate::domain::ids::NetworkId;
use crate::domain::log::Seq;
use crate::domain::time::Timestamp;
use crate::limits::PEER_SOCKETS;

/// A known node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerRow {
    /// Its row.
    pub peer: Peer,
    /// Who it is.
    pub network_id: NetworkId,
    /// Whether a person named it or it brought something wanted.
    pub worth: PeerWorth,
    /// When it last said `Hello`, or was added.
    pub seen: Timestamp,
}

/// Why a node is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerWorth {
    /// A person named it, or it brought something wanted.
    Kept,
    /// It said `Hello`.
    Stranger,
}

/// Where the ways to a node come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressSource {
    /// A connection.
    Reached,
    /// Somebody's word.
    Named,
}

/// Whether a peer's log is the one we read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogIs {
    /// The one its cursors belong to.
    Known,
    /// Another one, read from the start.
    Another,
}

fn peer_row(row: &Row<'_>) -> rusqlite::Result<PeerRow> {
    let is_kept: i64 = row.get(2)?;
    let worth = if is_kept == 0 { PeerWorth::Stranger } else { PeerWorth::Kept };
    Ok(PeerRow { peer: row.get(0)?, network_id: row.get(1)?, worth, seen: row.get(3)? })
}

impl Read<'_> {
    /// The row of a node.
    pub fn find_peer(&self, network_id: NetworkId) -> Result<Option<Peer>, DbError> {
        self.find("SELECT peer FROM peers WHERE network_id = ?1", [network_id], |row| row.get(0))
    }

    /// Known nodes, those to be kept and seen last first, at most `limit`.
    pub fn list_peers(&self, limit: u32) -> Result<Vec<PeerRow>, DbError> {
        self.list(
            "SELECT peer, network_id, is_kept, seen_ms FROM peers
             ORDER BY is_kept DESC, seen_ms DESC, network_id DESC LIMIT ?1",
            [limit],
            peer_row,
        )
    }

    /// Known nodes, those to be forgotten first first, at most `limit`.
    pub fn list_forgettable_peers(&self, limit: u32) -> Result<Vec<PeerRow>, DbError> {
        self.list(
            "SELECT peer, network_id, is_kept, seen_ms FROM peers
             ORDER BY is_kept, seen_ms, network_id LIMIT ?1",
            [limit],
            peer_row,
        )
    }

    /// How many nodes are known.
    pub fn count_peers(&self) -> Result<u64, DbError> {
        let count: i64 = self.get("SELECT count(*) FROM peers", [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Where a node can be reached, the newest socket first.
    pub fn get_peer_address(&self, peer: Peer) -> Result<PeerAddress, DbError> {
        let (network_id, relay) = self
            .find("SELECT network_id, relay FROM peers WHERE peer = ?1", [peer], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?
            .ok_or(DbError::MissingRow { table: "peers" })?;
        let texts: Vec<String> = self.list(
            "SELECT socket FROM peer_sockets WHERE peer = ?1 ORDER BY seen_ms DESC, socket LIMIT ?2",
            params![peer, i64::try_from(PEER_SOCKETS).unwrap_or(0)],
            |row| row.get(0),
        )?;
        let sockets = texts
            .iter()
            .map(|text| text.parse().map_err(|_not_a_socket| DbError::DamagedRow { table: "peer_sockets" }))
            .collect::<Result<Vec<SocketAddr>, _>>()?;
        Ok(PeerAddress { network_id, sockets, relay })
    }

    /// How far a peer's log was read, for every author that was read at all.
    pub fn list_cursors(&self, peer: Peer) -> Result<Vec<(Author, Seq)>, DbError> {
        self.list("SELECT author, since FROM cursors WHERE peer = ?1", [peer], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
    }

    /// The name of the peer's log as of the last answer.
    pub fn find_epoch(&self, peer: Peer) -> Result<Option<[u8; 16]>, DbError> {
        Ok(self.find("SELECT epoch FROM peers WHERE peer = ?1", [peer], |row| row.get(0))?.flatten())
    }
}

impl Write<'_> {
    /// Remembers a node and the ways to it. A socket where it was reached counts for more than one somebody named.
    pub fn insert_peer(
        &self,
        address: &PeerAddress,
        now: Timestamp,
        source: AddressSource,
    ) -> Result<Peer, DbError> {
        self.execute(
            "INSERT INTO peers (network_id, is_kept, seen_ms, relay) VALUES (?1, 0, ?2, ?3)
             ON CONFLICT (network_id) DO UPDATE SET relay = coalesce(?3, relay)",
            params![address.network_id, now, address.relay],
        )?;
        let peer = self.find_peer(address.network_id)?.ok_or(DbError::MissingRow { table: "peers" })?;
        let seen = match source {
            AddressSource::Reached => now,
            AddressSource::Named => Timestamp::ZERO,
        };
        for socket in &address.sockets {
            self.execute(
                "INSERT INTO peer_sockets (peer, socket, seen_ms) VALUES (?1, ?2, ?3)
                 ON CONFLICT (peer, socket) DO UPDATE SET seen_ms = max(seen_ms, ?3)",
                params![peer, socket.to_string(), seen],
            )?;
        }
        self.execute(
            "DELETE FROM peer_sockets WHERE peer = ?1 AND socket NOT IN
             (SELECT socket FROM peer_sockets WHERE peer = ?1 ORDER BY seen_ms DESC, socket LIMIT ?2)",
            params![peer, i64::try_from(PEER_SOCKETS).unwrap_or(0)],
        )?;
        Ok(peer)
    }

    /// Notes that a node is worth keeping.
    pub fn update_peer_kept(&self, peer: Peer) -> Result<(), DbError> {
        self.execute("UPDATE peers SET is_kept = 1 WHERE peer = ?1 AND is_kept = 0", [peer])?;
        Ok(())
    }

    /// Forgets a node.
    pub fn delete_peer(&self, peer: Peer) -> Result<(), DbError> {
        self.execute("DELETE FROM peer_sockets WHERE peer = ?1", [peer])?;
        self.execute("DELETE FROM cursors WHERE peer = ?1", [peer])?;
        self.execute("DELETE FROM author_seats WHERE peer = ?1", [peer])?;
        self.execute("DELETE FROM file_holders WHERE peer_id = ?1", [peer])?;
        self.execute("DELETE FROM sealed_cursors WHERE peer = ?1", [peer])?;
        self.execute("DELETE FROM peers WHERE peer = ?1", [peer])?;
        Ok(())
    }

    /// Notes that a node said `Hello`.
    pub fn update_peer_seen(&self, peer: Peer, now: Timestamp) -> Result<(), DbError> {
        self.execute("UPDATE peers SET seen_ms = ?2 WHERE peer = ?1", params![peer, now])?;
        Ok(())
    }

    /// Notes the name of the peer's log. Another name than before means another log: all cursors are forgotten.
    pub fn replace_epoch(&self, peer: Peer, epoch: [u8; 16]) -> Result<LogIs, DbError> {
        if self.find_epoch(peer)? == Some(epoch) {
            return Ok(LogIs::Known);
        }
        self.execute("DELETE FROM cursors WHERE peer = ?1", [peer])?;
        self.execute("DELETE FROM sealed_cursors WHERE peer = ?1", [peer])?;
        self.execute("UPDATE peers SET epoch = ?2 WHERE peer = ?1", params![peer, epoch])?;
        Ok(LogIs::Another)
    }

    /// Sets how far a peer's log was read for an author.
    pub fn replace_cursor(&self, peer: Peer, author: Author, since: Seq) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO cursors (peer, author, since) VALUES (?1, ?2, ?3)
             ON CONFLICT (peer, author) DO UPDATE SET since = ?3",
            params![peer, author, since],
        )?;
        Ok(())
    }

    /// Moves the cursors of these authors that stand at `since` to `upto`; others stay where they are.
    pub fn move_cursors(&self, peer: Peer, authors: &[Author], since: Seq, upto: Seq) -> Result<(), DbError> {
        let numbers: Vec<String> = authors.iter().map(|author| author.0.to_string()).collect();
        let numbers = format!("[{}]", numbers.join(","));
        let moved = if since == Seq::START {
            // No row means from the start.
            "INSERT INTO cursors (peer, author, since) SELECT ?1, value, ?4 FROM json_each(?2) WHERE true
             ON CONFLICT (peer, author) DO UPDATE SET since = ?4 WHERE since = ?3"
        } else {
            "UPDATE cursors SET since = ?4
             WHERE peer = ?1 AND since = ?3 AND author IN (SELECT value FROM json_each(?2))"
        };
        self.execute(moved, params![peer, numbers, since, upto])?;
        Ok(())
    }

    /// Forgets how far every peer's log was read for an author.
    pub fn delete_cursors_of(&self, author: Author) -> Result<(), DbError> {
        self.execute("DELETE FROM cursors WHERE author = ?1", [author])?;
        Ok(())
    }
}
