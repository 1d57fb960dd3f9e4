//! What the time asks of a topic: reservations that run out, seats to be confirmed or dialled, missing ones to be looked
//! for.

use super::{
    Around, Check, DIAL_AGAIN, Dialling, Due, Hold, IDLE_LONGEST, JOINING_WALKS, Origin, Out, Pending, RETRY,
    Reach, Stage, TRIES, Topic, WALK_REST,
};
use crate::domain::ids::NetworkId;
use crate::domain::time::Timestamp;
use crate::limits::{AUTHOR_SEATS, OFFER_TIME, SEATS_WANTED, WALK_HOPS, WALKS, WALKS_TIME};
use crate::node::wire::{Ask, Room, SplitPass};

impl Topic {
    /// Does whatever is due.
    pub(super) fn tend(&mut self, around: &mut Around<'_>, out: &mut Vec<Out>) {
        self.expire_pending(around, out);
        self.expire_holds(around, out);
        self.check_seats(around, out);
        self.repeat_leaves(around, out);
        self.dial_cold(around, out);
        self.seek(around, out);
    }

    pub(super) fn expire_pending(&mut self, around: &mut Around<'_>, out: &mut Vec<Out>) {
        let now = around.now;
        let (over, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.pending).into_iter().partition(|pending| pending.until <= now);
        self.pending = left;
        for pending in over {
            match pending.stage {
                Stage::Granted => {}
                Stage::Confirming { .. } => self.say_leave(around, pending.peer),
                Stage::Reaching | Stage::Offered { .. } | Stage::Promised => {
                    self.refuse(around, pending.peer);
                }
            }
            self.seek_soon(around);
        }
        for pending in &mut self.pending {
            if let Stage::Confirming { next } = &mut pending.stage
                && next.at <= now
            {
                *next = Due { at: now.after(RETRY), tries: next.tries.saturating_add(1) };
                if around.is_near(pending.peer) {
                    out.push(Out::Ask(pending.peer, Ask::Confirm { nonce: pending.nonce }));
                }
            }
        }
    }

    pub(super) fn expire_holds(&mut self, around: &mut Around<'_>, out: &mut Vec<Out>) {
        let now = around.now;
        for seat in &mut self.seats {
            match &mut seat.hold {
                Hold::Firm => {}
                Hold::Locked { until, .. } => {
                    if *until <= now {
                        seat.hold = Hold::Firm;
                    }
                }
                Hold::Moving { to, nonce, next } => {
                    if next.at > now {
                        continue;
                    }
                    if next.tries >= TRIES {
                        // It may have moved already: ask whether it still counts us.
                        seat.hold = Hold::Firm;
                        seat.check = Some(Check::at(now));
                    } else {
                        out.push(Out::Ask(seat.peer, Ask::Moved { to: *to, nonce: *nonce }));
                        *next = Due { at: now.after(RETRY), tries: next.tries.saturating_add(1) };
                    }
                }
            }
        }
    }

    pub(super) fn check_seats(&mut self, around: &mut Around<'_>, out: &mut Vec<Out>) {
        let now = around.now;
        let mut silent = Vec::new();
        for seat in &mut self.seats {
            let Some(check) = seat.check.filter(|check| check.due.at <= now) else { continue };
            if !around.is_near(seat.peer) {
                // Confirmed once it is back.
                seat.check = None;
            } else if check.due.tries >= TRIES {
                silent.push(seat.peer);
            } else {
                let nonce = check.asked.unwrap_or_else(|| around.nonce());
                out.push(Out::Ask(seat.peer, Ask::Confirm { nonce }));
                let due = Due { at: now.after(RETRY), tries: check.due.tries.saturating_add(1) };
                seat.check = Some(Check { due, asked: Some(nonce) });
            }
        }
        for peer in silent {
            self.remove_seat(around, peer, out);
            self.say_leave(around, peer);
            self.refuse(around, peer);
        }
    }

    pub(super) fn repeat_leaves(&mut self, around: &Around<'_>, out: &mut Vec<Out>) {
        let now = around.now;
        self.leaving.retain_mut(|(peer, due)| {
            if due.at > now {
                return true;
            }
            if due.tries >= TRIES || !around.is_near(*peer) {
                return false;
            }
            out.push(Out::Ask(*peer, Ask::Leave));
            *due = Due { at: now.after(RETRY), tries: due.tries.saturating_add(1) };
            true
        });
    }

    /// Cold seats are dialled once, and again only when too few are connected.
    pub(super) fn dial_cold(&mut self, around: &Around<'_>, out: &mut Vec<Out>) {
        let now = around.now;
        let is_short = !self.is_warm(around.near);
        for seat in self.seats.iter_mut().filter(|seat| !around.is_near(seat.peer)) {
            let is_due = match (seat.reach, around.dialling) {
                (Reach::Untried, Dialling::Free) => true,
                (Reach::Untried, Dialling::Scarce) => is_short,
                (Reach::Tried { again }, Dialling::Free | Dialling::Scarce) => is_short && again <= now,
                (Reach::Failed, _) | (_, Dialling::Impossible) => false,
            };
            if is_due {
                seat.reach = Reach::Tried { again: now.after(DIAL_AGAIN) };
                out.push(Out::Reach(seat.peer));
            }
        }
    }

