//! Seats between topics and connections: wishes leave in batches per peer, answers come back, addresses are added and
//! taken off, the store is told.

use std::collections::BTreeMap;

use super::topic::{Answer, Happened, Origin, Out, Proof, SeatRecord};
use super::{Around, OWN_WAIT, PutOff, SentLink};
use crate::db::DbError;
use crate::db::holders::AuthorSeat;
use crate::db::peers::AddressSource;
use crate::domain::address::PeerAddress;
use crate::domain::ids::{NetworkId, PostingId};
use crate::limits::{LINK_ENTRIES, LINK_SPACING, NAMED_DIAL_SPACING};
use crate::node::engine::{ConnectionId, Effect, Engine, ReplyId, RequestId, Step};
use crate::node::wire::{LinkAsk, Message, Reply, TopicId};

impl Engine {
    /// Lets something happen to a topic and does what comes of it; gives back the answer to a wish.
    pub(super) fn topic_happens(
        &mut self,
        step: &mut Step<'_, '_>,
        author: PostingId,
        happened: Happened,
    ) -> Result<Option<Answer>, DbError> {
        let dialling = self.dialling();
        let Some(topic) = self.spread.topics.get_mut(&author) else { return Ok(None) };
        let mut around = Around { now: step.now, rng: &mut *step.rng, near: &self.spread.near, dialling };
        let outs = topic.handle(&mut around, happened);
        let mut answer = None;
        for out in outs {
            match out {
                Out::Ask(peer, ask) => {
                    let wish = LinkAsk { topic: TopicId::Author(author), ask };
                    self.spread.wish(peer, wish);
                }
                Out::Answer(given) => answer = Some(given),
                Out::Reach(peer) => {
                    if self.places.free(self.connections.len()) == 0 {
                        self.look_for_spare(step.now);
                    }
                    self.dial_seat_soon(step.now, peer);
                }
                Out::Seated(record) => self.seat_made(step, author, &record)?,
                Out::Unseated(peer) => {
                    if let Some(peer) = step.store.find_peer(peer)? {
                        step.store.delete_seat(author, peer)?;
                    }
                }
            }
        }
        Ok(answer)
    }

    fn seat_made(
        &mut self,
        step: &mut Step<'_, '_>,
        posting_id: PostingId,
        record: &SeatRecord,
    ) -> Result<(), DbError> {
        let Some(peer) = step.store.find_peer(record.peer)? else { return Ok(()) };
        let seat = AuthorSeat {
            network_id: record.peer,
            is_chosen: u8::from(record.origin == Origin::Chosen),
            is_proven: u8::from(record.proof == Proof::Proven),
            since: record.since,
        };
        step.store.replace_seat(posting_id, peer, &seat)?;
        if record.since == step.now {
            // Whoever just sat down may have missed the newest.
            let due = step.now.after(step.within(OWN_WAIT));
            self.put_off(due, PutOff::Push(record.peer, posting_id));
        }
        Ok(())
    }

