//! What a crowd goes through: it gathers around an author, some of it goes offline, and something new is followed.

use std::time::Duration;

use rand::RngExt;
use rand::seq::SliceRandom;

use super::PULLED_PEERS;
use super::tally::Tally;
use super::watch::Reached;
use super::world::{Pulls, World};
use crate::api::{Command, Outcome};
use crate::db::objects::Have;
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::invite::{Invite, format_ticket};
use crate::node::engine::{Fault, Faults};
use crate::node::sim::node::NodeIndex;

/// Time between two who join while a crowd gathers, times how many there are: it doubles in 20 seconds.
const JOIN_EVERY: Duration = Duration::from_secs(30);
/// Time until a crowd that gathered is at rest.
const SETTLE: Duration = Duration::from_mins(3);
/// Time between nodes going offline and what is measured: most repairs are through, not every pull.
const OFFLINE_FOR: Duration = Duration::from_mins(1);
/// Time a thing is followed by pushes alone, and with pulls.
const FOLLOW_PUSHES: Duration = Duration::from_secs(30);
const FOLLOW_PULLS: Duration = Duration::from_mins(2);
/// The author.
const AUTHOR: NodeIndex = 0;

/// What a crowd is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Makes the same crowd again.
    pub seed: u64,
    /// Nodes that hold what the author writes, the author's own included.
    pub holders: usize,
    /// How many of a hundred pulled peers hold it, too.
    pub holding_percent: u32,
    /// How holders know each other.
    pub rule: Rule,
    /// Streams of a hundred that are lost.
    pub loss_percent: u32,
    /// A mistake planted into the program; none goes with the control.
    pub fault: Option<Fault>,
}

/// By which rule holders know each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Mutual seats, as in the program.
    Seats,
    /// The control: the five that last dealt with the file, whoever they are.
    PlainLru,
}

impl Setting {
    /// A crowd of so many holders, without losses and mistakes.
    #[must_use]
    pub const fn new(seed: u64, holders: usize, holding_percent: u32, rule: Rule) -> Self {
        Self { seed, holders, holding_percent, rule, loss_percent: 0, fault: None }
    }

    fn faults(&self) -> Faults {
        match (self.rule, self.fault) {
            (Rule::PlainLru, _) => Faults::plant(Fault::PlainLru),
            (Rule::Seats, Some(fault)) => Faults::plant(fault),
            (Rule::Seats, None) => Faults::default(),
        }
    }
}

/// Whether pulls help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pulling {
    /// Pulls bring nothing: pushes alone.
    Off,
    /// As in the program.
    On,
}

/// What is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// A new post of the author.
    Post,
    /// A diff of the newest post's header: a comment by any holder but the author.
    Diff,
}

/// How far something came, in one crowd or in several of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Measured {
    /// Nodes that are on.
    pub online: usize,
    /// When and how it came to the nodes that have it.
    pub arrivals: Vec<Arrival>,
    /// Times it was carried over a connection.
    pub payloads: u64,
    /// Everything sent meanwhile.
    pub sent: Tally,
}

/// How something came to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Time since it was made.
    pub after: Duration,
    /// Connections it came over; none where it was made.
    pub hops: u32,
}

impl Measured {
    /// Whether at least 99 % of the nodes that are on have it.
    #[must_use]
    pub const fn is_everywhere(&self) -> bool {
        self.arrivals.len() * 100 >= self.online * 99
    }

    /// Time within which so many percent of those that got it had it.
    #[must_use]
    pub fn latency(&self, percent: usize) -> Duration {
        percentile(self.arrivals.iter().map(|arrival| arrival.after), percent)
    }

    /// Hops over which it came at most to so many percent of those that got it.
    #[must_use]
    pub fn hops(&self, percent: usize) -> u32 {
        percentile(self.arrivals.iter().map(|arrival| arrival.hops), percent)
    }

