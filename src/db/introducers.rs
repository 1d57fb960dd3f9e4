//! Who brought which sealed posts: what a node, or a public prefix, takes of the pool. Kept where posts enter and leave
//! the log; `audit` compares it with the rows.

use rusqlite::params;

use super::{DbError, Read, Write};
use crate::domain::ids::{NetworkId, ObjectId};
use crate::domain::log::Seq;
use crate::domain::standing::{Prefix, Subject};

/// Whoever brought a sealed post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Introducer {
    /// The node; none when the connection was gone before it could be told.
    pub node: Option<NetworkId>,
    /// The public prefix it was seen in; none in private networks and behind relays.
    pub prefix: Option<Prefix>,
}

/// Which kind of introducer is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntroducerKind {
    /// All those that cannot be told apart, together.
    Unknown,
    /// One node.
    Node,
    /// Everybody in one prefix.
    Prefix,
}

impl IntroducerKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Unknown, Self::Node, Self::Prefix];

    const fn code(self) -> i64 {
        match self {
            Self::Unknown => 0,
            Self::Node => 1,
            Self::Prefix => 2,
        }
    }
}

/// An introducer and what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Of which kind it is.
    pub kind: IntroducerKind,
    /// Its row.
    row: i64,
    /// Bytes of its posts, with what each takes besides.
    pub bytes: u64,
}

pub(super) const LARGEST_INTRODUCER: &str =
    "SELECT introducer, bytes FROM sealed_introducers WHERE kind = ?1 ORDER BY bytes DESC LIMIT 1";
pub(super) const OLDEST_OF_NODE: &str =
    "SELECT seq, object_id FROM sealed_log WHERE node = ?1 ORDER BY seq LIMIT 1";
pub(super) const OLDEST_OF_PREFIX: &str =
    "SELECT seq, object_id FROM sealed_log WHERE prefix > 0 AND prefix = ?1 ORDER BY seq LIMIT 1";

impl Introducer {
    /// Nobody who is known.
    pub const UNKNOWN: Self = Self { node: None, prefix: None };

    /// The node as it stands in a column: 32 bytes, or none.
    pub(super) fn node_bytes(&self) -> Vec<u8> {
        self.node.map(|node| node.as_bytes().to_vec()).unwrap_or_default()
    }

    /// The prefix as it stands in a column: 3 or 6 bytes, or none.
    pub(super) fn prefix_bytes(&self) -> Vec<u8> {
        self.prefix.map(|prefix| Subject::Prefix(prefix).as_bytes().to_vec()).unwrap_or_default()
    }

    /// From these two columns.
    pub(super) fn from_bytes(node: &[u8], prefix: &[u8]) -> Self {
        let prefix = match Subject::from_bytes(prefix) {
            Some(Subject::Prefix(prefix)) => Some(prefix),
            Some(Subject::Node(_)) | None => None,
        };
        Self { node: NetworkId::try_from(node).ok(), prefix }
    }
}

impl Read<'_> {
    /// Who of a kind takes most of the pool.
    pub fn find_largest_introducer(&self, kind: IntroducerKind) -> Result<Option<Share>, DbError> {
        self.find(LARGEST_INTRODUCER, [kind.code()], |row| {
            let bytes: i64 = row.get(1)?;
            Ok(Share { kind, row: row.get(0)?, bytes: bytes.unsigned_abs() })
        })
    }

    /// Of what an introducer brought, the post that came first.
    pub fn find_oldest_of(&self, share: Share) -> Result<Option<(Seq, ObjectId)>, DbError> {
        let oldest = match share.kind {
            IntroducerKind::Unknown | IntroducerKind::Node => OLDEST_OF_NODE,
            IntroducerKind::Prefix => OLDEST_OF_PREFIX,
        };
        self.find(oldest, [share.row], |row| Ok((row.get(0)?, row.get(1)?)))
    }
}

impl Write<'_> {
    /// Counts a post for whoever brought it; gives back the rows of node and prefix, 0 for no prefix.
    pub(super) fn count_introduced(
        &self,
        introducer: &Introducer,
        bytes: i64,
    ) -> Result<(i64, i64), DbError> {
        let kind = if introducer.node.is_some() { IntroducerKind::Node } else { IntroducerKind::Unknown };
        let node = self.add_share(kind, &introducer.node_bytes(), bytes)?;
        let prefix = match introducer.prefix {
            Some(_) => self.add_share(IntroducerKind::Prefix, &introducer.prefix_bytes(), bytes)?,
            None => 0,
        };
        Ok((node, prefix))
    }

    fn add_share(&self, kind: IntroducerKind, subject: &[u8], bytes: i64) -> Result<i64, DbError> {
        self.get(
            "INSERT INTO sealed_introducers (kind, subject, bytes) VALUES (?1, ?2, ?3)
             ON CONFLICT (subject) DO UPDATE SET bytes = bytes + ?3 RETURNING introducer",
            params![kind.code(), subject, bytes],
            |row| row.get(0),
        )
    }

    /// A post is gone: it counts for these rows no more, and one without posts is forgotten.
    pub(super) fn uncount_introduced(&self, (node, prefix): (i64, i64), bytes: i64) -> Result<(), DbError> {
        for row in [node, prefix].into_iter().filter(|row| *row > 0) {
            self.execute(
                "UPDATE sealed_introducers SET bytes = bytes - ?2 WHERE introducer = ?1",
                params![row, bytes],
            )?;
            self.execute("DELETE FROM sealed_introducers WHERE introducer = ?1 AND bytes <= 0", [row])?;
        }
        Ok(())
    }
}
