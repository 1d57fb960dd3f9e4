//! Room: own things before followed authors before those that are only carried. What is over a quota makes room, the
//! oldest of it first, and its id is remembered, so that it is not fetched again until the quota or the interest grows.
//!
//! Everything a page brought is stored first and measured in the same step, so no commit but one cut short by
//! [`EVICTED_AT_ONCE`] leaves more than the quotas allow. Own things never make room. Of strangers whoever takes most
//! goes first, so that a flood of one pushes out nobody else. Tombstones are no posts and stay.
//!
//! A locked node cannot tell its own posts from those of followed authors. Neither make room then; when all of it is too
//! much, nothing is fetched until the passphrase is given.

use std::collections::BTreeSet;

use super::{Engine, Fault, Step};
use crate::api::Event;
use crate::db::space::Class;
use crate::db::{Author, DbError, Read};
use crate::domain::sealed::day_of;
use crate::domain::time::Timestamp;
use crate::limits::{
    DISK_FREE_BYTES, EVICTED_AT_ONCE, FOLLOWED_BYTES, POOL_BYTES, POOL_PEER_BYTES, POOL_PREFIX_BYTES,
    STORE_BYTES, STORED_OVERHEAD_BYTES, STRANGER_BYTES, STRANGERS_BYTES,
};

/// Authors looked at in one round when a class is too large.
const CANDIDATES: u32 = 8;
/// Posts of one of them that make room in one round.
const POSTS_OF_ONE: u32 = 32;
/// Authors whose quota was raised that are asked for anew at a start; the rest waits for their next follow.
const RAISED_AUTHORS: u32 = 10_000;

/// How much room there is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// For one followed author.
    pub followed: u64,
    /// For one author nobody here follows.
    pub stranger: u64,
    /// For all of them together.
    pub strangers: u64,
    /// For all sealed posts.
    pub pool: u64,
    /// For those of them one node brought.
    pub pool_peer: u64,
    /// For those of them that came from one public prefix.
    pub pool_prefix: u64,
    /// For everything.
    pub store: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            followed: FOLLOWED_BYTES,
            stranger: STRANGER_BYTES,
            strangers: STRANGERS_BYTES,
            pool: POOL_BYTES,
            pool_peer: POOL_PEER_BYTES,
            pool_prefix: POOL_PREFIX_BYTES,
            store: STORE_BYTES,
        }
    }
}

impl Quotas {
    /// What one author of a class may take who is not me, or the whole pool.
    const fn of(&self, class: Class) -> u64 {
        match class {
            Class::Ours => self.followed,
            Class::Stranger => self.stranger,
            Class::Pool => self.pool,
        }
    }
}

/// What has to be measured, and how full the disk is.
#[derive(Debug)]
pub(super) struct Space {
    pub(super) quotas: Quotas,
    /// Authors something came in of, or who are on another account than before.
    changed: BTreeSet<Author>,
    /// Whether the classes have to be measured.
    classes: Measuring,
    /// The day on which sealed posts were last looked at for their age.
    day: u32,
    /// Free bytes of the disk, once they were measured.
    free: Option<u64>,
    /// Whether more is stored than there is room for, and nothing that makes room.
    is_stuffed: bool,
    /// Whether something left the log to make room.
    made_room: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measuring {
    Done,
    /// In the next step, whatever it is about.
    Due,
    /// At once: a step came to its end before everything was within its quota.
    GoesOn,
}

/// Posts that may still make room in this step.
struct Allowance(u32);

impl Space {
    pub(super) const fn new(quotas: Quotas) -> Self {
        // The quotas may be smaller than at the last start.
        Self {
            quotas,
            changed: BTreeSet::new(),
            classes: Measuring::Due,
            day: 0,
            free: None,
            is_stuffed: false,
            made_room: false,
        }
    }

    /// Something came in of this author, or it is on another account now.
    pub(super) fn changed(&mut self, author: Author) {
        self.changed.insert(author);
        self.classes = Measuring::Due;
    }

    /// Something left the log.
    pub(super) const fn made_room(&mut self) {
        self.made_room = true;
    }

