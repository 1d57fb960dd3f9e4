//! Our side of the merged pull: what to ask a peer for, and how far its log is read afterwards.
//!
//! Cursors are per peer and author. A page moves a cursor only when the stream came to its orderly end, and only
//! from where the pull started: what changed meanwhile (an unfollow, a reset) wins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::answer::{Checked, epoch_for};
use super::connection::{Asked, AskedGroup, Connection, Listing, Prompt, Pulling, Then, Usefulness};
use super::interest::Interest;
use super::{
    ConnectionId, Delivery, Effect, Engine, Fault, LogName, Offence, PullEnd, PulledPage, ReplyId, RequestId,
    Step, jittered,
};
use crate::db::{Author, DbError, Peer};
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::domain::log::Seq;
use crate::domain::sealed::day_of;
use crate::domain::time::Timestamp;
use crate::limits::{BARREN_PAGES, PULL_EVERY, PULL_EVERY_IDLE, PULL_GROUPS, PULL_SPACING, SEALED_EVERY};
use crate::node::wire::{Group, GroupEnd, Message, Page, Pull, Range, Recipients, SealedEnd, Sending};

impl Engine {
    /// Starts every pull that is due.
    pub(super) fn start_pulls(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let due: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, known)| known.pulls_at().is_some_and(|due| due <= step.now))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            let Some(peer) = self.connections.get(&id).map(|connection| connection.peer) else {
                continue;
            };
            let is_left_to_other = self.pulling_connection(peer).is_some_and(|pulling| pulling != id);
            match self.connections.get_mut(&id) {
                Some(connection) if is_left_to_other => {
                    let due = step.now.after(PULL_EVERY);
                    (connection.pulling, connection.sealed_due) = (Pulling::Resting { due }, due);
                }
                _ => self.start_pull(step, id)?,
            }
        }
        Ok(())
    }

    /// The connection over which a peer is pulled: of those where it accepted a list, the newest, since an older one can
    /// be dead without our knowing.
    pub(super) fn pulling_connection(&self, peer: NetworkId) -> Option<ConnectionId> {
        let is_ready = |known: &Connection| matches!(known.listing, Listing::Accepted { .. });
        let with_peer = self.connections.iter().filter(|(_, known)| known.peer == peer && is_ready(known));
        with_peer.map(|(id, _)| *id).max()
    }

    fn start_pull(&mut self, step: &mut Step<'_, '_>, id: ConnectionId) -> Result<(), DbError> {
        let Some(connection) = self.connections.get(&id) else {
            return Ok(());
        };
        let (Some(row), Listing::Accepted { list }) = (connection.row(), &connection.listing) else {
            return Ok(());
        };
        if !Arc::ptr_eq(list, &self.interest.list) {
            return Ok(());
        }
        if self.space.is_short() {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.sealed_due = step.now.after(SEALED_EVERY);
                connection.rest(step, Found::Nothing);
            }
            return Ok(());
        }
        let hash = list.hash(self.network_id, connection.peer);
        let (asked, groups) = groups(step, row, &self.interest, &connection.unstored)?;
        let sealed = if connection.sealed_due <= step.now {
            step.store.forget_sealed_cursor_due(row, day_of(step.now))?;
            Some(step.store.get_sealed_cursor(row)?)
        } else {
            None
        };
        let asked = Asked { groups: asked, sealed };
        let request = self.new_request();
        let recipients = match sealed {
            Some(since) if self.faults.has(Fault::AsksForOneTag) => Some(self.asked_tag(since)),
            sealed => sealed.map(Recipients::everything),
        };
        let Some(connection) = self.connections.get_mut(&id) else {
            return Ok(());
        };
        connection.last_pull = step.now;
        if sealed.is_some() {
            connection.sealed_asked(step.rng, step.now);
        }
        connection.pulling = Pulling::Running { request, asked, then: Then::AsFound };
        let prompt = std::mem::replace(&mut connection.prompt, Prompt::Time);
        let sending = self.sending_for(prompt, step.now);
        step.push(Effect::Pull { connection: id, request, pull: Pull { hash, groups, sending, recipients } });
        Ok(())
    }

    /// The first of several peers that tell of the same thing sends it at once; what the others offer has come by the
    /// time their page does, and what should have come by the push of a seat has most likely come.
    fn sending_for(&mut self, prompt: Prompt, now: Timestamp) -> Sending {
        let is_busy = self.last_arrival <= now && now.since(self.last_arrival) < PULL_SPACING;
        if prompt != Prompt::News || is_busy {
            return Sending::OnRequest;
        }
        self.last_arrival = now;
        Sending::AtOnce
    }

    pub(super) fn pull_ended(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        request: RequestId,
        end: PullEnd,
    ) -> Result<(), DbError> {
        let Some(connection) = self.connections.get_mut(&id) else {
            // The connection is gone, its last page need not be: items are worth having wherever they came from.
            if let PullEnd::Page(page) = end {
                self.take_in_all(step, page.items, None)?;
            }
            return Ok(());
        };
        let resting = Pulling::Resting { due: step.now };
        let (asked, then) = match std::mem::replace(&mut connection.pulling, resting) {
            Pulling::Running { request: running, asked, then } if running == request => (asked, then),
            other => {
                connection.pulling = other;
                return Ok(());
            }
        };
        match end {
            PullEnd::Page(page) => self.page_received(step, id, &asked, then, page)?,
            PullEnd::NeedList => {
                connection.listing = Listing::Stale;
                connection.rest(step, Found::Failure);
            }
            PullEnd::Busy | PullEnd::Lost => connection.rest(step, Found::Failure),
            PullEnd::Offended(offence) => self.offended(step, id, offence)?,
        }
        Ok(())
    }

    /// A peer has read further than our log goes: the store is an old copy. The log goes on under a new name, which
    /// an empty page tells the peer.
    pub(super) fn read_beyond_log(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        reply: ReplyId,
    ) -> Result<(), DbError> {
        let Some(connection) = self.connections.get(&id) else {
            return Ok(());
        };
        if self.log_name == LogName::AsFound {
            let mut secret = [0; 32];
            step.rng.fill_bytes(&mut secret);
            step.store.update_epoch_secret(&secret)?;
            self.log_name = LogName::Renewed;
        }
        let epoch = epoch_for(&step.store.get_epoch_secret()?, connection.peer);
        let page = Page { epoch, ends: Vec::new(), offers: Vec::new(), sealed: None };
        step.push(Effect::Reply { reply, message: Message::Page(page) });
        Ok(())
    }

    fn page_received(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        asked: &Asked,
        then: Then,
        page: PulledPage,
    ) -> Result<(), DbError> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Ok(());
        };
        let Some(row) = connection.row() else { return Ok(()) };
        let is_other_log = step.store.find_epoch(row)? != Some(page.epoch.0);
        let offence = if is_other_log || answers(&page, asked) {
            page.items.iter().find_map(Checked::offence)
        } else {
            Some(Offence::FalsePage)
        };
        let PulledPage { epoch, ends, items, delivery, sealed, .. } = page;
        let peer = connection.peer;
        let files: Vec<ObjectId> = items.iter().filter_map(Checked::post_id).collect();
        let taken = self.take_in_all(step, items, Some(id))?;
        if taken.items > 0 {
            self.keep_peer(step, peer)?;
            self.note_taken(step, peer, &files)?;
        }
        self.news_delivered(step, peer, &taken.authors)?;
        if let Some(offence) = offence {
            return self.offended(step, id, offence);
        }
        let mut goes_on_sealed = false;
        let found = if is_other_log {
            // Another log than the one we asked about: its cursors start anew, this page moves none.
            step.store.replace_epoch(row, epoch.0)?;
            self.forget_unstored_of(peer);
            Found::Failure
        } else if delivery == Delivery::Cut && !self.faults.has(Fault::CursorPassesUndelivered) {
            Found::Failure
        } else {
            self.advance(step, id, row, (&asked.groups, &ends))?;
            goes_on_sealed = self.advance_sealed(step, row, asked.sealed.zip(sealed), taken.ahead)?;
            let asked_authors: usize = asked.groups.iter().map(|group| group.ids.len()).sum();
            let is_cut = ends.iter().any(|end| end.cut.is_some());
            if is_cut || goes_on_sealed || asked_authors < self.interest.list.ids().len() {
                Found::More
            } else if taken.items > 0 {
                Found::Something
            } else {
                Found::Nothing
            }
        };
        let is_last = matches!(found, Found::Something | Found::Nothing) && then == Then::AsFound;
        let Some(connection) = self.connections.get_mut(&id) else {
            return Ok(());
        };
        connection.usefulness = Usefulness::Proven;
        connection.barren = match (found, taken.posts) {
            (Found::More, 0) => connection.barren.saturating_add(1),
            _ => 0,
        };
        connection.rest(step, found);
        if then == Then::Again {
            connection.pull_soon(step.now);
        }
        if goes_on_sealed {
            connection.sealed_due = connection.pulls_at().unwrap_or(step.now);
        }
        self.note_synced_items(id, taken.posts);
        if is_last {
            self.pull_finished(step, id);
        }
        Ok(())
    }

    /// Moves the cursors of a page's authors to where the page ends for their group.
    fn advance(
        &mut self,
        step: &Step<'_, '_>,
        id: ConnectionId,
        peer: Peer,
        (asked, ends): (&[AskedGroup], &[GroupEnd]),
    ) -> Result<(), DbError> {
        for (group, end) in asked.iter().zip(ends) {
            let upto = if self.faults.has(Fault::CursorIgnoresMore) { end.upto } else { end.cursor() };
            if upto <= group.since {
                continue;
            }
            let mut stored = Vec::new();
            for posting_id in &group.ids {
                match self.interest.find(*posting_id).map(|entry| entry.author) {
                    Some(Some(author)) => stored.push(author),
                    Some(None) => self.move_unstored(id, *posting_id, group.since, upto),
                    None => {}
                }
            }
            step.store.move_cursors(peer, &stored, group.since, upto)?;
        }
        Ok(())
    }

    /// Moves the cursor in the peer's log of sealed posts to where the page ends; says whether more follows at once. When
    /// it passes posts of a day to come (`ahead`), the log is read from the start on that day.
    fn advance_sealed(
        &mut self,
        step: &Step<'_, '_>,
        peer: Peer,
        asked: Option<(Seq, SealedEnd)>,
        ahead: Option<u32>,
    ) -> Result<bool, DbError> {
        let Some((since, end)) = asked else {
            return Ok(false);
        };
        let upto = if self.faults.has(Fault::SealedIgnoresMore) { end.upto } else { end.cursor() };
        step.store.move_sealed_cursor(peer, since, upto)?;
        if let Some(day) = ahead {
            step.store.note_sealed_ahead(peer, day)?;
        }
        if end.cut.is_none() {
            self.looked_at_pool();
        }
        Ok(end.cut.is_some())
    }

    /// The same for an author of whom nothing is stored: its cursor is remembered as long as the connection.
    fn move_unstored(&mut self, id: ConnectionId, posting_id: PostingId, since: Seq, upto: Seq) {
        if let Some(connection) = self.connections.get_mut(&id) {
            let cursor = connection.unstored.entry(posting_id).or_default();
            if *cursor == since {
                *cursor = upto;
            }
        }
    }

    /// Something by this author is stored for the first time: how far it was read is remembered like for all others.
    pub(super) fn store_cursors(
        &mut self,
        step: &Step<'_, '_>,
        posting_id: PostingId,
        author: Author,
    ) -> Result<(), DbError> {
        for connection in self.connections.values_mut() {
            if let (Some(row), Some(since)) = (connection.row(), connection.unstored.remove(&posting_id)) {
                step.store.replace_cursor(row, author, since)?;
            }
        }
        Ok(())
    }

    /// An author is read from the start: pulls that run were asked before, by another measure of what is wanted, and
    /// move no cursor of it.
    pub(super) fn forget_asked(&mut self, posting_id: PostingId) {
        for connection in self.connections.values_mut() {
            if let Pulling::Running { asked, .. } = &mut connection.pulling {
                for group in &mut asked.groups {
                    group.ids.retain(|id| *id != posting_id);
                }
            }
        }
    }

    /// Forgets how far any log was read for an author of whom nothing is stored.
    pub(super) fn forget_unstored_cursors(&mut self, posting_id: PostingId) {
        for connection in self.connections.values_mut() {
            connection.unstored.remove(&posting_id);
        }
    }

    /// Forgets the same for all authors at one peer: it has another log.
    pub(super) fn forget_unstored_of(&mut self, peer: NetworkId) {
        for connection in self.connections.values_mut().filter(|known| known.peer == peer) {
            connection.unstored.clear();
        }
    }
}

