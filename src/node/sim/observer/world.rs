//! A history with conversations: twelve nodes, three of whose pairs talk, everything else that is sealed, and public posts.
//!
//! Persons write at moments that depend on nothing they read, so whatever follows an arrival more often than chance
//! allows was done by the program.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, RngExt, SeedableRng};

use super::ledger::Ledger;
use super::mutants::Leak;
use super::record::{PostIndex, Recorder};
use crate::api::{Command, Outcome, RequestAnswer, Talk};
use crate::crypto::keys::PostingKey;
use crate::crypto::sealing::size_for;
use crate::domain::conversation::ConversationId;
use crate::domain::envelope::Verified;
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::invite::format_ticket;
use crate::domain::sealed::{SLOT, SLOTS, Sealed, day_of};
use crate::domain::time::Timestamp;
use crate::node::engine::{Faults, Input};
use crate::node::sim::crowd::world::World;
use crate::node::sim::node::NodeIndex;

/// Nodes of a history.
pub(super) const NODES: usize = 12;
/// Time between two nodes that come.
const COMING: Duration = Duration::from_secs(2);
/// Time until prekeys are out and the first look is done.
const SETTLE: Duration = Duration::from_mins(12);
/// From here on who was written to answers.
const ANSWERS_AFTER: Duration = Duration::from_mins(15);
/// Time for the last posts to come everywhere.
const REST: Duration = Duration::from_mins(6);

/// How much happens in a history.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    /// Messages in each of the conversations.
    pub(super) messages: &'static [usize],
    /// Sealed posts of the ends that are for nobody.
    pub(super) others: usize,
    /// Decoys an hour of each node that talks to nobody.
    pub(super) decoys_per_hour: u32,
    /// Public posts.
    pub(super) public: usize,
    /// How long it is.
    pub(super) time: Duration,
    /// Connections a node opens when it comes, to those that are there.
    pub(super) opened: usize,
}

/// One conversation of 100 messages and two shorter ones; about 300 other sealed posts: 180 of the ends and 120 decoys.
pub(super) const PLAN: Plan = Plan {
    messages: &[100, 35, 35],
    others: 180,
    decoys_per_hour: 10,
    public: 40,
    time: Duration::from_hours(2),
    opened: 4,
};

/// Which sealed posts belong together.
pub(super) struct Conversation {
    /// Who talk: first who begins.
    pub(super) ends: [NodeIndex; 2],
    /// Their personas.
    pub(super) personas: [PostingId; 2],
    /// Its sealed posts, confirmations too, in the order in which they left.
    pub(super) posts: Vec<PostIndex>,
}

/// What nobody on the line knows. No check reads it before it has its figures.
pub(super) struct Truth {
    pub(super) conversations: Vec<Conversation>,
    /// All other sealed posts.
    pub(super) others: Vec<PostIndex>,
    /// Since when who has which of them in its pool.
    pub(super) pools: Ledger,
}

impl Conversation {
    /// Everything that is no post of it, of so many.
    pub(super) fn controls(&self, posts: usize) -> Vec<PostIndex> {
        let own: BTreeSet<PostIndex> = self.posts.iter().copied().collect();
        (0..posts).filter(|post| !own.contains(post)).collect()
    }
}

/// A history.
pub(super) struct History {
    pub(super) world: World,
    dice: StdRng,
    /// Nodes in the order of their parts: the ends of the conversations first.
    cast: Vec<NodeIndex>,
    talks: Vec<[Option<ConversationId>; 2]>,
    made: BTreeSet<ObjectId>,
    talking: Option<[Timestamp; 2]>,
}

/// Something a person does.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Writes in this conversation.
    Message(usize),
    /// Seals something for nobody.
    Other,
    /// Publishes.
    Public,
    /// Takes the first message for what it is.
    Accept(usize),
}

/// Plays a history.
///
/// # Panics
/// When a node refuses what it must take: a bug of the simulator.
pub(super) fn play(seed: u64, plan: Plan, leak: Option<Leak>) -> (Recorder, Truth) {
    let mut history = History::new(seed, plan, leak);
    history.run(plan);
    let (mut recorder, truth) = history.end(plan);
    if let Some(leak) = leak {
        leak.plant(&mut recorder, &truth, &mut StdRng::seed_from_u64(seed ^ 0x1ea4));
    }
    (recorder, truth)
}

