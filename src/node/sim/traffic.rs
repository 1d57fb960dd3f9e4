//! What travels over a connection, frame by frame. Every message goes through its bytes; a stream can be cut before
//! each frame, and in the middle of a frame of items.

use std::time::Duration;

use rand::RngExt;

use super::network::End;
use super::node::{LinkIndex, NodeIndex};
use super::world::{Happening, World};
use super::{Broken, CUT_PERCENT, Violation};
use crate::db::{DbError, Read};
use crate::domain::ids::ObjectId;
use crate::node::engine::answer::{self, PullAnswer, Wanted};
use crate::node::engine::{ConnectionId, Delivery, HandOver, Input, PullEnd, PulledPage, ReplyId, RequestId};
use crate::node::wire::{Decoded, Item, Message, Page, Pull, SealedPush, Sending, Stage, Want};

/// Longest time until a cut stream is noticed.
const CUT_TIME: Duration = Duration::from_secs(5);

/// A side of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Who dialled.
    Opener,
    /// Who was dialled.
    Accepter,
}

impl Side {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Opener => Self::Accepter,
            Self::Accepter => Self::Opener,
        }
    }
}

/// What an engine was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A request.
    Request,
    /// What to say to a pull beyond the log.
    PullBeyondLog,
}

impl Asked {
    pub(super) fn answered_by(self, request: RequestId, message: Message) -> Traffic {
        match (self, message) {
            (Self::PullBeyondLog, Message::Page(page)) => {
                Traffic::Page { request, page, sending: Sending::AtOnce }
            }
            (Self::PullBeyondLog, message) => Traffic::NoPage { request, message },
            (Self::Request, message) => Traffic::Answer { request, message },
        }
    }
}

/// Something under way.
pub(super) enum Traffic {
    /// A request for the engine.
    Request { request: RequestId, message: Message },
    /// The engine's answer to it.
    Answer { request: RequestId, message: Message },
    /// A push.
    Push { message: Message },
    /// A push of a sealed post: who pushes hears whether it went through.
    SealedPush { id: ObjectId, push: SealedPush },
    /// A pull.
    Pull { request: RequestId, pull: Pull },
    /// There is no page.
    NoPage { request: RequestId, message: Message },
    /// A page.
    Page { request: RequestId, page: Page, sending: Sending },
    /// Which of a page's offers are wanted.
    Want { request: RequestId, page: Page, sending: Sending, wanted: Vec<bool> },
    /// A fetch.
    Fetch { request: RequestId, wanted: Wanted },
    /// What there is of what was fetched.
    Fetched { request: RequestId, wanted: Wanted, items: Vec<Item> },
    /// The items of a page.
    Items { request: RequestId, page: Page, wanted: Vec<bool>, items: Vec<Item>, delivery: Delivery },
}

impl Traffic {
    /// What of it is a frame.
    pub(super) fn message(&self) -> Message {
        match self {
            Self::Request { message, .. }
            | Self::Answer { message, .. }
            | Self::Push { message }
            | Self::NoPage { message, .. } => message.clone(),
            Self::SealedPush { push, .. } => Message::SealedPush(push.clone()),
            Self::Pull { pull, .. } => Message::Pull(pull.clone()),
            Self::Page { page, .. } => Message::Page(page.clone()),
            Self::Want { wanted, .. } => Message::Want(Want::new(wanted)),
            Self::Fetch { wanted, .. } => wanted.message(),
            Self::Items { items, .. } | Self::Fetched { items, .. } => Message::Items(items.clone()),
        }
    }

    /// Frames of the stream it belongs to.
    const fn frames(&self) -> u32 {
        match self {
            Self::Push { .. } | Self::SealedPush { .. } => 1,
            Self::Request { .. } | Self::Answer { .. } | Self::Fetch { .. } | Self::Fetched { .. } => 2,
            Self::Pull { .. }
            | Self::NoPage { .. }
            | Self::Page { .. }
            | Self::Want { .. }
            | Self::Items { .. } => 4,
        }
    }

    /// Whether it goes from who asked to who answers.
    pub(super) const fn asks(&self) -> bool {
        matches!(
            self,
            Self::Request { .. }
                | Self::Push { .. }
                | Self::SealedPush { .. }
                | Self::Pull { .. }
                | Self::Want { .. }
                | Self::Fetch { .. }
        )
    }

    /// What who asked is told when it is lost; nobody waits for a push.
    pub(super) const fn lost(&self, connection: ConnectionId) -> Option<Input> {
        match *self {
            Self::Push { .. } => None,
            Self::SealedPush { id, .. } => Some(Input::SealedHanded { id, end: HandOver::Broken }),
            Self::Request { request, .. } | Self::Answer { request, .. } => {
                Some(Input::Answered { connection, request, message: None })
            }
            Self::Fetch { request, .. } | Self::Fetched { request, .. } => {
                Some(Input::Fetched { connection, request, items: Vec::new() })
            }
            Self::Pull { request, .. }
            | Self::NoPage { request, .. }
            | Self::Page { request, .. }
            | Self::Want { request, .. }
            | Self::Items { request, .. } => {
                Some(Input::PullEnded { connection, request, end: PullEnd::Lost })
            }
        }
    }
}

