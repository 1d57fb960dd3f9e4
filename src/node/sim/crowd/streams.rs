//! What travels over a connection of a crowd, frame by frame. Every message goes through its bytes, and every byte is
//! counted. A stream is lost as a whole, on its way there or back.

use std::time::Duration;

use rand::RngExt;

use super::world::{Happening, Pulls, World};
use crate::db::Read;
use crate::domain::ids::ObjectId;
use crate::node::engine::answer::{self, PageBudget, PullAnswer};
use crate::node::engine::{ConnectionId, Delivery, HandOver, Input, PullEnd, PulledPage, ReplyId, RequestId};
use crate::node::sim::network::End;
use crate::node::sim::node::{LinkIndex, NodeIndex};
use crate::node::sim::traffic::{Asked, Side, Traffic, all_items, items_of};
use crate::node::wire::{Decoded, GroupEnd, Item, Message, Page, Pull, SealedPush, Stage};

/// Time until somebody who asked gives up.
const LOST_TIME: Duration = Duration::from_secs(5);

impl World {
    /// Sends a frame to one side of a connection, unless its stream is lost.
    pub(super) fn send(&mut self, link: LinkIndex, to: Side, traffic: Traffic) {
        if let Some(message) = traffic.frame() {
            let bytes = self.tally.count(&message);
            assert_eq!(Message::decode(&bytes), Ok(Decoded::Known(message)), "what is sent can be read");
        }
        // Half of the lost requests are lost on the way back.
        let odds = if traffic.is_push() { self.loss_percent } else { self.loss_percent.div_ceil(2) };
        let is_lost = odds > 0 && self.dice.random_ratio(odds, 100);
        if is_lost || !self.links[link].is_alive {
            return self.fail(link, to, &traffic);
        }
        let [a, b] = self.links[link].nodes();
        let after = self.delay(a, b);
        let arrives = self.now.after(after);
        if let Some(recorder) = &mut self.recorder {
            let [from, to] = [to.other(), to].map(|side| self.links[link].end(side).node);
            recorder.note(self.now, arrives, [from, to], &traffic);
        }
        self.plan_in(after, Happening::Traffic(link, to, Box::new(traffic)));
    }

    /// Who asked learns, some time later, that nothing comes.
    fn fail(&mut self, link: LinkIndex, to: Side, traffic: &Traffic) {
        let asking = if traffic.asks() { to.other() } else { to };
        let End { node, boot, connection } = self.links[link].end(asking);
        if let Some(input) = traffic.lost(connection) {
            self.input_in(LOST_TIME, node, boot, input);
        }
    }

    /// A frame reaches a side.
    pub(super) fn traffic(&mut self, link: LinkIndex, to: Side, traffic: Traffic) {
        let End { node, boot, connection } = self.links[link].end(to);
        let from = Some(self.links[link].end(to.other()).node);
        if self.nodes[node].boot != boot || !self.links[link].is_alive {
            return self.fail(link, to, &traffic);
        }
        self.count_payload(&traffic);
        self.spy_on(node, self.links[link].end(to.other()).node, &traffic);
        let brought = traffic.objects();
        match traffic {
            Traffic::Request { request, message } => {
                let reply = ReplyId(self.nodes[node].new_number());
                self.nodes[node].replies.insert(reply, (link, request, Asked::Request));
                self.input(node, from, Input::RequestReceived { connection, reply, message });
            }
            Traffic::Answer { request, message } => {
                self.input(node, from, Input::Answered { connection, request, message: Some(message) });
            }
            Traffic::Push { message: Message::HeaderDiff(items) } => self.diff_arrives(link, to, items),
            Traffic::Push { message } => self.input(node, from, Input::PushReceived { connection, message }),
            Traffic::SealedPush { id, push } => self.sealed_push_arrives(link, to, id, push),
            Traffic::Pull { request, pull } => {
                if let Some(answer) = self.answer_pull(node, link, to, request, &pull) {
                    self.send(link, to.other(), answer);
                }
            }
            Traffic::NoPage { request, message } => {
                let end = if message == Message::NeedList { PullEnd::NeedList } else { PullEnd::Busy };
                self.input(node, from, Input::PullEnded { connection, request, end });
            }
            Traffic::Page { request, page, sending } => {
                let wanted = self.nodes[node].read(|read| answer::wanted(read, &page)).unwrap_or_default();
                if page.offers.is_empty() {
                    // The stream ends behind the page.
                    let whole = Traffic::Items {
                        request,
                        page,
                        wanted,
                        items: Vec::new(),
                        delivery: Delivery::Whole,
                    };
                    return self.traffic(link, to, whole);
                }
                let is_inline = answer::is_inline(&page, sending);
                let want = Traffic::Want { request, page, sending, wanted };
                if is_inline {
                    // Items followed the page unasked; they are as old as it is.
                    return self.send_items(link, to.other(), want);
                }
                self.send(link, to.other(), want);
            }
            want @ Traffic::Want { .. } => self.send_items(link, to, want),
            Traffic::Fetch { request, wanted } => {
                let found = |read: Read<'_>| all_items(read, wanted.ids(read)?);
                let items = self.nodes[node].read(found).unwrap_or_default();
                self.served(node, connection, &items);
                self.send(link, to.other(), Traffic::Fetched { request, wanted, items });
            }
            Traffic::Fetched { request, wanted, items } => {
                let items = wanted.check(items);
                self.input(node, from, Input::Fetched { connection, request, items });
            }
            Traffic::Items { request, page, wanted, items, delivery } => {
                let items = answer::check_received(items, &page, &wanted);
                let Page { epoch, ends, offers, sealed } = page;
                let end =
                    PullEnd::Page(PulledPage { epoch, ends, sealed, offered: offers.len(), items, delivery });
                self.input(node, from, Input::PullEnded { connection, request, end });
                self.look_at_pool(node, &brought);
            }
        }
    }

