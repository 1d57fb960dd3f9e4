//! Trust: what counts as an offence, what it costs, who is cut off and who is banned. The table stands in PROTOCOL.md.
//!
//! Only what a peer did over a connection whose handshake proved its id counts; addresses that are merely claimed, and
//! kinds we do not know, never do. Scores survive reconnects and restarts in the store; this is a copy of it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::connection::Usefulness;
use super::{CloseReason, ConnectionId, Effect, Engine, Step};
use crate::api::Event;
use crate::db::{DbError, Read};
use crate::domain::address::PeerAddress;
use crate::domain::ids::NetworkId;
use crate::domain::standing::{Ban, Prefix, Standing, Subject, Verdict};
use crate::domain::time::Timestamp;
use crate::limits::{
    BANS_BY_PERSON, PREFIX_SCORE_BAN, SCORE_BAN, SCORE_GRAVE, SCORE_SERIOUS, SCORE_SLIGHT, STANDINGS,
};

/// What a peer did that it must not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// Bytes that are no message, a length out of bounds, a list that is too long.
    NoMessage,
    /// A pull that names authors outside of its list, or one twice.
    FalsePull,
    /// A page that is no answer to the pull, or something else where a page belongs.
    FalsePage,
    /// An answer that does not belong to the question.
    FalseAnswer,
    /// An item nobody asked for.
    Unasked,
    /// An item with a signature that is not its author's.
    Forgery,
    /// Bytes of a blob that are not those of its hash.
    FalseBlob,
    /// More bytes than anybody has to say unasked.
    Flood,
    /// A new pull before the last ones could be of use.
    HastyPull,
    /// A stream that was begun and then left lying.
    Stall,
    /// A connection without `Hello`.
    Silence,
}

/// How bad an offence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// An honest program on a bad line may do it once.
    Slight,
    /// An honest program does not do it, but nothing false was said.
    Serious,
    /// Only a broken or a hostile program does it: nothing on this connection can be relied on.
    Grave,
}

impl Offence {
    /// How bad it is.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::NoMessage
            | Self::FalsePull
            | Self::FalsePage
            | Self::FalseAnswer
            | Self::Unasked
            | Self::Forgery
            | Self::FalseBlob => Class::Grave,
            Self::Flood => Class::Serious,
            Self::HastyPull | Self::Stall | Self::Silence => Class::Slight,
        }
    }
}

impl Class {
    const fn points(self) -> i64 {
        match self {
            Self::Slight => SCORE_SLIGHT,
            Self::Serious => SCORE_SERIOUS,
            Self::Grave => SCORE_GRAVE,
        }
    }
}

/// Who is kept out, for those who take connections before the engine hears of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bans(BTreeMap<Subject, Ban>);

impl Bans {
    /// Whether a node is kept out, wherever it is.
    #[must_use]
    pub fn refuse_node(&self, id: NetworkId, now: Timestamp) -> bool {
        self.holds(Subject::Node(id), now)
    }

    /// Whether everybody at this address is kept out.
    #[must_use]
    pub fn refuse_address(&self, address: IpAddr, now: Timestamp) -> bool {
        Prefix::of(address).is_some_and(|prefix| self.holds(Subject::Prefix(prefix), now))
    }

    fn holds(&self, subject: Subject, now: Timestamp) -> bool {
        self.0.get(&subject).is_some_and(|ban| ban.holds(now))
    }
}

/// Everybody who is not simply well-behaved, as the store has it.
#[derive(Debug, Default)]
pub(super) struct Trust {
    standings: BTreeMap<Subject, Standing>,
}

impl Trust {
    pub(super) fn load(read: Read<'_>) -> Result<Self, DbError> {
        Ok(Self { standings: read.list_standings(STANDINGS)?.into_iter().collect() })
    }

    /// The ban of a node, its own or the longest of the prefixes it is seen in.
    pub(super) fn ban_of(&self, address: &PeerAddress) -> Ban {
        let own = Some(Subject::Node(address.network_id));
        let prefixes = prefixes(address).map(Subject::Prefix);
        let bans = own.into_iter().chain(prefixes).filter_map(|subject| self.standings.get(&subject));
        bans.map(|standing| standing.ban).max().unwrap_or(Ban::None)
    }

    pub(super) fn bans(&self) -> Bans {
        let banned = self.standings.iter().filter(|(_, standing)| standing.ban != Ban::None);
        Bans(banned.map(|(subject, standing)| (*subject, standing.ban)).collect())
    }

    pub(super) fn clock_stepped_back(&mut self, now: Timestamp) {
        self.standings.values_mut().for_each(|standing| standing.clock_stepped_back(now));
    }

    fn of(&self, subject: Subject, now: Timestamp) -> Standing {
        self.standings.get(&subject).copied().unwrap_or_else(|| Standing::clean(now))
    }

    fn banned_by_person(&self) -> usize {
        self.standings.values().filter(|standing| standing.ban == Ban::ByPerson).count()
    }
}