impl History {
    /// Nodes that know each other, with personas, public posts, followers and prekeys.
    pub(super) fn new(seed: u64, plan: Plan, leak: Option<Leak>) -> Self {
        let faults = leak.and_then(Leak::fault).map_or_else(Faults::default, Faults::plant);
        let mut world = World::new(seed, faults);
        let mut dice = StdRng::seed_from_u64(seed.wrapping_mul(2).wrapping_add(1));
        let mut cast: Vec<NodeIndex> = (0..NODES).collect();
        cast.shuffle(&mut dice);
        let talking: BTreeSet<NodeIndex> = cast.iter().copied().take(2 * plan.messages.len()).collect();
        (world.recorder, world.ledger) = (Some(Recorder::default()), Some(Ledger::default()));
        for number in 0..NODES {
            let decoys = if talking.contains(&number) { 0 } else { plan.decoys_per_hour };
            let index = world.add_stranger(&format!("somebody {number}"), decoys);
            let mut known = BTreeSet::new();
            while known.len() < plan.opened.min(number) {
                let peer = dice.random_range(0..number);
                if known.insert(peer) {
                    let ticket = format_ticket(&world.address(peer));
                    world.command(index, Command::AddPeer { ticket }).expect("the ticket is a good one");
                }
            }
            world.run_for(COMING);
        }
        // Somebody who talks to nobody probes; where all talk, nobody does.
        world.probers = cast.iter().skip(2 * plan.messages.len()).take(1).copied().collect();
        let talks = plan.messages.iter().map(|_| [None, None]).collect();
        let mut history = Self { world, dice, cast, talks, made: BTreeSet::new(), talking: None };
        history.follow_somebody();
        history.world.run_for(SETTLE);
        history
    }

    /// All read the author at the last node, and nobody reads whom it writes to.
    fn follow_somebody(&mut self) {
        let Some((author, readers)) =
            self.cast.clone().split_last().map(|(last, rest)| (*last, rest.to_vec()))
        else {
            return;
        };
        let target = self.persona(author).to_string();
        for reader in readers.into_iter().step_by(2) {
            let command = Command::Follow { target: target.clone(), persona: None };
            self.world.command(reader, command).expect("anybody can be followed");
        }
    }

    pub(super) fn persona(&self, node: NodeIndex) -> PostingId {
        self.world.nodes[node].posting_id()
    }

    pub(super) fn ends(&self, talk: usize) -> [NodeIndex; 2] {
        [self.cast[2 * talk], self.cast[2 * talk + 1]]
    }

    /// Persons act at their random moments.
    pub(super) fn run(&mut self, plan: Plan) {
        let mut acts: Vec<(Duration, Act)> = Vec::new();
        for (talk, messages) in plan.messages.iter().enumerate() {
            acts.extend((0..*messages).map(|_| (self.moment(plan.time), Act::Message(talk))));
            acts.push((ANSWERS_AFTER, Act::Accept(talk)));
        }
        acts.extend((0..plan.others).map(|_| (self.moment(plan.time), Act::Other)));
        acts.extend((0..plan.public).map(|_| (self.moment(plan.time), Act::Public)));
        acts.sort_by_key(|(at, _)| *at);
        (0..plan.messages.len()).for_each(|talk| self.open(talk, 0));
        let mut passed = Duration::ZERO;
        let begin = self.world.now;
        self.talking = Some([begin.after(ANSWERS_AFTER), begin.after(plan.time)]);
        for (at, act) in acts {
            self.world.run_for(at.saturating_sub(passed));
            passed = passed.max(at);
            self.act(act, passed);
        }
        self.world.run_for(plan.time.saturating_sub(passed));
        self.world.run_for(REST);
    }