    fn diff_arrives(&mut self, link: LinkIndex, to: Side, items: Vec<Item>) {
        let End { node, connection, .. } = self.links[link].end(to);
        let from = Some(self.links[link].end(to.other()).node);
        let lacked = self.nodes[node].read(|read| answer::lacked(read, items)).unwrap_or_default();
        if !lacked.is_empty() {
            let items = answer::check_pushed(lacked);
            self.input(node, from, Input::DiffReceived { connection, items });
        }
    }

    /// A side has a pushed sealed post, and the other one hears that.
    fn sealed_push_arrives(&mut self, link: LinkIndex, to: Side, id: ObjectId, push: SealedPush) {
        let End { node, connection, .. } = self.links[link].end(to);
        let End { node: sender, boot, .. } = self.links[link].end(to.other());
        self.input_in(Duration::ZERO, sender, boot, Input::SealedHanded { id, end: HandOver::Taken });
        if self.deaf.contains(&node) {
            return;
        }
        let SealedPush { item, stage } = push;
        let stage = if self.probers.contains(&node) { Stage::Spread } else { stage };
        let lacked = self.nodes[node].read(|read| answer::lacked(read, vec![item])).unwrap_or_default();
        for post in answer::check_pushed(lacked) {
            let pushed = Input::SealedPushed { connection, stage, post: Box::new(post) };
            self.input(node, Some(sender), pushed);
        }
        self.look_at_pool(node, &[id]);
    }

    /// One side sends what is wanted of its page.
    fn send_items(&mut self, link: LinkIndex, by: Side, want: Traffic) {
        let Traffic::Want { request, page, sending, wanted } = want else { return };
        let End { node, connection, .. } = self.links[link].end(by);
        let items = self.nodes[node].read(|read| items_of(read, &page, sending, &wanted)).unwrap_or_default();
        self.served(node, connection, &items);
        let delivery = Delivery::Whole;
        self.send(link, by.other(), Traffic::Items { request, page, wanted, items, delivery });
    }

    /// The engine of a node hears what was served.
    fn served(&mut self, node: NodeIndex, connection: ConnectionId, items: &[Item]) {
        if !items.is_empty() {
            let files = items.iter().map(Item::id).collect();
            self.input(node, None, Input::Served { connection, files });
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
    ) -> Option<Traffic> {
        let End { connection, .. } = self.links[link].end(to);
        let peer = self.nodes[self.links[link].end(to.other()).node].network_id;
        let us = self.nodes[node].network_id;
        let Some(heard) = self.nodes[node].heard.get(&connection).cloned() else {
            return Some(Traffic::NoPage { request, message: Message::NeedList });
        };
        let budget = PageBudget::default();
        let answered =
            self.nodes[node].read(|read| answer::answer_pull(read, us, peer, &heard, pull, budget));
        Some(match answered {
            Some(PullAnswer::Page(page)) => {
                Traffic::Page { request, page: self.muted(node, page, pull), sending: pull.sending }
            }
            Some(PullAnswer::NeedList) => Traffic::NoPage { request, message: Message::NeedList },
            Some(PullAnswer::BeyondLog) => {
                let reply = ReplyId(self.nodes[node].new_number());
                self.nodes[node].replies.insert(reply, (link, request, Asked::PullBeyondLog));
                self.input(node, None, Input::CursorBeyondLog { connection, reply });
                return None;
            }
            Some(PullAnswer::Malformed) => unreachable!("an engine asks within its list"),
            None => Traffic::NoPage { request, message: Message::Busy },
        })
    }

    /// The page, or one that ends where the pull began.
    fn muted(&self, node: NodeIndex, page: Page, pull: &Pull) -> Page {
        if self.pulls == Pulls::Answered && !self.silent.contains(&node) {
            return page;
        }
        let ends = pull.groups.iter().map(|group| GroupEnd { upto: group.since, cut: None }).collect();
        Page { epoch: page.epoch, ends, offers: Vec::new(), sealed: None }
    }
}

impl Traffic {
    /// Its frame: none, when a stream simply ends.
    pub(in crate::node::sim) fn frame(&self) -> Option<Message> {
        let is_end =
            matches!(self, Self::Items { items, .. } | Self::Fetched { items, .. } if items.is_empty());
        (!is_end).then(|| self.message())
    }

    const fn is_push(&self) -> bool {
        matches!(self, Self::Push { .. } | Self::SealedPush { .. })
    }

    /// The ids of the objects it carries.
    pub(super) fn objects(&self) -> Vec<ObjectId> {
        match self {
            Self::Items { items, .. }
            | Self::Fetched { items, .. }
            | Self::Push { message: Message::HeaderDiff(items) } => items.iter().map(Item::id).collect(),
            Self::SealedPush { id, .. } => vec![*id],
            _ => Vec::new(),
        }
    }
}