    /// A sealed post came in.
    pub(super) const fn pool_changed(&mut self) {
        self.classes = Measuring::Due;
    }

    /// Whether there is too little room to fetch anything.
    pub(super) fn is_short(&self) -> bool {
        self.is_stuffed || self.free.is_some_and(|free| free < DISK_FREE_BYTES)
    }

    /// When to go on, if something is left to be measured.
    pub(super) fn next_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        (self.classes == Measuring::GoesOn).then_some(now)
    }
}

impl Engine {
    /// Whether something made room since this was last asked. The next page passes its numbers without naming it, so it must
    /// not be back after a lost power supply, where nobody would ask for it.
    pub const fn take_made_room(&mut self) -> bool {
        std::mem::replace(&mut self.space.made_room, false)
    }

    /// How full the disk is. While too little is free, nothing is asked of anybody.
    pub(super) fn space_measured(&mut self, step: &mut Step<'_, '_>, free_bytes: u64) {
        let was_short = self.space.is_short();
        self.space.free = Some(free_bytes);
        self.go_on_with_room(step, was_short);
    }

    /// Whether more is stored than there is room for. While it is, nothing is asked of anybody.
    fn note_stuffed(&mut self, step: &mut Step<'_, '_>, is_stuffed: bool) {
        let was_short = self.space.is_short();
        self.space.is_stuffed = is_stuffed;
        self.go_on_with_room(step, was_short);
    }

    fn go_on_with_room(&mut self, step: &mut Step<'_, '_>, was_short: bool) {
        if was_short && !self.space.is_short() {
            for connection in self.connections.values_mut() {
                connection.pull_soon(step.now);
            }
        }
        if was_short != self.space.is_short() {
            step.tell(Event::StatusChanged);
        }
    }

    /// Where a quota is higher than at the last start, what had no room is asked for again.
    pub(super) fn notice_raised_quotas(&mut self, step: &Step<'_, '_>) -> Result<(), DbError> {
        for class in [Class::Ours, Class::Stranger] {
            let quota = self.space.quotas.of(class);
            let last = step.store.get_last_quota(class)?;
            if quota > last && last > 0 {
                for author in step.store.list_evicted_authors(class, RAISED_AUTHORS)? {
                    self.read_from_start(step, step.store.get_posting_id(author)?, author)?;
                }
            }
            if quota != last {
                step.store.update_quota(class, quota)?;
            }
        }
        let (pool, last) = (self.space.quotas.pool, step.store.get_last_quota(Class::Pool)?);
        if pool > last && last > 0 {
            step.store.delete_evicted_of(None)?;
            step.store.delete_sealed_cursors()?;
        }
        if pool != last {
            step.store.update_quota(Class::Pool, pool)?;
        }
        Ok(())
    }

    /// Whether something of this author that has to wait would take more room than there is: what waits cannot make
    /// room.
    pub(super) fn is_full_for(&self, read: Read<'_>, author: Author, size: usize) -> Result<bool, DbError> {
        let class = read.get_class(author)?;
        let quota = self.quota_of(read, author)?;
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        let size = size.saturating_add(STORED_OVERHEAD_BYTES.unsigned_abs());
        let fits = |taken: u64, quota: u64| taken.saturating_add(size) <= quota;
        let has_room = fits(read.get_author_bytes(author)?, quota)
            && (class != Class::Stranger || fits(read.get_class_bytes(class)?, self.space.quotas.strangers));
        Ok(!has_room)
    }

    /// What an author may take. There is no bound for my own, nor, while locked, for anybody who may be me.
    fn quota_of(&self, read: Read<'_>, author: Author) -> Result<u64, DbError> {
        let class = read.get_class(author)?;
        let is_mine = class == Class::Ours && (self.talks.is_locked() || read.is_persona(author)?);
        Ok(if is_mine { u64::MAX } else { self.space.quotas.of(class) })
    }