    fn moment(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.dice.random::<f64>())
    }

    fn act(&mut self, act: Act, passed: Duration) {
        match act {
            Act::Message(talk) => {
                let side = usize::from(passed > ANSWERS_AFTER && self.dice.random_ratio(1, 2));
                self.write(talk, side);
            }
            Act::Accept(talk) => self.accept(talk),
            Act::Other => {
                let node = self.cast[self.dice.random_range(0..2 * self.talks.len().max(1))];
                let post = self.new_sealed();
                self.made.insert(post.id());
                self.world.input(node, None, Input::SealedMade { post: Box::new(post) });
            }
            Act::Public => {
                let node = self.cast[self.dice.random_range(0..NODES)];
                let text = format!("public {}", self.dice.next_u64());
                let command = Command::PublishPost { persona: None, text, draft: None };
                self.world.command(node, command).expect("anybody may publish");
            }
        }
    }

    /// Bytes of a text: as many sealed posts of each size come from it as decoys are made of it.
    fn length(&mut self) -> usize {
        match self.dice.random_range(0..64) {
            0..53 => self.dice.random_range(1..=800),
            53..61 => self.dice.random_range(1_000..=6_000),
            _ => self.dice.random_range(8_000..=16_000),
        }
    }

    fn open(&mut self, talk: usize, side: usize) {
        let ends = self.ends(talk);
        let people = vec![self.persona(ends[1 - side])];
        let command = Command::Talk(Talk::Open { people, persona: None });
        match self.world.command(ends[side], command) {
            Ok(Outcome::Conversation(view)) => self.talks[talk][side] = Some(view.thread),
            other => unreachable!("a conversation is opened, not {other:?}"),
        }
    }

    fn accept(&mut self, talk: usize) {
        self.open(talk, 1);
        let Some(thread) = self.talks[talk][1] else { return };
        let answer = Talk::Answer { thread, answer: RequestAnswer::Accept };
        self.world.command(self.ends(talk)[1], Command::Talk(answer)).expect("what is here can be accepted");
    }

    fn write(&mut self, talk: usize, side: usize) {
        let length = self.length();
        let text: String = (0..length).map(|_| char::from(self.dice.random_range(b'a'..=b'z'))).collect();
        let Some(thread) = self.talks[talk][side] else { return };
        let send = Command::Talk(Talk::Send { thread, text, quote: None, draft: None });
        self.world.command(self.ends(talk)[side], send).expect("a message can be written");
    }

    /// A sealed post for nobody, of a size that a text would have.
    fn new_sealed(&mut self) -> Verified<Sealed> {
        let length = self.length();
        let size = size_for(length).expect("texts fit");
        let (mut slots, mut body) = ([[0; SLOT]; SLOTS], vec![0; Sealed::body_bytes(size)]);
        for slot in &mut slots {
            self.dice.fill_bytes(slot);
        }
        self.dice.fill_bytes(&mut body);
        let author = PostingKey::generate(&mut self.dice);
        let day = day_of(self.world.now);
        let post = Sealed::new(author.posting_id(), day, &slots, &body).expect("the form is the right one");
        author.sign(&post)
    }

    /// What was recorded, and what it was.
    pub(super) fn end(mut self, plan: Plan) -> (Recorder, Truth) {
        let mut recorder = self.world.recorder.take().unwrap_or_default();
        let pools = self.world.ledger.take().unwrap_or_default();
        recorder.talking = self.talking;
        recorder.probers.clone_from(&self.world.probers);
        recorder.personas = (0..NODES).map(|node| self.persona(node)).collect();
        let made: BTreeSet<PostIndex> = self.made.iter().filter_map(|id| recorder.find(*id)).collect();
        let mut conversations: Vec<Conversation> = (0..plan.messages.len())
            .map(|talk| {
                let ends = self.ends(talk);
                Conversation { ends, personas: ends.map(|end| self.persona(end)), posts: Vec::new() }
            })
            .collect();
        let mut others = Vec::new();
        for (index, post) in recorder.posts.iter().enumerate() {
            let of = conversations.iter_mut().find(|talk| talk.ends.contains(&post.from));
            match of {
                Some(talk) if !made.contains(&index) => talk.posts.push(index),
                _ => others.push(index),
            }
        }
        (recorder, Truth { conversations, others, pools })
    }
}
