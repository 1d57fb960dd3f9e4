//! Answers of peers to our wishes, and wishes nobody answered.

use super::{Answer, Around, Check, Due, Hold, Out, Pending, RETRY, SPLITS, Stage, TRIES, Topic};
use crate::domain::ids::NetworkId;
use crate::limits::{GRANT_TIME, OFFER_TIME};
use crate::node::wire::{Ask, Nonce, SplitPass};

impl Topic {
    pub(super) fn replied(
        &mut self,
        around: &mut Around<'_>,
        from: NetworkId,
        ask: Ask,
        answer: Option<Answer>,
        out: &mut Vec<Out>,
    ) {
        match ask {
            Ask::Offer { nonce, .. } => self.offer_answered(around, from, nonce, answer, out),
            Ask::Confirm { nonce } => self.confirm_answered(around, from, nonce, answer, out),
            Ask::Moved { to, nonce } => self.move_answered(around, from, (to, nonce), answer, out),
            Ask::Leave => {
                if answer.is_some() {
                    self.leaving.retain(|(leaving, _)| *leaving != from);
                }
                // Said late, it may have ended a seat that was made meanwhile.
                let now = around.now;
                if let Some(seat) = self.seat_mut(from) {
                    seat.check = Some(Check::at(now));
                }
            }
        }
    }

    fn offer_answered(
        &mut self,
        around: &mut Around<'_>,
        from: NetworkId,
        nonce: Nonce,
        answer: Option<Answer>,
        out: &mut Vec<Out>,
    ) {
        let (is_seat, is_free) = (self.is_seat(from), self.is_prefix_free(around, from));
        let Some(pending) = self.pending_of(from) else { return };
        let tries = match pending.stage {
            Stage::Offered { tries } if pending.nonce == nonce => tries,
            // Its own offer crossed ours.
            Stage::Granted if matches!(answer, Some(Answer::Accept(_))) => 0,
            _ => return,
        };
        match answer {
            // A walk that came back to a seat of ours.
            Some(Answer::Accept(_) | Answer::Seated) if is_seat => self.drop_pending(around, from),
            Some(Answer::Accept(_) | Answer::Seated) if !is_free => {
                self.refuse(around, from);
                self.drop_pending(around, from);
                self.say_leave(around, from);
            }
            Some(Answer::Accept(_) | Answer::Seated) => {
                let next = Due { at: around.now.after(RETRY), tries: 0 };
                pending.stage = Stage::Confirming { next };
                pending.until = around.now.after(GRANT_TIME);
                out.push(Out::Ask(from, Ask::Confirm { nonce: pending.nonce }));
            }
            Some(Answer::Wait) => {
                pending.stage = Stage::Promised;
                pending.until = around.now.after(GRANT_TIME);
            }
            Some(Answer::Split(peer, nonce)) => {
                self.forget_split(around, from);
                self.go_between(around, from, peer, nonce, out);
            }
            Some(Answer::Onward(peer)) => self.go_on(around, from, peer, out),
            Some(Answer::Leave) => {
                self.forget_split(around, from);
                self.refuse(around, from);
                self.drop_pending(around, from);
            }
            None if tries < 2 && around.is_near(from) => self.send_offer(around, from, out),
            None => {
                self.refuse(around, from);
                self.drop_pending(around, from);
            }
        }
    }

    /// A peer keeps the seat whose place we came for: the other end of that split waits for nothing.
    fn forget_split(&mut self, around: &mut Around<'_>, from: NetworkId) {
        if let Some(pass) = self.pending_of(from).and_then(|pending| pending.pass.take()) {
            self.drop_pending(around, pass.from);
        }
    }