    /// Looks for a missing seat: among connected carriers, or by a walk.
    pub(super) fn seek(&mut self, around: &mut Around<'_>, out: &mut Vec<Out>) {
        let now = around.now;
        if self.next_try.is_none_or(|due| due > now) {
            return;
        }
        self.next_try = None;
        let live = self.live();
        if self.room() == 0 || live.saturating_add(self.pending.len()) >= AUTHOR_SEATS {
            return;
        }
        self.walks.retain(|walk| walk.after(WALKS_TIME) > now);
        let carrier = self.find_carrier(around);
        let start = self.find_start(around);
        let joins = self.walks.len() < 2;
        match (carrier, start) {
            (Some(carrier), _) if live == 0 => self.offer(around, carrier, 0, None, out),
            (_, Some(start)) if joins || (carrier.is_none() && live < SEATS_WANTED) => {
                self.walks.push(now);
                self.barren = self.barren.saturating_add(1);
                // Short walks stay among those who were let in by the same node, and fall off with it.
                let shorter = u8::from(around.rng.next_u32().is_multiple_of(2));
                self.offer(around, start, WALK_HOPS.saturating_sub(shorter), None, out);
            }
            (Some(carrier), _) => self.offer(around, carrier, 0, None, out),
            _ if self.carriers.is_empty() && self.seats.is_empty() => return,
            _ => {
                let wait = self.idle.saturating_mul(3) / 4 + around.within(self.idle / 2);
                let is_led_on =
                    self.peers().chain(self.carriers.iter().copied()).any(|peer| around.is_near(peer));
                let may_walk = live < SEATS_WANTED && is_led_on;
                let walk = may_walk.then(|| self.next_walk(now).max(now.after(WALK_REST)));
                self.next_try = walk.into_iter().chain([now.after(wait)]).min();
                self.idle = self.idle.saturating_mul(2).min(IDLE_LONGEST);
                return;
            }
        }
        self.seek_soon(around);
    }

    pub(super) fn find_carrier(&self, around: &mut Around<'_>) -> Option<NetworkId> {
        let is_refused = |peer: NetworkId| {
            self.refused.iter().any(|(refused, until)| *refused == peer && *until > around.now)
        };
        let carriers = self.carriers.iter().copied().filter(|peer| {
            around.is_near(*peer)
                && !self.is_known(*peer)
                && !is_refused(*peer)
                && self.is_prefix_free(around, *peer)
        });
        let carriers: Vec<NetworkId> = carriers.collect();
        around.pick(&carriers)
    }

    /// When the next walk may begin. The first few go together; after them every walk that seats nobody doubles the wait.
    fn next_walk(&self, now: Timestamp) -> Timestamp {
        let Some(last) = self.walks.last().copied().filter(|_| self.barren >= JOINING_WALKS) else {
            return now;
        };
        let doubled = WALK_REST.saturating_mul(2_u32.saturating_pow((self.barren - JOINING_WALKS).min(16)));
        let rested = last.after(doubled.min(WALKS_TIME));
        match self.walks.first() {
            Some(first) if self.walks.len() >= WALKS => rested.max(first.after(WALKS_TIME)),
            _ => rested,
        }
    }

    /// Where a walk can start, if one is allowed now.
    pub(super) fn find_start(&self, around: &mut Around<'_>) -> Option<NetworkId> {
        let may_dial = match around.dialling {
            Dialling::Free => true,
            Dialling::Scarce => !self.is_warm(around.near),
            Dialling::Impossible => false,
        };
        if !may_dial || self.next_walk(around.now) > around.now {
            return None;
        }
        let seats = self.peers().filter(|peer| around.is_near(*peer));
        let carriers = self.carriers.iter().copied().filter(|peer| around.is_near(*peer));
        let is_walked = |peer: NetworkId| self.pending.iter().any(|pending| pending.peer == peer);
        let starts: Vec<NetworkId> = seats.chain(carriers).filter(|peer| !is_walked(*peer)).collect();
        // Whoever joins walks from where it was let in. Later, half of the walks begin elsewhere.
        let met: Vec<NetworkId> = self.met.iter().copied().filter(|peer| !self.is_known(*peer)).collect();
        if self.walks.len() >= 2 && (starts.is_empty() || around.rng.next_u32().is_multiple_of(2)) {
            return around.pick(&met).or_else(|| around.pick(&starts));
        }
        around.pick(&starts)
    }

    /// Keeps room and offers, now or once the peer is connected.
    pub(super) fn offer(
        &mut self,
        around: &mut Around<'_>,
        peer: NetworkId,
        hops: u8,
        pass: Option<SplitPass>,
        out: &mut Vec<Out>,
    ) {
        if !self.make_room(out) {
            return;
        }
        let (nonce, until) = (around.nonce(), around.now.after(OFFER_TIME));
        let (origin, stage) = (Origin::Chosen, Stage::Reaching);
        self.pending.push(Pending { peer, nonce, origin, hops, pass, splits: 0, stage, until });
        if around.is_near(peer) {
            self.send_offer(around, peer, out);
        } else {
            out.push(Out::Reach(peer));
        }
    }

    pub(super) fn send_offer(&mut self, around: &Around<'_>, peer: NetworkId, out: &mut Vec<Out>) {
        let room = if self.room() > 0 { Room::More } else { Room::One };
        if let Some(pending) = self.pending_of(peer) {
            let tries = match pending.stage {
                Stage::Offered { tries } => tries.saturating_add(1),
                _ => 0,
            };
            pending.stage = Stage::Offered { tries };
            pending.until = around.now.after(OFFER_TIME);
            let (nonce, hops, pass) = (pending.nonce, pending.hops, pending.pass);
            out.push(Out::Ask(peer, Ask::Offer { nonce, hops, room, pass }));
        }
    }
}