    /// Lets posts make room until every quota is kept, or enough did for one step.
    pub(super) fn keep_quotas(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let mut allowance = Allowance(EVICTED_AT_ONCE);
        let today = day_of(step.now);
        if self.space.day != today && self.space.classes == Measuring::Done {
            self.space.classes = Measuring::Due;
        }
        self.space.day = today;
        while let Some(author) = self.space.changed.first().copied() {
            let quota = self.quota_of(**step.store, author)?;
            while step.store.get_author_bytes(author)? > quota {
                if self.evict_posts(step, author, 1, &mut allowance)? == 0 {
                    break;
                }
            }
            if allowance.0 == 0 {
                self.space.classes = Measuring::GoesOn;
                return Ok(());
            }
            self.space.changed.remove(&author);
        }
        if self.space.classes != Measuring::Done {
            let is_done = self.keep_class_quotas(step, &mut allowance)?;
            self.space.classes = if is_done { Measuring::Done } else { Measuring::GoesOn };
        }
        Ok(())
    }

    /// Whether all classes together are within their quotas now, or nothing is left that could make room.
    fn keep_class_quotas(
        &mut self,
        step: &mut Step<'_, '_>,
        allowance: &mut Allowance,
    ) -> Result<bool, DbError> {
        let gone = self.keep_pool(step, allowance.0)?;
        allowance.0 = allowance.0.saturating_sub(gone);
        if allowance.0 == 0 {
            return Ok(false);
        }
        loop {
            let is_over = stored_bytes(step)? > self.space.quotas.store;
            let strangers = step.store.get_class_bytes(Class::Stranger)?;
            if !is_over && strangers <= self.space.quotas.strangers {
                self.note_stuffed(step, false);
                return Ok(true);
            }
            let strangers = step.store.list_largest_strangers(CANDIDATES)?;
            let mut evicted = self.evict_from(step, &strangers, allowance)?;
            if evicted == 0 && is_over && self.talks.is_locked() {
                self.note_stuffed(step, true);
                return Ok(true);
            }
            if evicted == 0 && is_over {
                evicted = self.evict_sealed(step, allowance.0)?;
                allowance.0 = allowance.0.saturating_sub(evicted);
            }
            if evicted == 0 && is_over {
                let followed = step.store.list_largest_followed(CANDIDATES)?;
                evicted = self.evict_from(step, &followed, allowance)?;
            }
            if allowance.0 == 0 {
                return Ok(false);
            }
            if evicted == 0 {
                return Ok(true);
            }
        }
    }

    /// Lets posts of the first of these authors make room who has any. After a few the order has to be looked at anew.
    fn evict_from(
        &mut self,
        step: &mut Step<'_, '_>,
        authors: &[Author],
        allowance: &mut Allowance,
    ) -> Result<u32, DbError> {
        for author in authors {
            let evicted = self.evict_posts(step, *author, POSTS_OF_ONE, allowance)?;
            if evicted > 0 {
                return Ok(evicted);
            }
        }
        Ok(0)
    }

    /// Lets an author's oldest posts make room; says how many did.
    fn evict_posts(
        &mut self,
        step: &mut Step<'_, '_>,
        author: Author,
        most: u32,
        allowance: &mut Allowance,
    ) -> Result<u32, DbError> {
        let posts = step.store.list_oldest_posts(author, most.min(allowance.0))?;
        for post in &posts {
            self.space.made_room();
            if step.store.delete_feed_row(post.position)? {
                step.tell(Event::FeedChanged);
            }
            step.store.evict_header(post.object, author)?;
            step.store.delete_object(post.object)?;
            if !self.faults.has(Fault::EvictedIsForgotten) {
                step.store.insert_evicted(post.object_id, Some(author))?;
            }
        }
        let count = u32::try_from(posts.len()).unwrap_or(u32::MAX);
        allowance.0 = allowance.0.saturating_sub(count);
        Ok(count)
    }
}

/// What is stored in all.
fn stored_bytes(step: &Step<'_, '_>) -> Result<u64, DbError> {
    let mut bytes = 0_u64;
    for class in Class::ALL {
        bytes = bytes.saturating_add(step.store.get_class_bytes(class)?);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