    /// Both ends of a split are going to offer: keeps room for both, and shows the other end the pass.
    fn go_between(
        &mut self,
        around: &mut Around<'_>,
        from: NetworkId,
        peer: NetworkId,
        nonce: Nonce,
        out: &mut Vec<Out>,
    ) {
        self.remember_carrier(around, from);
        let is_possible = peer != self.us && !self.is_known(peer) && self.room() > 0;
        let Some(pending) = self.pending_of(from).filter(|pending| is_possible && pending.splits < SPLITS)
        else {
            return self.drop_pending(around, from);
        };
        pending.stage = Stage::Promised;
        pending.until = around.now.after(OFFER_TIME).after(GRANT_TIME);
        let splits = pending.splits.saturating_add(1);
        self.offer(around, peer, 0, Some(SplitPass { from, nonce }), out);
        if let Some(pending) = self.pending_of(peer) {
            pending.splits = splits;
        }
    }

    /// A walk goes on at the next peer, if it leads anywhere.
    fn go_on(&mut self, around: &mut Around<'_>, from: NetworkId, peer: NetworkId, out: &mut Vec<Out>) {
        self.remember_carrier(around, from);
        let is_possible = peer != self.us && !self.is_known(peer);
        let (nonce, until) = (around.nonce(), around.now.after(OFFER_TIME));
        let Some(pending) = self.pending_of(from).filter(|pending| is_possible && pending.hops > 0) else {
            return self.drop_pending(around, from);
        };
        (pending.peer, pending.nonce, pending.until) = (peer, nonce, until);
        pending.hops = pending.hops.saturating_sub(1);
        pending.stage = Stage::Reaching;
        if around.is_near(peer) {
            self.send_offer(around, peer, out);
        } else {
            out.push(Out::Reach(peer));
        }
    }

    fn confirm_answered(
        &mut self,
        around: &mut Around<'_>,
        from: NetworkId,
        nonce: Nonce,
        answer: Option<Answer>,
        out: &mut Vec<Out>,
    ) {
        let confirming = |pending: &&mut Pending| {
            matches!(pending.stage, Stage::Confirming { .. }) && pending.nonce == nonce
        };
        let origin = self.pending_of(from).filter(confirming).map(|pending| pending.origin);
        let asked = self.seat(from).map(|seat| seat.check.and_then(|check| check.asked));
        let is_late = asked.is_some_and(|asked| asked != Some(nonce));
        match answer {
            // Either end may have lost the seat since that was asked, and it was asked again.
            Some(_) if is_late => {}
            Some(Answer::Seated) => {
                if let Some(seat) = self.seat_mut(from) {
                    seat.check = None;
                } else if let Some(origin) = origin {
                    self.pending.retain(|pending| pending.peer != from);
                    self.add_seat(around, from, origin, out);
                } else {
                    self.say_leave(around, from);
                }
            }
            Some(_) => {
                self.remove_seat(around, from, out);
                if origin.is_some() {
                    self.drop_pending(around, from);
                }
                self.refuse(around, from);
            }
            None => {
                let given_up = self.pending_of(from).is_some_and(
                    |pending| matches!(pending.stage, Stage::Confirming { next } if next.tries >= TRIES),
                );
                if given_up {
                    self.drop_pending(around, from);
                    self.say_leave(around, from);
                }
            }
        }
    }

    fn move_answered(
        &mut self,
        around: &mut Around<'_>,
        from: NetworkId,
        (to, nonce): (NetworkId, Nonce),
        answer: Option<Answer>,
        out: &mut Vec<Out>,
    ) {
        let Some(seat) = self.seat_mut(from) else { return };
        let is_this =
            matches!(seat.hold, Hold::Moving { to: ours, nonce: pass, .. } if ours == to && pass == nonce);
        match answer {
            _ if !is_this => {}
            // Asked again when it is due.
            None => {}
            Some(Answer::Accept(_)) => {
                self.remove_seat(around, from, out);
                self.offer_newcomer(around, to, out);
            }
            Some(_) => {
                // No such pass. Whether it still counts us is another question.
                seat.hold = Hold::Firm;
                seat.check = Some(Check::at(around.now));
            }
        }
    }
}
