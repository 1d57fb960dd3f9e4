//! How other nodes, and the public prefixes they are seen in, behaved.

use rusqlite::params;

use super::{DbError, Read, Write};
use crate::domain::ids::NetworkId;
use crate::domain::standing::{Ban, Standing, Subject};
use crate::domain::time::Timestamp;

/// What stands in the column for a ban without an end.
const BY_PERSON: i64 = i64::MAX;

/// Who is banned: those without an end last.
pub(super) const LIST_BANNED: &str =
    "SELECT subject, score_milli, scored_ms, banned_until_ms FROM standings WHERE banned_until_ms > ?1
     ORDER BY banned_until_ms DESC LIMIT ?2";

/// Whom to forget: not banned first, then whose ban ends first.
pub(super) const LIST_FORGETTABLE: &str =
    "SELECT subject FROM standings ORDER BY banned_until_ms, scored_ms LIMIT ?1";

fn ban_column(ban: Ban) -> i64 {
    match ban {
        Ban::None => 0,
        Ban::Until(end) => end.as_millis().clamp(1, BY_PERSON - 1),
        Ban::ByPerson => BY_PERSON,
    }
}

fn ban_of(column: i64) -> Ban {
    match column {
        ..=0 => Ban::None,
        BY_PERSON => Ban::ByPerson,
        end => Ban::Until(Timestamp::from_millis(end)),
    }
}

/// A row: who, and how they stand.
type Row = (Vec<u8>, Standing);

fn standing_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let standing = Standing { score_milli: row.get(1)?, scored: row.get(2)?, ban: ban_of(row.get(3)?) };
    Ok((row.get(0)?, standing))
}

fn named((bytes, standing): Row) -> Result<(Subject, Standing), DbError> {
    Ok((subject_of(&bytes)?, standing))
}

fn subject_of(bytes: &[u8]) -> Result<Subject, DbError> {
    Subject::from_bytes(bytes).ok_or(DbError::DamagedRow { table: "standings" })
}

impl Read<'_> {
    /// Everybody who is not simply well-behaved, at most `limit`.
    pub fn list_standings(&self, limit: u32) -> Result<Vec<(Subject, Standing)>, DbError> {
        let rows = self.list(
            "SELECT subject, score_milli, scored_ms, banned_until_ms FROM standings
             ORDER BY banned_until_ms DESC, scored_ms DESC LIMIT ?1",
            [limit],
            standing_row,
        )?;
        rows.into_iter().map(named).collect()
    }

    /// The nodes that are banned now, at most `limit`; those banned by a person first.
    pub fn list_banned_nodes(&self, now: Timestamp, limit: u32) -> Result<Vec<(NetworkId, Ban)>, DbError> {
        let rows = self.list(LIST_BANNED, params![now, limit], standing_row)?;
        let mut nodes = Vec::new();
        for row in rows {
            if let (Subject::Node(id), Standing { ban, .. }) = named(row)? {
                nodes.push((id, ban));
            }
        }
        Ok(nodes)
    }

    /// Who is forgotten first, at most `limit`.
    pub fn list_forgettable_standings(&self, limit: u32) -> Result<Vec<Subject>, DbError> {
        let rows: Vec<Vec<u8>> = self.list(LIST_FORGETTABLE, [limit], |row| row.get(0))?;
        rows.iter().map(|bytes| subject_of(bytes)).collect()
    }

    /// How SQLite finds the banned and the forgettable.
    #[cfg(test)]
    pub(super) fn explain_standings(self, sql: &str, parameters: usize) -> Result<String, DbError> {
        let plan: Vec<String> = self.list(
            &format!("EXPLAIN QUERY PLAN {sql}"),
            rusqlite::params_from_iter(std::iter::repeat_n(1, parameters)),
            |row| row.get(3),
        )?;
        Ok(plan.join("; "))
    }
}

impl Write<'_> {
    /// Notes how somebody stands now.
    pub fn replace_standing(&self, subject: Subject, standing: &Standing) -> Result<(), DbError> {
        self.execute(
            "INSERT INTO standings (subject, score_milli, scored_ms, banned_until_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (subject) DO UPDATE SET score_milli = ?2, scored_ms = ?3, banned_until_ms = ?4",
            params![subject.as_bytes(), standing.score_milli, standing.scored, ban_column(standing.ban)],
        )?;
        Ok(())
    }

    /// Forgets how somebody stood.
    pub fn delete_standing(&self, subject: Subject) -> Result<(), DbError> {
        self.execute("DELETE FROM standings WHERE subject = ?1", [subject.as_bytes()])?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Database, Durability};
    use crate::domain::standing::Prefix;

    const NOW: Timestamp = Timestamp::from_millis(1_795_269_720_000);

    #[test]
    fn standings_are_kept_and_the_least_important_are_forgotten_first() {
        let mut store = Database::in_memory(&[7; 32]).unwrap();
        let node = |number| Subject::Node(NetworkId::from_bytes([number; 32]));
        let prefix = Subject::Prefix(Prefix::V4([1, 2, 3]));
        let with = |ban| Standing { ban, ..Standing::clean(NOW) };
        let end = NOW.after(std::time::Duration::from_hours(1));
        let rows = [
            (node(1), with(Ban::ByPerson)),
            (node(2), with(Ban::None)),
            (node(3), with(Ban::Until(end))),
            (prefix, Standing { score_milli: -7, ..with(Ban::Until(end)) }),
        ];
        store
            .transaction(Durability::Normal, |batch| {
                batch.step(|write| {
                    rows.iter().try_for_each(|(subject, standing)| write.replace_standing(*subject, standing))
                })
            })
            .unwrap();
        let mut found = store.read(|read| read.list_standings(9)).unwrap();
        found.sort_by_key(|(subject, _)| *subject);
        let mut expected = rows.to_vec();
        expected.sort_by_key(|(subject, _)| *subject);
        assert_eq!(found, expected);
        let banned = store.read(|read| read.list_banned_nodes(NOW, 9)).unwrap();
        let id = |number| NetworkId::from_bytes([number; 32]);
        assert_eq!(banned, [(id(1), Ban::ByPerson), (id(3), Ban::Until(end))]);
        assert_eq!(store.read(|read| read.list_banned_nodes(end, 9)).unwrap(), [(id(1), Ban::ByPerson)]);
        let order = store.read(|read| read.list_forgettable_standings(9)).unwrap();
        assert_eq!((order[0], order[3]), (node(2), node(1)), "{order:?}");
    }

    #[test]
    fn bans_and_what_can_be_forgotten_are_found_by_an_index_without_sorting() {
        let mut store = Database::in_memory(&[7; 32]).unwrap();
        for (sql, parameters) in [(LIST_BANNED, 2), (LIST_FORGETTABLE, 1)] {
            let plan = store.read(|read| read.explain_standings(sql, parameters)).unwrap();
            assert!(plan.contains("standings_by_ban") && !plan.contains("TEMP B-TREE"), "{plan}");
        }
    }
}
