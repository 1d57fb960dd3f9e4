//! Wishes of peers, and the rules against capture: at most [`INBOUND_SEATS`] for those who asked, one seat per network id
//! and public prefix, and [`KEPT_SEATS`](crate::limits::KEPT_SEATS) that never make room for a newcomer.

use super::{Answer, Around, Check, Due, Hold, Origin, Out, Pending, RETRY, Stage, Topic};
use crate::domain::ids::NetworkId;
use crate::limits::{GRANT_TIME, INBOUND_SEATS};
use crate::node::wire::{Ask, Nonce, Room, SplitPass};

/// Moves remembered.
const MOVES: usize = 8;

impl Topic {
    pub(super) fn asked(
        &mut self,
        around: &mut Around<'_>,
        from: NetworkId,
        ask: Ask,
        out: &mut Vec<Out>,
    ) -> Answer {
        match ask {
            Ask::Offer { nonce, hops, room, pass } => {
                self.offered(around, from, nonce, hops, room, pass, out)
            }
            Ask::Confirm { .. } => self.confirmed(around, from, out),
            Ask::Moved { to, nonce } => self.move_asked(around, from, to, nonce, out),
            Ask::Leave => {
                self.remove_seat(around, from, out);
                self.drop_pending(around, from);
                self.refuse(around, from);
                Answer::Leave
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of the offer, and what every step gets")]
    fn offered(
        &mut self,
        around: &mut Around<'_>,
        from: NetworkId,
        nonce: Nonce,
        hops: u8,
        room: Room,
        pass: Option<SplitPass>,
        out: &mut Vec<Out>,
    ) -> Answer {
        if hops > 0
            && let Some(next) = self.find_onward(around, from)
        {
            return Answer::Onward(next);
        }
        // Who does not know of its seat gets it again.
        if self.seat(from).is_some() {
            return Answer::Accept(nonce);
        }
        if !self.is_prefix_free(around, from) {
            return Answer::Leave;
        }
        if let Some(pending) = self.pending_of(from) {
            // Crossed offers agree: both ends accept, both confirm. A repeated one is accepted again.
            if !matches!(pending.stage, Stage::Confirming { .. }) {
                (pending.stage, pending.nonce) = (Stage::Granted, nonce);
                pending.until = around.now.after(GRANT_TIME);
            }
            return Answer::Accept(nonce);
        }
        // Who comes in vain for the place of a seat that stays is a newcomer like any other.
        if let Some(pass) = pass
            && let answer @ Answer::Wait = self.split_asked(around, from, pass, out)
        {
            return answer;
        }
        if self.may_adopt(around, from, out) {
            let until = around.now.after(GRANT_TIME);
            let (origin, stage) = (Origin::Inbound, Stage::Granted);
            self.pending.push(Pending {
                peer: from,
                nonce,
                origin,
                hops: 0,
                pass: None,
                splits: 0,
                stage,
                until,
            });
            return Answer::Accept(nonce);
        }
        if room == Room::More {
            return self.split(around, from);
        }
        Answer::Leave
    }

    /// A connected seat other than the asking one, at random.
    fn find_onward(&self, around: &mut Around<'_>, from: NetworkId) -> Option<NetworkId> {
        let others: Vec<NetworkId> =
            self.peers().filter(|peer| *peer != from && around.is_near(*peer)).collect();
        around.pick(&others)
    }

    /// Whether a peer that asked may have a place, of which one is made free if need be.
    pub(super) fn may_adopt(&mut self, around: &Around<'_>, from: NetworkId, out: &mut Vec<Out>) -> bool {
        self.inbound() < INBOUND_SEATS && self.is_prefix_free(around, from) && self.make_room(out)
    }

    fn inbound(&self) -> usize {
        let seats = self.seats.iter().filter(|seat| seat.reach != super::Reach::Failed);
        let origins = seats.map(|seat| seat.origin).chain(self.pending.iter().map(|pending| pending.origin));
        origins.filter(|origin| *origin == Origin::Inbound).count()
    }

    /// Whether a newcomer may have this seat's place.
    fn may_replace(&self, around: &Around<'_>, peer: NetworkId, kept: &[NetworkId]) -> bool {
        self.seat(peer).is_some_and(|seat| {
            let inbound = self.inbound().saturating_sub(usize::from(seat.origin == Origin::Inbound));
            seat.hold == Hold::Firm
                && around.is_near(peer)
                && !kept.contains(&peer)
                && inbound < INBOUND_SEATS
        })
    }

    /// Names a seat whose place the newcomer may take, and keeps it locked for that.
    fn split(&mut self, around: &mut Around<'_>, from: NetworkId) -> Answer {
        let kept = self.kept();
        let candidates: Vec<NetworkId> =
            self.peers().filter(|peer| self.may_replace(around, *peer, &kept)).collect();
        let Some(peer) = around.pick(&candidates) else { return Answer::Leave };
        let (nonce, until) = (around.nonce(), around.now.after(GRANT_TIME));
        if let Some(seat) = self.seat_mut(peer) {
            seat.hold = Hold::Locked { to: from, nonce, until };
        }
        Answer::Split(peer, nonce)
    }

    /// A newcomer comes with a pass of one of our seats: the seat has to say that this is so.
    fn split_asked(
        &mut self,
        around: &mut Around<'_>,
        newcomer: NetworkId,
        pass: SplitPass,
        out: &mut Vec<Out>,
    ) -> Answer {
        if let Some(seat) = self.seat(pass.from)
            && matches!(seat.hold, Hold::Moving { to, nonce, .. } if to == newcomer && nonce == pass.nonce)
        {
            return Answer::Wait;
        }
        let kept = self.kept();
        if !self.may_replace(around, pass.from, &kept) {
            return Answer::Leave;
        }
        let next = Due { at: around.now.after(RETRY), tries: 0 };
        if let Some(seat) = self.seat_mut(pass.from) {
            seat.hold = Hold::Moving { to: newcomer, nonce: pass.nonce, next };
            out.push(Out::Ask(pass.from, Ask::Moved { to: newcomer, nonce: pass.nonce }));
        }
        Answer::Wait
    }

    fn confirmed(&mut self, around: &mut Around<'_>, from: NetworkId, out: &mut Vec<Out>) -> Answer {
        if let Some(seat) = self.seat_mut(from) {
            seat.reach = super::Reach::Untried;
            return Answer::Seated;
        }
        let is_free = self.is_prefix_free(around, from);
        if let Some(origin) = self.pending_of(from).filter(|_| is_free).map(|pending| pending.origin) {
            self.pending.retain(|pending| pending.peer != from);
            self.add_seat(around, from, origin, out);
            return Answer::Seated;
        }
        if self.may_adopt(around, from, out) {
            self.add_seat(around, from, Origin::Inbound, out);
            return Answer::Seated;
        }
        Answer::Leave
    }

    /// Whom we sent away with a pass has arrived: the newcomer takes the asking seat's place here.
    fn move_asked(
        &mut self,
        around: &mut Around<'_>,
        from: NetworkId,
        newcomer: NetworkId,
        nonce: Nonce,
        out: &mut Vec<Out>,
    ) -> Answer {
        let pass = |hold: Hold| matches!(hold, Hold::Locked { to, nonce: ours, .. } if to == newcomer && ours == nonce);
        if self.seat(from).is_some_and(|seat| pass(seat.hold)) {
            self.remove_seat(around, from, out);
            if self.moved.len() >= MOVES {
                self.moved.remove(0);
            }
            self.moved.push((from, nonce));
            self.offer_newcomer(around, newcomer, out);
            return Answer::Accept(nonce);
        }
        if !self.moved.contains(&(from, nonce)) {
            return Answer::Leave;
        }
        // It ends the seat there. One that was made since is ended by that, too: ask whether it still counts us.
        let at = around.now.after(RETRY);
        if let Some(seat) = self.seat_mut(from) {
            seat.check = Some(Check::at(at));
        }
        Answer::Accept(nonce)
    }

    /// Offers the place of a split seat to the newcomer it was split for.
    pub(super) fn offer_newcomer(
        &mut self,
        around: &mut Around<'_>,
        newcomer: NetworkId,
        out: &mut Vec<Out>,
    ) {
        if self.is_known(newcomer) || newcomer == self.us {
            return;
        }
        self.offer(around, newcomer, 0, None, out);
        if let Some(pending) = self.pending_of(newcomer) {
            pending.origin = Origin::Inbound;
        }
    }
}
