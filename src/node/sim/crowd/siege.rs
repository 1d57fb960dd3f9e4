//! Many nodes of one attacker among few honest ones. They are real engines that ask for seats like any other, each
//! connected to every honest node it can reach, in public networks of their own; they pass nothing on and have nothing
//! for those that pull from them.

use std::time::Duration;

use super::spread::{Crowd, Followed, Measured, Setting};
use crate::api::Command;
use crate::domain::invite::{Invite, format_ticket};
use crate::node::engine::{Fault, Faults};
use crate::node::sim::node::NodeIndex;

/// Time between two looks at the seats.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long seats are looked at.
const SIEGE: Duration = Duration::from_mins(10);
/// Time the content has to come through.
const DELIVERY: Duration = Duration::from_mins(1);

/// Who was there first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// The honest ones, with seats at each other.
    Honest,
    /// The attacker's: every honest one but the author comes when the seats are theirs.
    Sybils,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Siege {
    /// The fewest seats for honest nodes that an honest node had at any look.
    pub least_honest_seats: usize,
    /// Seats of honest nodes at the end that are the attacker's, and all.
    pub captured: (usize, usize),
    /// How far something new came among honest nodes within a minute.
    pub measured: Measured,
}

impl Crowd {
    /// So many honest nodes, the author among them, and so many of an attacker.
    #[must_use]
    pub fn besiege(setting: Setting, sybils: usize, first: First) -> Siege {
        let mut crowd = Self::begin(setting);
        let mut least = usize::MAX;
        match first {
            First::Honest => {
                crowd.let_honest_in(setting.holders);
                crowd.rest(Duration::from_mins(3));
                least = crowd.let_sybils_in(sybils);
            }
            First::Sybils => {
                crowd.let_sybils_in(sybils);
                crowd.rest(Duration::from_mins(3));
                crowd.let_honest_in(setting.holders);
            }
        }
        for _ in 0..SIEGE.as_secs() / LOOK_EVERY.as_secs() {
            crowd.rest(LOOK_EVERY);
            least = least.min(crowd.least_honest_seats());
        }
        let seats: Vec<(usize, usize)> =
            crowd.honest().into_iter().map(|index| crowd.honest_seats(index)).collect();
        let all: usize = seats.iter().map(|(_, all)| all).sum();
        let honest: usize = seats.iter().map(|(honest, _)| honest).sum();
        let measured = crowd.follow_for(Followed::Post, DELIVERY);
        Siege { least_honest_seats: least, captured: (all - honest, all), measured }
    }

    fn honest(&self) -> Vec<NodeIndex> {
        (0..self.world.nodes.len()).filter(|index| !self.world.silent.contains(index)).collect()
    }

    /// Seats of a node for honest ones, and all.
    fn honest_seats(&mut self, index: NodeIndex) -> (usize, usize) {
        let author = self.world.nodes[0].posting_id();
        let seats = self.world.seats_of(index, author);
        let others = seats.iter().filter_map(|peer| self.world.find(*peer));
        (others.filter(|other| !self.world.silent.contains(other)).count(), seats.len())
    }

    fn least_honest_seats(&mut self) -> usize {
        self.honest().into_iter().map(|index| self.honest_seats(index).0).min().unwrap_or(0)
    }

    /// Each is let in by an honest one, and keeps it as a peer.
    fn let_honest_in(&mut self, holders: usize) {
        while self.honest().len() < holders {
            let honest = self.honest();
            let host = honest[honest.len() / 2];
            let guest = self.world.add_node();
            self.invite(guest, host);
            self.rest(Duration::from_secs(5));
        }
    }

    /// One a second; the fewest honest seats meanwhile are given back.
    fn let_sybils_in(&mut self, sybils: usize) -> usize {
        let mut least = usize::MAX;
        for _ in 0..sybils {
            let honest = self.honest();
            let sybil = self.world.add_node_with(Faults::plant(Fault::PassesNothingOn));
            self.world.silent.insert(sybil);
            self.invite(sybil, honest[0]);
            for target in honest {
                let ticket = format_ticket(&self.world.address(target));
                self.act(sybil, Command::AddPeer { ticket });
            }
            self.rest(LOOK_EVERY);
            least = least.min(self.least_honest_seats());
        }
        least
    }

    fn invite(&mut self, guest: NodeIndex, host: NodeIndex) {
        let posting_id = self.world.nodes[0].posting_id();
        let addresses = vec![self.world.address(host)];
        let invite = Invite { posting_id, name_hint: "author".to_owned(), addresses };
        self.act(guest, Command::Follow { target: invite.format(), persona: None });
    }
}