/// Whether a page answers what was asked: one end per group, none moving backwards or beyond the log, and where it was
/// cut, something offered and some group moved on.
fn answers(page: &PulledPage, asked: &Asked) -> bool {
    let pairs = || page.ends.iter().zip(&asked.groups);
    let sealed = asked.sealed.zip(page.sealed);
    let is_cut =
        page.ends.iter().any(|end| end.cut.is_some()) || sealed.is_some_and(|(_, end)| end.cut.is_some());
    let goes_on = page.offered > 0
        && (pairs().any(|(end, group)| end.cursor() > group.since)
            || sealed.is_some_and(|(since, end)| end.cursor() > since));
    page.ends.len() == asked.groups.len()
        && (page.sealed.is_none() || asked.sealed.is_some())
        && sealed.is_none_or(|(since, end)| end.cursor() >= since && end.upto >= end.cursor())
        && pairs().all(|(end, group)| end.cursor() >= group.since && end.upto >= end.cursor())
        && (goes_on || !is_cut)
}

/// What a pull brought, as far as the time of the next one is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// There is more: go on at once.
    More,
    /// New items.
    Something,
    /// Nothing new.
    Nothing,
    /// It did not come to its end.
    Failure,
}

impl Connection {
    /// Sets when the next pull starts.
    fn rest(&mut self, step: &mut Step<'_, '_>, found: Found) {
        let wait = match found {
            Found::More if self.barren > BARREN_PAGES => PULL_SPACING,
            Found::More => Duration::ZERO,
            Found::Something => {
                self.pull_every = PULL_EVERY;
                jittered(step.rng, self.pull_every)
            }
            Found::Nothing => {
                let wait = jittered(step.rng, self.pull_every);
                self.pull_every = self.pull_every.saturating_mul(2).min(PULL_EVERY_IDLE);
                wait
            }
            Found::Failure => jittered(step.rng, PULL_SPACING.saturating_mul(2)),
        };
        self.pulling = Pulling::Resting { due: step.now.after(wait) };
    }
}