    /// Sends what waits for peers that got nothing for [`LINK_SPACING`], what is for one peer together. Two of our own
    /// personas never leave in one step.
    pub(super) fn send_wishes(&mut self, step: &mut Step<'_, '_>) {
        self.spread.next_wishes.retain(|_, next| *next > step.now);
        let (due, waiting): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.spread.wishes)
            .into_iter()
            .partition(|(peer, _)| !self.spread.next_wishes.contains_key(peer));
        self.spread.wishes = waiting;
        for (peer, wishes) in due {
            let mut batch = Vec::new();
            for wish in wishes {
                if let TopicId::Author(author) = wish.topic
                    && !self.may_cause(author)
                {
                    let due = step.now.after(step.within(OWN_WAIT));
                    self.put_off(due, PutOff::Wish(peer, wish));
                } else {
                    batch.push(wish);
                }
            }
            let Some(connection) = self.connections_with(peer).next() else { continue };
            if batch.is_empty() {
                continue;
            }
            self.spread.next_wishes.insert(peer, step.now.after(LINK_SPACING));
            // What does not fit waits for the next time.
            let later = batch.split_off(batch.len().min(LINK_ENTRIES));
            for wish in later {
                self.spread.wish(peer, wish);
            }
            let (request, asks) = (self.new_request(), batch);
            let message = Message::Link(asks.clone());
            self.spread.sent.insert(request, SentLink { connection, peer, asks });
            step.push(Effect::Request { connection, request, message });
        }
    }

    /// A peer's wishes: one reply each. Of topics we do not carry it is told so.
    pub(in crate::node::engine) fn link_asked(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        reply: ReplyId,
        asks: Vec<LinkAsk>,
    ) -> Result<(), DbError> {
        let Some(from) =
            self.connections.get(&id).filter(|known| known.row().is_some()).map(|known| known.peer)
        else {
            step.push(Effect::Reply { reply, message: Message::Busy });
            return Ok(());
        };
        let mut replies = Vec::with_capacity(asks.len());
        for LinkAsk { topic, ask } in asks {
            let answer = match topic {
                TopicId::Author(author) => self.topic_happens(step, author, Happened::Asked { from, ask })?,
                TopicId::File(_) => None,
            };
            replies.push(reply_for(step, answer.unwrap_or(Answer::Leave))?);
        }
        step.push(Effect::Reply { reply, message: Message::Linked(replies) });
        Ok(())
    }

    /// Whether an answer was one to wishes of ours; what it says then reached the topics.
    pub(in crate::node::engine) fn link_answered(
        &mut self,
        step: &mut Step<'_, '_>,
        request: RequestId,
        message: Option<&Message>,
    ) -> Result<bool, DbError> {
        let Some(sent) = self.spread.sent.remove(&request) else { return Ok(false) };
        self.wishes_ended(step, sent, message)?;
        Ok(true)
    }

    fn wishes_ended(
        &mut self,
        step: &mut Step<'_, '_>,
        SentLink { peer, asks, .. }: SentLink,
        message: Option<&Message>,
    ) -> Result<(), DbError> {
        let replies = match message {
            Some(Message::Linked(replies)) if replies.len() == asks.len() => replies.as_slice(),
            _ => &[],
        };
        for (index, LinkAsk { topic, ask }) in asks.into_iter().enumerate() {
            let TopicId::Author(author) = topic else { continue };
            let answer = match replies.get(index) {
                Some(reply) => Some(self.answer_from(step, peer, reply)?),
                None => None,
            };
            self.topic_happens(step, author, Happened::Replied { from: peer, ask, answer })?;
        }
        Ok(())
    }

    /// Wishes and fetches on a connection that is gone.
    pub(in crate::node::engine) fn links_lost(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
    ) -> Result<(), DbError> {
        let lost: Vec<_> = self.spread.sent.extract_if(.., |_, sent| sent.connection == id).collect();
        for (_, sent) in lost {
            self.wishes_ended(step, sent, None)?;
        }
        self.fetches_lost(step, id)
    }

    /// What a reply says, its address remembered.
    fn answer_from(
        &mut self,
        step: &mut Step<'_, '_>,
        from: NetworkId,
        reply: &Reply,
    ) -> Result<Answer, DbError> {
        Ok(match reply {
            Reply::Accept { nonce } => Answer::Accept(*nonce),
            Reply::Seated => Answer::Seated,
            Reply::Wait => Answer::Wait,
            Reply::Split { peer, nonce } => {
                self.address_named(step, from, peer)?;
                Answer::Split(peer.network_id, *nonce)
            }
            Reply::Onward { peer } => {
                self.address_named(step, from, peer)?;
                Answer::Onward(peer.network_id)
            }
            Reply::Leave => Answer::Leave,
        })
    }

    /// Remembers where a peer says another one is. Of one peer at most one new address a second is dialled, so that it
    /// cannot turn us on a victim.
    fn address_named(
        &mut self,
        step: &mut Step<'_, '_>,
        from: NetworkId,
        address: &PeerAddress,
    ) -> Result<(), DbError> {
        if address.network_id == self.network_id || self.spread.near.contains_key(&address.network_id) {
            return Ok(());
        }
        let row = step.store.insert_peer(address, step.now, AddressSource::Named)?;
        let earliest = self.spread.named.get(&from).map_or(step.now, |until| (*until).max(step.now));
        if self.meet(step, address.network_id, row, earliest)? {
            self.spread.named.insert(from, earliest.after(NAMED_DIAL_SPACING));
        }
        Ok(())
    }
}

/// An answer as it travels, with the addresses of the peers it names.
fn reply_for(step: &Step<'_, '_>, answer: Answer) -> Result<Reply, DbError> {
    let address = |peer: NetworkId| match step.store.find_peer(peer)? {
        Some(row) => step.store.get_peer_address(row),
        None => Ok(PeerAddress::of(peer)),
    };
    Ok(match answer {
        Answer::Accept(nonce) => Reply::Accept { nonce },
        Answer::Seated => Reply::Seated,
        Answer::Wait => Reply::Wait,
        Answer::Split(peer, nonce) => Reply::Split { peer: address(peer)?, nonce },
        Answer::Onward(peer) => Reply::Onward { peer: address(peer)? },
        Answer::Leave => Reply::Leave,
    })
}
