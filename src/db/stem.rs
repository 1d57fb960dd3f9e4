//! Sealed posts on the stem: stored so that they survive a crash, and part of nothing a peer can ask for. Nothing here
//! tells whether one was made by this node.

use rusqlite::params;

use super::introducers::Introducer;
use super::{DbError, Read, Write};
use crate::domain::envelope::{Envelope, Kind};
use crate::domain::ids::ObjectId;

/// A sealed post on the stem, without its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StemRow {
    /// Its id.
    pub object_id: ObjectId,
    /// Under whom it stands.
    pub introducer: Introducer,
    /// Bytes of its signed part.
    pub size: u64,
}

impl Read<'_> {
    /// Everything on the stem, in the order it came. What may be there is bounded where it enters.
    pub fn list_stem(&self) -> Result<Vec<StemRow>, DbError> {
        self.list(
            "SELECT object_id, node, prefix, length(bytes) FROM sealed_stem ORDER BY rowid",
            [],
            |row| {
                let (node, prefix): (Vec<u8>, Vec<u8>) = (row.get(1)?, row.get(2)?);
                let size: i64 = row.get(3)?;
                let introducer = Introducer::from_bytes(&node, &prefix);
                Ok(StemRow { object_id: row.get(0)?, introducer, size: size.unsigned_abs() })
            },
        )
    }

    /// The bytes and signature of a post on the stem.
    pub fn find_stemmed(&self, object_id: ObjectId) -> Result<Option<Envelope>, DbError> {
        self.find("SELECT bytes, signature FROM sealed_stem WHERE object_id = ?1", [object_id], |row| {
            Ok(Envelope { kind: Kind::Sealed, bytes: row.get(0)?, signature: row.get(1)? })
        })
    }
}

impl Write<'_> {
    /// Puts a sealed post on the stem. It must not be there.
    pub fn insert_stem(
        &self,
        object_id: ObjectId,
        envelope: &Envelope,
        introducer: &Introducer,
    ) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO sealed_stem (object_id, node, prefix, bytes, signature) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                object_id,
                introducer.node_bytes(),
                introducer.prefix_bytes(),
                envelope.bytes,
                envelope.signature
            ],
        )?;
        Ok(())
    }

    /// Takes a post off the stem.
    pub fn delete_stem(&self, object_id: ObjectId) -> Result<(), DbError> {
        self.execute("DELETE FROM sealed_stem WHERE object_id = ?1", [object_id])?;
        Ok(())
    }
}