/// The public prefixes a node is seen in.
fn prefixes(address: &PeerAddress) -> impl Iterator<Item = Prefix> + '_ {
    address.sockets.iter().filter_map(|socket| Prefix::of(socket.ip()))
}

/// Whether a person's ban could be noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PersonBan {
    /// It is.
    Noted,
    /// There are [`BANS_BY_PERSON`] already.
    TooMany,
}

impl Engine {
    /// A peer did what it must not. Its connection ends when the offence is grave or too much has come together, all
    /// its connections when it is banned.
    pub(super) fn offended(
        &mut self,
        step: &mut Step<'_, '_>,
        id: ConnectionId,
        offence: Offence,
    ) -> Result<(), DbError> {
        let Some(connection) = self.connections.get_mut(&id) else {
            return Ok(());
        };
        let (peer, class) = (connection.peer, offence.class());
        let prefix = prefixes(&connection.address).next();
        if class == Class::Grave {
            connection.usefulness = Usefulness::Unproven;
        }
        tracing::debug!(?offence, "a peer broke the rules");
        let own = self.judge(step, Subject::Node(peer), class, SCORE_BAN)?;
        let of_prefix = match prefix {
            Some(prefix) => self.judge(step, Subject::Prefix(prefix), class, PREFIX_SCORE_BAN)?,
            None => Verdict::Noted,
        };
        if own == Verdict::Banned || of_prefix == Verdict::Banned {
            self.bans_changed(step);
        } else if own == Verdict::Cut {
            for id in self.connections_with(peer).collect::<Vec<_>>() {
                self.close(step, id, CloseReason::Misbehaved);
            }
        } else if class == Class::Grave {
            self.close(step, id, CloseReason::Misbehaved);
        }
        Ok(())
    }

    fn judge(
        &mut self,
        step: &Step<'_, '_>,
        subject: Subject,
        class: Class,
        ban_at: i64,
    ) -> Result<Verdict, DbError> {
        let mut standing = self.trust.of(subject, step.now);
        let verdict = standing.offended(class.points(), ban_at, step.now);
        self.remember(step, subject, standing)?;
        Ok(verdict)
    }

    /// Writes a standing, and forgets the least important one when there are too many.
    fn remember(&mut self, step: &Step<'_, '_>, subject: Subject, standing: Standing) -> Result<(), DbError> {
        step.store.replace_standing(subject, &standing)?;
        self.trust.standings.insert(subject, standing);
        let most = usize::try_from(STANDINGS).unwrap_or(usize::MAX);
        if self.trust.standings.len() > most {
            for forgotten in step.store.list_forgettable_standings(1)? {
                step.store.delete_standing(forgotten)?;
                self.trust.standings.remove(&forgotten);
            }
        }
        Ok(())
    }

    /// Closes what is banned now, and tells who takes connections.
    fn bans_changed(&mut self, step: &mut Step<'_, '_>) {
        let is_banned = |address: &PeerAddress| self.trust.ban_of(address).holds(step.now);
        let banned: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, known)| is_banned(&known.address))
            .map(|(id, _)| *id)
            .collect();
        for id in banned {
            self.close(step, id, CloseReason::Banned);
        }
        self.announce_bans(step);
        step.tell(Event::PeersChanged);
    }

    /// Hands the bans to those who take connections.
    pub(super) fn announce_bans(&self, step: &mut Step<'_, '_>) {
        step.push(Effect::KeepOut(Arc::new(self.trust.bans())));
    }

    /// A person bans a node: it is cut off and kept out until a person lifts that.
    pub(super) fn ban_peer(
        &mut self,
        step: &mut Step<'_, '_>,
        peer: NetworkId,
    ) -> Result<PersonBan, DbError> {
        let subject = Subject::Node(peer);
        let standing = self.trust.of(subject, step.now);
        if standing.ban == Ban::ByPerson {
            return Ok(PersonBan::Noted);
        }
        if self.trust.banned_by_person() >= BANS_BY_PERSON {
            return Ok(PersonBan::TooMany);
        }
        self.remember(step, subject, Standing { ban: Ban::ByPerson, ..standing })?;
        self.bans_changed(step);
        Ok(PersonBan::Noted)
    }

    /// A person forgives a node everything; also everybody else in the prefixes it is seen in, or it would stay out.
    /// Says whether it was banned.
    pub(super) fn unban_peer(&mut self, step: &mut Step<'_, '_>, peer: NetworkId) -> Result<bool, DbError> {
        let address = match step.store.find_peer(peer)? {
            Some(row) => step.store.get_peer_address(row)?,
            None => PeerAddress::of(peer),
        };
        if !self.trust.ban_of(&address).holds(step.now) {
            return Ok(false);
        }
        let own = Some(Subject::Node(peer));
        for subject in own.into_iter().chain(prefixes(&address).map(Subject::Prefix)) {
            step.store.delete_standing(subject)?;
            self.trust.standings.remove(&subject);
        }
        self.dial_peer_soon(step.now, peer);
        self.announce_bans(step);
        step.tell(Event::PeersChanged);
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