    /// Frames that tell of it or carry it: everything but greetings, lists and pulls that find nothing.
    #[must_use]
    pub fn messages(&self) -> u64 {
        /// `Items`, `Fetch`, `News`, `ManifestPush`, `HeaderDiff`.
        const TELLING: [u16; 5] = [8, 9, 10, 14, 15];
        TELLING.iter().filter_map(|kind| self.sent.by_kind.get(kind)).map(|frames| frames.frames).sum()
    }
}

impl std::ops::AddAssign for Measured {
    fn add_assign(&mut self, other: Self) {
        self.online += other.online;
        self.arrivals.extend(other.arrivals);
        self.payloads += other.payloads;
        self.sent += other.sent;
    }
}

/// The value that so many percent of them do not exceed.
pub(super) fn percentile<T: Ord + Copy + Default>(values: impl Iterator<Item = T>, percent: usize) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    let last = values.len().saturating_sub(1);
    values.get(last * percent / 100).copied().unwrap_or_default()
}

/// A crowd that has gathered.
pub struct Crowd {
    setting: Setting,
    pub(super) world: World,
    author: PostingId,
    /// What the author wrote last.
    newest: Option<ObjectId>,
}

impl Crowd {
    /// Lets a crowd gather and come to rest.
    #[must_use]
    pub fn gather(setting: Setting) -> Self {
        let mut crowd = Self::begin(setting);
        let mut hosts = Vec::new();
        for there in (1..).take(setting.holders.saturating_sub(1)) {
            hosts.push(crowd.join());
            crowd.world.run_for(JOIN_EVERY / there);
        }
        crowd.world.run_for(SETTLE);
        for (guest, host) in hosts {
            crowd.drift(guest, host);
        }
        crowd.world.run_for(SETTLE);
        crowd
    }

    /// Only the author, who has written something.
    pub(super) fn begin(setting: Setting) -> Self {
        let mut world = World::new(setting.seed, setting.faults());
        world.loss_percent = setting.loss_percent;
        world.add_node();
        let author = world.nodes[AUTHOR].posting_id();
        let mut crowd = Self { setting, world, author, newest: None };
        crowd.publish();
        crowd
    }

    /// A node joins, let in by any that is on. Both are given back.
    pub(super) fn join(&mut self) -> (NodeIndex, NodeIndex) {
        let host = self.any_online();
        let guest = self.world.add_node();
        let addresses = vec![self.world.address(host)];
        let invite = Invite { posting_id: self.author, name_hint: "author".to_owned(), addresses };
        self.act(guest, Command::Follow { target: invite.format(), persona: None });
        // Each of its own choice; as many come by the choice of others.
        for _ in 0..PULLED_PEERS / 2 {
            if self.world.dice.random_ratio(self.setting.holding_percent, 100) {
                let peer = self.world.dice.random_range(0..guest);
                let ticket = format_ticket(&self.world.address(peer));
                self.act(guest, Command::AddPeer { ticket });
            }
        }
        (guest, host)
    }

    /// Who let a node in stays a peer with the share of all peers, and as long as one is a holder to the other.
    fn drift(&mut self, guest: NodeIndex, host: NodeIndex) {
        let stays = self.world.dice.random_ratio(self.setting.holding_percent, 100);
        if stays || self.knows(guest, host) || self.knows(host, guest) {
            return;
        }
        self.world.estranged.insert((guest.min(host), guest.max(host)));
        let links: Vec<usize> = self.world.nodes[guest].links.values().copied().collect();
        for link in links {
            if self.world.links[link].nodes().contains(&host) {
                self.world.close(link, guest);
            }
        }
    }

    /// Whether a node counts another one among the holders of what the author wrote last.
    fn knows(&mut self, index: NodeIndex, other: NodeIndex) -> bool {
        let (author, peer) = (self.author, self.world.nodes[other].network_id);
        self.world.nodes[index].read(|read| read.list_holders_of(author)).unwrap_or_default().contains(&peer)
    }

    pub(super) fn act(&mut self, index: NodeIndex, command: Command) -> Outcome {
        self.world.command(index, command).expect("the command is a good one")
    }

