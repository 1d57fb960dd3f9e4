//! Other nodes: where they are, which log of theirs we read, and how far.

use std::net::SocketAddr;

use rusqlite::params;

use super::{Author, DbError, Peer, Read, Write};
use crate::domain::address::PeerAddress;
use crate::domain::ids::NetworkId;
use crate::domain::log::Seq;
use crate::domain::time::Timestamp;
use crate::limits::{KNOWN_PEERS, PEER_SOCKETS};

impl Read<'_> {
    /// The row of a node.
    pub fn find_peer(&self, network_id: NetworkId) -> Result<Option<Peer>, DbError> {
        self.find("SELECT peer FROM peers WHERE network_id = ?1", [network_id], |row| row.get(0))
    }

    /// Known nodes, those seen last first, at most `limit`.
    pub fn list_peers(&self, limit: u32) -> Result<Vec<(Peer, NetworkId)>, DbError> {
        self.list(
            "SELECT peer, network_id FROM peers ORDER BY seen_ms DESC, network_id LIMIT ?1",
            [limit],
            |row| Ok((row.get(0)?, row.get(1)?)),
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

    /// How far a peer's log was read for an author.
    pub fn get_cursor(&self, peer: Peer, author: Author) -> Result<Seq, DbError> {
        let since = self.find(
            "SELECT since FROM cursors WHERE peer = ?1 AND author = ?2",
            params![peer, author],
            |row| row.get(0),
        )?;
        Ok(since.unwrap_or_default())
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
    /// Remembers a node and the ways to it; forgets the one not seen for longest above [`KNOWN_PEERS`].
    pub fn insert_peer(&self, address: &PeerAddress, now: Timestamp) -> Result<Peer, DbError> {
        self.execute(
            "INSERT INTO peers (network_id, seen_ms, relay) VALUES (?1, ?2, ?3)
             ON CONFLICT (network_id) DO UPDATE SET relay = coalesce(?3, relay)",
            params![address.network_id, now, address.relay],
        )?;
        let peer = self.find_peer(address.network_id)?.ok_or(DbError::MissingRow { table: "peers" })?;
        for socket in &address.sockets {
            self.execute(
                "INSERT INTO peer_sockets (peer, socket, seen_ms) VALUES (?1, ?2, ?3)
                 ON CONFLICT (peer, socket) DO UPDATE SET seen_ms = ?3",
                params![peer, socket.to_string(), now],
            )?;
        }
        self.execute(
            "DELETE FROM peer_sockets WHERE peer = ?1 AND socket NOT IN
             (SELECT socket FROM peer_sockets WHERE peer = ?1 ORDER BY seen_ms DESC, socket LIMIT ?2)",
            params![peer, i64::try_from(PEER_SOCKETS).unwrap_or(0)],
        )?;
        self.delete_oldest_peers()?;
        Ok(peer)
    }

    fn delete_oldest_peers(&self) -> Result<(), DbError> {
        let oldest: Vec<Peer> = self.list(
            "SELECT peer FROM peers ORDER BY seen_ms DESC, network_id LIMIT -1 OFFSET ?1",
            [KNOWN_PEERS],
            |row| row.get(0),
        )?;
        for peer in oldest {
            self.execute("DELETE FROM peer_sockets WHERE peer = ?1", [peer])?;
            self.execute("DELETE FROM cursors WHERE peer = ?1", [peer])?;
            self.execute("DELETE FROM peers WHERE peer = ?1", [peer])?;
        }
        Ok(())
    }

    /// Notes that a node said `Hello`.
    pub fn update_peer_seen(&self, peer: Peer, now: Timestamp) -> Result<(), DbError> {
        self.execute("UPDATE peers SET seen_ms = ?2 WHERE peer = ?1", params![peer, now])?;
        Ok(())
    }

    /// Notes the name of the peer's log. Another name than before means another log: all cursors are forgotten.
    pub fn replace_epoch(&self, peer: Peer, epoch: [u8; 16]) -> Result<(), DbError> {
        if self.find_epoch(peer)? != Some(epoch) {
            self.execute("DELETE FROM cursors WHERE peer = ?1", [peer])?;
            self.execute("UPDATE peers SET epoch = ?2 WHERE peer = ?1", params![peer, epoch])?;
        }
        Ok(())
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