/// The authors grouped by how far the peer's log was read for them, as asked and as sent.
fn groups(
    step: &Step<'_, '_>,
    peer: Peer,
    interest: &Interest,
    unstored: &BTreeMap<PostingId, Seq>,
) -> Result<(Vec<AskedGroup>, Vec<Group>), DbError> {
    let cursors: BTreeMap<Author, Seq> = step.store.list_cursors(peer)?.into_iter().collect();
    let mut by_cursor: BTreeMap<Seq, (Vec<PostingId>, Vec<Range>)> = BTreeMap::new();
    for (index, (id, entry)) in (0_u16..).zip(interest.iter()) {
        let since = entry.author.map_or_else(|| unstored.get(&id), |author| cursors.get(&author));
        let since = since.copied().unwrap_or_default();
        let (group, ranges) = by_cursor.entry(since).or_default();
        group.push(id);
        match ranges.last_mut() {
            Some(last) if last.start.saturating_add(last.length) == index => {
                last.length = last.length.saturating_add(1);
            }
            _ => ranges.push(Range { start: index, length: 1 }),
        }
    }
    // Above the bound the authors furthest behind go first: afterwards they share a cursor, and the rest has room.
    let kept = by_cursor.into_iter().take(PULL_GROUPS);
    let parts = kept.map(|(since, (ids, ranges))| (AskedGroup { since, ids }, Group { since, ranges }));
    Ok(parts.unzip())
}