    pub(super) fn publish(&mut self) -> ObjectId {
        let text = format!("at {}", self.world.now.as_millis());
        match self.act(AUTHOR, Command::PublishPost { persona: None, text, draft: None }) {
            Outcome::PostPublished(id) => {
                self.newest = Some(id);
                id
            }
            other => unreachable!("a post is published, not {other:?}"),
        }
    }

    /// Any holder but the author comments on the newest post; the author does where nobody else has it.
    fn comment(&mut self) -> (ObjectId, NodeIndex) {
        let post = self.newest.expect("the author has written something");
        let mut others: Vec<NodeIndex> = (1..self.world.nodes.len()).collect();
        others.shuffle(&mut self.world.dice);
        let mut holders = others.into_iter().filter(|index| {
            self.world.is_on(*index)
                && !self.world.silent.contains(index)
                && self.world.nodes[*index].read(|read| read.have(post)) == Some(Have::Stored)
        });
        let writer = holders.next().unwrap_or(AUTHOR);
        let text = format!("at {}", self.world.now.as_millis());
        match self.act(writer, Command::Reply { target: post, text, persona: None, draft: None }) {
            Outcome::OperationPublished(id) => (id, writer),
            other => unreachable!("an operation is published, not {other:?}"),
        }
    }

    /// So many of a hundred nodes are killed, never the author's; time passes; they stay away.
    pub fn leave(&mut self, percent: usize) {
        if percent == 0 {
            return;
        }
        let mut others: Vec<NodeIndex> = (1..self.world.nodes.len()).collect();
        others.shuffle(&mut self.world.dice);
        others.truncate(self.world.nodes.len() * percent / 100);
        for index in others {
            self.world.kill(index);
        }
        self.world.run_for(OFFLINE_FOR);
    }

    /// Everybody who is away comes back, over a minute.
    pub fn come_back(&mut self) {
        let away: Vec<NodeIndex> =
            (0..self.world.nodes.len()).filter(|index| !self.world.is_on(*index)).collect();
        if away.is_empty() {
            return;
        }
        let every = Duration::from_mins(1) / u32::try_from(away.len()).unwrap_or(u32::MAX);
        for index in away {
            self.world.start(index);
            self.world.run_for(every);
        }
        self.world.run_for(SETTLE);
    }

    /// Follows something new.
    pub fn measure(&mut self, followed: Followed, pulling: Pulling) -> Measured {
        match pulling {
            Pulling::Off => {
                self.world.pulls = Pulls::Muted;
                self.follow_for(followed, FOLLOW_PUSHES)
            }
            Pulling::On => self.follow_for(followed, FOLLOW_PULLS),
        }
    }

    /// Follows something new for so long.
    pub(super) fn follow_for(&mut self, followed: Followed, time: Duration) -> Measured {
        let (id, maker) = match followed {
            Followed::Post => (self.publish(), AUTHOR),
            Followed::Diff => self.comment(),
        };
        self.world.watch(id, maker);
        self.world.run_for(time);
        self.world.pulls = Pulls::Answered;
        self.measured()
    }

    fn measured(&mut self) -> Measured {
        let watch = self.world.watch.take().expect("something is followed");
        let counts = |index: &NodeIndex| self.world.is_on(*index) && !self.world.silent.contains(index);
        let online = (0..self.world.nodes.len()).filter(counts).count();
        let arrival =
            |reached: &Reached| Arrival { after: reached.at.since(watch.began), hops: reached.hops };
        Measured {
            online,
            arrivals: watch
                .reached
                .iter()
                .filter(|(index, _)| counts(index))
                .map(|(_, at)| arrival(at))
                .collect(),
            payloads: watch.payloads,
            sent: self.world.tally.since(&watch.before),
        }
    }

    /// Commits of all nodes until now.
    #[must_use]
    pub const fn commits(&self) -> u64 {
        self.world.commits
    }
}