/// What a node sends of its page, frame by frame as it would.
pub(super) fn items_of(
    read: Read<'_>,
    page: &Page,
    sending: Sending,
    wanted: &[bool],
) -> Result<Vec<Item>, DbError> {
    let want = (!answer::is_inline(page, sending)).then(|| Want::new(wanted));
    all_items(read, answer::asked(page, want.as_ref()))
}

/// What a node sends of these ids, frame by frame as it would.
pub(super) fn all_items(read: Read<'_>, ids: Vec<ObjectId>) -> Result<Vec<Item>, DbError> {
    let mut ids = ids.into();
    let mut items = Vec::new();
    loop {
        items.extend(answer::next_items(read, &mut ids)?);
        if ids.is_empty() {
            return Ok(items);
        }
    }
}

impl World {
    /// Sends a frame to one side of a connection, unless its stream is cut here.
    pub(super) fn send(&mut self, link: LinkIndex, to: Side, traffic: Traffic) {
        let message = traffic.message();
        let bytes = message.encode();
        assert_eq!(Message::decode(&bytes), Ok(Decoded::Known(message)), "what is sent can be read");
        let bytes = u64::try_from(bytes.len()).unwrap_or(0);
        self.report.bytes += bytes;
        let receiver = self.links[link].end(to).node;
        self.nodes[receiver].received.frame_bytes += bytes;
        if !self.links[link].is_alive {
            return self.fail(link, to, &traffic);
        }
        // Shared out over the frames of a stream, so that of all streams the right share is cut.
        let thousandths = CUT_PERCENT * 10 * 11 / (10 * traffic.frames());
        if !self.chance(thousandths, 1_000) {
            let after = self.delay();
            return self.plan_in(after, Happening::Traffic(link, to, traffic));
        }
        self.report.cut_streams += 1;
        match traffic {
            Traffic::Items { request, page, wanted, mut items, .. } => {
                let arrived = self.dice.random_range(0..=items.len());
                items.truncate(arrived);
                let cut = Traffic::Items { request, page, wanted, items, delivery: Delivery::Cut };
                let after = self.delay();
                self.plan_in(after, Happening::Traffic(link, to, cut));
            }
            other => self.fail(link, to, &other),
        }
    }

    /// Who asked learns, some time later, that the stream is cut.
    fn fail(&mut self, link: LinkIndex, to: Side, traffic: &Traffic) {
        let asking = if traffic.asks() { to.other() } else { to };
        let End { node, boot, connection } = self.links[link].end(asking);
        let Some(input) = traffic.lost(connection) else { return };
        let after = self.within(CUT_TIME);
        self.plan_in(after, Happening::Arrives(node, boot, input));
    }

    /// A frame reaches a side. What was under way when a connection broke may still arrive.
    pub(super) fn traffic(&mut self, link: LinkIndex, to: Side, traffic: Traffic) -> Result<(), Violation> {
        let End { node, boot, connection } = self.links[link].end(to);
        let is_there = self.nodes[node].boot == boot && self.nodes[node].links.contains_key(&connection);
        if !is_there || (!self.links[link].is_alive && self.chance(1, 2)) {
            self.fail(link, to, &traffic);
            return Ok(());
        }
        match traffic {
            Traffic::Request { request, message } => {
                let reply = ReplyId(self.nodes[node].new_number());
                self.nodes[node].replies.insert(reply, (link, request, Asked::Request));
                self.input(node, Input::RequestReceived { connection, reply, message });
            }
            Traffic::Answer { request, message } => {
                self.input(node, Input::Answered { connection, request, message: Some(message) });
            }
            Traffic::Push { message: Message::HeaderDiff(items) } => {
                self.count_items(node, &items);
                let lacked = self.nodes[node].read(|read| answer::lacked(read, items)).unwrap_or_default();
                if !lacked.is_empty() {
                    let items = answer::check_pushed(lacked);
                    self.input(node, Input::DiffReceived { connection, items });
                }
            }
            Traffic::Push { message } => self.input(node, Input::PushReceived { connection, message }),
            Traffic::SealedPush { id, push } => self.sealed_push_arrives(link, to, id, push),
            Traffic::Pull { request, pull } => {
                if let Some(answer) = self.answer_pull(node, link, to, request, &pull)? {
                    self.send(link, to.other(), answer);
                }
            }
            Traffic::NoPage { request, message } => {
                let end = if message == Message::NeedList { PullEnd::NeedList } else { PullEnd::Busy };
                self.input(node, Input::PullEnded { connection, request, end });
            }
            Traffic::Page { request, page, sending } => {
                let wanted = self.nodes[node].read(|read| answer::wanted(read, &page)).unwrap_or_default();
                self.send(link, to.other(), Traffic::Want { request, page, sending, wanted });
            }
            Traffic::Want { request, page, sending, wanted } => {
                let items =
                    self.nodes[node].read(|read| items_of(read, &page, sending, &wanted)).unwrap_or_default();
                self.served(node, connection, &items);
                let delivery = Delivery::Whole;
                self.send(link, to.other(), Traffic::Items { request, page, wanted, items, delivery });
            }
            Traffic::Fetch { request, wanted } => {
                let found = |read: Read<'_>| all_items(read, wanted.ids(read)?);
                let items = self.nodes[node].read(found).unwrap_or_default();
                self.served(node, connection, &items);
                self.send(link, to.other(), Traffic::Fetched { request, wanted, items });
            }
            Traffic::Fetched { request, wanted, items } => {
                self.count_items(node, &items);
                let items = wanted.check(items);
                self.input(node, Input::Fetched { connection, request, items });
            }
            Traffic::Items { request, page, wanted, items, delivery } => {
                self.count_items(node, &items);
                let items = answer::check_received(items, &page, &wanted);
                let Page { epoch, ends, offers, sealed } = page;
                let end =
                    PullEnd::Page(PulledPage { epoch, ends, sealed, offered: offers.len(), items, delivery });
                self.input(node, Input::PullEnded { connection, request, end });
            }
        }
        Ok(())
    }

    /// The engine of a node hears what was served.
    fn served(&mut self, node: NodeIndex, connection: ConnectionId, items: &[Item]) {
        if !items.is_empty() {
            let files = items.iter().map(Item::id).collect();
            self.input(node, Input::Served { connection, files });
        }
    }

    /// Counts objects that reach a node, by whatever way.
    fn count_items(&mut self, node: NodeIndex, items: &[Item]) {
        for item in items {
            let bytes = u64::try_from(item.len()).unwrap_or(0);
            let received = &mut self.nodes[node].received;
            received.object_bytes += bytes;
            self.report.received_bytes += bytes;
            if received.ids.insert(item.id()) {
                received.needed_bytes += bytes;
                self.report.needed_bytes += bytes;
            }
        }
    }

    /// A side has a pushed sealed post, and the other one hears that.
    fn sealed_push_arrives(&mut self, link: LinkIndex, to: Side, id: ObjectId, push: SealedPush) {
        let End { node, connection, .. } = self.links[link].end(to);
        let End { node: sender, boot, .. } = self.links[link].end(to.other());
        self.arrives(sender, boot, Input::SealedHanded { id, end: HandOver::Taken });
        let SealedPush { item, stage } = push;
        let items = vec![item];
        self.count_pushed(node, &items, stage);
        let lacked = self.nodes[node].read(|read| answer::lacked(read, items)).unwrap_or_default();
        for post in answer::check_pushed(lacked) {
            self.input(node, Input::SealedPushed { connection, stage, post: Box::new(post) });
        }
    }

    /// Counts pushed sealed posts, apart from what is pulled: on the stem each comes once more later, and of a few nodes most
    /// have it already when one spreads it. What was pushed and spread is not needed from a pull any more.
    fn count_pushed(&mut self, node: NodeIndex, items: &[Item], stage: Stage) {
        let received = &mut self.nodes[node].received;
        for item in items {
            let bytes = u64::try_from(item.len()).unwrap_or(0);
            received.pushed_bytes += bytes;
            self.report.pushed_bytes += bytes;
            if stage == Stage::Spread {
                received.ids.insert(item.id());
            }
        }
    }

    /// Answers a pull from the last commit, as a reader thread does.
    fn answer_pull(
        &mut self,
        node: NodeIndex,
        link: LinkIndex,
        to: Side,
        request: RequestId,
        pull: &Pull,
    ) -> Result<Option<Traffic>, Violation> {
        let End { connection, .. } = self.links[link].end(to);
        let peer = self.nodes[self.links[link].end(to.other()).node].network_id;
        let (us, budget) = (self.nodes[node].network_id, self.nodes[node].pages);
        let Some(heard) = self.nodes[node].heard.get(&connection).cloned() else {
            return Ok(Some(Traffic::NoPage { request, message: Message::NeedList }));
        };
        let answered =
            self.nodes[node].read(|read| answer::answer_pull(read, us, peer, &heard, pull, budget));
        Ok(Some(match answered {
            Some(PullAnswer::Page(page)) => {
                self.note_told(node, &page);
                Traffic::Page { request, page, sending: pull.sending }
            }
            Some(PullAnswer::NeedList) => Traffic::NoPage { request, message: Message::NeedList },
            Some(PullAnswer::BeyondLog) => {
                let reply = ReplyId(self.nodes[node].new_number());
                self.nodes[node].replies.insert(reply, (link, request, Asked::PullBeyondLog));
                self.input(node, Input::CursorBeyondLog { connection, reply });
                return Ok(None);
            }
            Some(PullAnswer::Malformed) => return Err(self.broken(node, Broken::Misbehaved)),
            None => Traffic::NoPage { request, message: Message::Busy },
        }))
    }
}
