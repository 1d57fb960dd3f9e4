//! Answers to pulls, and what an engine does with a single input. Whole histories are played in `node::sim`.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::answer::Checked;
use super::answer::{PageBudget, PullAnswer, answer_pull, epoch_for, next_items};
use super::interest::InterestList;
use super::*;
use crate::api::ErrorKind;
use crate::api::{CallError, Command, Outcome};
use crate::db::{Database, Durability};
use crate::domain::envelope::Object;
use crate::domain::log::Seq;
use crate::domain::post::Post;
use crate::limits::CLOCK_AHEAD;
use crate::node::wire::{Epoch, GroupEnd, Message, Pull};
use crate::node::wire::{Group, Hello, Page, Range, Sending};

pub(super) const US: NetworkId = NetworkId::from_bytes([1; 32]);
const FRIEND: NetworkId = NetworkId::from_bytes([3; 32]);
const PEER: NetworkId = NetworkId::from_bytes([2; 32]);
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

pub(super) fn key(seed: u64) -> Arc<PostingKey> {
    Arc::new(PostingKey::generate(&mut StdRng::seed_from_u64(seed)))
}

fn data_key() -> Arc<DataKey> {
    Arc::new(DataKey::from_secret(&[7; 32]))
}

/// What an engine is made with; locked without the key.
fn setup(data_key: Option<Arc<DataKey>>, quotas: Quotas) -> Setup {
    Setup {
        data_key,
        network_id: US,
        keys: Vec::new(),
        connections: crate::limits::CONNECTIONS,
        quotas,
        exchange: crate::node::engine::Exchange::default(),
        decoys_per_hour: 0,
        faults: Faults::default(),
    }
}

/// A node with personas of these keys.
pub(super) struct Bench {
    pub(super) database: Database,
    pub(super) engine: Engine,
    /// What the last command led to besides its answer.
    pub(super) last_effects: Vec<Effect>,
    rng: StdRng,
    calls: u64,
}

impl Bench {
    pub(super) fn new(keys: &[Arc<PostingKey>]) -> Self {
        Self::with_room(keys, Quotas::default())
    }

    /// One without personas that makes mistakes.
    pub(super) fn with_faults(quotas: Quotas, faults: Faults) -> Self {
        let mut bench = Self::with_room(&[], quotas);
        bench.engine.faults = faults;
        bench
    }

    pub(super) fn with_room(keys: &[Arc<PostingKey>], quotas: Quotas) -> Self {
        let mut database = Database::in_memory(&[9; 32]).unwrap();
        let engine = database.read(|read| Engine::load(read, &setup(Some(data_key()), quotas))).unwrap();
        let mut bench =
            Self { database, engine, last_effects: Vec::new(), rng: StdRng::seed_from_u64(0), calls: 0 };
        bench.take(Input::Started);
        for key in keys {
            bench.calls += 1;
            let (call, name) = (CallId(bench.calls), "ana".to_owned());
            bench.take(Input::PersonaRequested { call, name, key: Arc::clone(key) });
        }
        bench
    }

    /// A locked one over a store that is there.
    pub(super) fn over(mut database: Database) -> Self {
        let engine = database.read(|read| Engine::load(read, &setup(None, Quotas::default()))).unwrap();
        let rng = StdRng::seed_from_u64(0);
        let mut bench = Self { database, engine, last_effects: Vec::new(), rng, calls: 0 };
        bench.take(Input::Started);
        bench
    }

    /// Forgets everything that is not in the store.
    pub(super) fn restart(&mut self) {
        self.restart_with_room(Quotas::default());
    }

    pub(super) fn restart_with_room(&mut self, quotas: Quotas) {
        self.restart_as(&setup(Some(data_key()), quotas));
    }

    /// Starts without a passphrase.
    pub(super) fn restart_locked(&mut self, quotas: Quotas) {
        self.restart_as(&setup(None, quotas));
    }

    fn restart_as(&mut self, setup: &Setup) {
        self.engine = self.database.read(|read| Engine::load(read, setup)).unwrap();
        self.take(Input::Started);
    }

    /// The passphrase is given.
    pub(super) fn unlock(&mut self, keys: &[Arc<PostingKey>]) {
        self.calls += 1;
        let (call, keys) = (CallId(self.calls), keys.to_vec());
        self.take(Input::Unlocked { call, data_key: data_key(), keys });
    }

    /// Takes in what a peer brought.
    pub(super) fn takes_in(&mut self, objects: Vec<Object>) {
        let Self { database, engine, rng, .. } = self;
        let items = objects.into_iter().map(Checked::Object).collect();
        let step = |store: &crate::db::Write<'_>| {
            let mut step = Step { store, now: NOW, rng, effects: Vec::new() };
            engine.take_in_all(&mut step, items, None)?;
            engine.keep_quotas(&mut step)
        };
        database.transaction(Durability::Normal, |batch| batch.step(step)).unwrap();
    }

    pub(super) fn take_at(&mut self, now: Timestamp, input: Input) -> Vec<Effect> {
        let Self { database, engine, rng, .. } = self;
        database
            .transaction(Durability::Normal, |batch| {
                batch.step(|store| engine.handle(store, now, rng, input))
            })
            .unwrap()
    }

    /// Takes an object in as if a peer had sent it.
    pub(super) fn take_in(&mut self, object: &Object) {
        let Self { database, engine, rng, .. } = self;
        database
            .transaction(Durability::Normal, |batch| {
                batch.step(|store| {
                    let mut step = Step { store, now: NOW, rng, effects: Vec::new() };
                    engine.take_in(&mut step, object, None)
                })
            })
            .unwrap();
    }

    pub(super) fn take(&mut self, input: Input) -> Vec<Effect> {
        self.take_at(NOW, input)
    }

    /// A greeted connection with the peer.
    pub(super) fn connects(&mut self, connection: ConnectionId) -> Vec<Effect> {
        self.is_met_by(PEER, connection)
    }

    /// A greeted connection with anybody.
    fn is_met_by(&mut self, peer: NetworkId, connection: ConnectionId) -> Vec<Effect> {
        let address = PeerAddress::of(peer);
        self.take(Input::Connected { connection, peer, direction: Direction::Inbound, address });
        let hello = Hello { epoch: Epoch([1; 16]), features: 0, minute: NOW.as_minutes() };
        let (reply, message) = (ReplyId(1), Message::Hello(hello));
        self.take(Input::RequestReceived { connection, reply, message })
    }

    /// The list we sent is accepted, and the pull that follows.
    pub(super) fn accepts(&mut self, connection: ConnectionId, effects: &[Effect]) -> Vec<Effect> {
        self.is_accepted_by(PEER, connection, effects)
    }

    fn is_accepted_by(
        &mut self,
        peer: NetworkId,
        connection: ConnectionId,
        effects: &[Effect],
    ) -> Vec<Effect> {
        let sent = effects.iter().find_map(|effect| match effect {
            Effect::Request { request, message: Message::SetInterest(ids), .. } => {
                Some((*request, ids.clone()))
            }
            _ => None,
        });
        let (request, ids) = sent.expect("a greeted peer gets our list");
        let message = Some(Message::InterestAccepted(InterestList::new(ids).hash(US, peer)));
        self.take(Input::Answered { connection, request, message })
    }

    /// The peer answers the pull among these effects with this page.
    fn answers(&mut self, connection: ConnectionId, effects: &[Effect], page: PulledPage) -> Vec<Effect> {
        let request = effects.iter().find_map(|effect| match effect {
            Effect::Pull { request, .. } => Some(*request),
            _ => None,
        });
        let request = request.expect("a pull was started");
        self.take(Input::PullEnded { connection, request, end: PullEnd::Page(page) })
    }

    pub(super) fn command(&mut self, command: Command) -> Result<Outcome, CallError> {
        self.calls += 1;
        let call = CallId(self.calls);
        let effects = self.take(Input::CommandReceived { call, command });
        let answer = effects.iter().find_map(|effect| match effect {
            Effect::Answer { call: answered, outcome } if *answered == call => Some(outcome.clone()),
            _ => None,
        });
        self.last_effects = effects;
        answer.expect("every command is answered")
    }

    pub(super) fn publish(&mut self, by: &PostingKey, text: &str) {
        let persona = Some(by.posting_id());
        self.command(Command::PublishPost { persona, text: text.to_owned(), draft: None }).unwrap();
    }

    fn last_seq(&mut self) -> Seq {
        self.database.read::<_, DbError>(|read| read.get_last_seq()).unwrap()
    }

    fn pull(&mut self, list: &InterestList, groups: Vec<Group>, items: usize) -> PullAnswer {
        let pull = Pull { hash: list.hash(PEER, US), groups, sending: Sending::AtOnce, recipients: None };
        let budget = PageBudget { items, bytes: 1 << 20 };
        self.database.read(|read| answer_pull(read, US, PEER, list, &pull, budget)).unwrap()
    }

    fn page(&mut self, list: &InterestList, groups: Vec<Group>, items: usize) -> Page {
        match self.pull(list, groups, items) {
            PullAnswer::Page(page) => page,
            other => panic!("{other:?}"),
        }
    }
}

fn group(since: Seq, start: u16, length: u16) -> Group {
    Group { since, ranges: vec![Range { start, length }] }
}

/// Two authors, the first of the list with three old posts, the second with three new ones, and where the second
/// one's posts begin.
fn two_authors() -> (Bench, InterestList, Seq) {
    let keys = [key(1), key(2)];
    let list = InterestList::new(keys.iter().map(|key| key.posting_id()).collect());
    let by = |id: PostingId| keys.iter().find(|key| key.posting_id() == id).unwrap();
    let (old, new) = (by(list.ids()[0]), by(list.ids()[1]));
    let mut bench = Bench::new(&keys);
    for text in ["1", "2", "3"] {
        bench.publish(old, text);
    }
    let middle = bench.last_seq();
    for text in ["4", "5", "6"] {
        bench.publish(new, text);
    }
    (bench, list, middle)
}

#[test]
fn the_head_group_has_half_of_a_page_and_older_groups_the_rest() {
    let (mut bench, list, middle) = two_authors();
    // Each author's profile comes before the posts.
    let groups = vec![group(Seq::START, 0, 1), group(middle, 1, 1)];
    let four = bench.page(&list, groups.clone(), 4);
    assert_eq!(four.offers.len(), 4);
    assert!(four.ends.iter().all(|end| end.cut.is_some()), "{:?}", four.ends);
    let all = bench.page(&list, groups, 20);
    // Behind the posts of each stands the manifest that lists them.
    assert_eq!(all.offers.len(), 5 + 4);
    let end_of_log = bench.last_seq();
    assert!(all.ends.iter().all(|end| end.cut.is_none() && end.upto == end_of_log));
}

#[test]
fn a_page_of_one_item_starves_no_group() {
    let (mut bench, list, middle) = two_authors();
    let (mut old, mut new) = (Seq::START, middle);
    for _ in 0..(5 + 4) {
        let page = bench.page(&list, vec![group(old, 0, 1), group(new, 1, 1)], 1);
        assert_eq!(page.offers.len(), 1);
        (old, new) = (page.ends[0].cursor(), page.ends[1].cursor());
    }
    assert_eq!(old, new, "both are read to the end");
}

#[test]
fn what_a_pull_names_wrongly_is_told() {
    let (mut bench, list, _) = two_authors();
    let other = InterestList::new(vec![list.ids()[0]]);
    let pull =
        Pull { hash: other.hash(PEER, US), groups: Vec::new(), sending: Sending::AtOnce, recipients: None };
    let answer =
        bench.database.read(|read| answer_pull(read, US, PEER, &list, &pull, PageBudget::default())).unwrap();
    assert_eq!(answer, PullAnswer::NeedList);
    assert_eq!(bench.pull(&list, vec![group(Seq::START, 1, 2)], 9), PullAnswer::Malformed);
    // Naming everybody again and again would make us look for everybody again and again.
    let all = group(Seq::START, 0, 2);
    assert_eq!(bench.pull(&list, vec![all.clone(), all.clone()], 9), PullAnswer::Malformed);
    let twice = Group { ranges: [all.ranges.as_slice(), &all.ranges].concat(), ..all };
    assert_eq!(bench.pull(&list, vec![twice], 9), PullAnswer::Malformed);
    let beyond = Seq::new(bench.last_seq().get() + 1).unwrap();
    assert_eq!(bench.pull(&list, vec![group(beyond, 0, 1)], 9), PullAnswer::BeyondLog);
}

#[test]
fn a_position_beyond_the_log_gives_it_a_new_name_once() {
    let mut bench = Bench::new(&[key(1)]);
    bench.connects(ConnectionId(1));
    let secret =
        |bench: &mut Bench| bench.database.read::<_, DbError>(|read| read.get_epoch_secret()).unwrap();
    let before = secret(&mut bench);
    let mut ask = || {
        let (connection, reply) = (ConnectionId(1), ReplyId(7));
        let effects = bench.take(Input::CursorBeyondLog { connection, reply });
        let [Effect::Reply { message: Message::Page(page), .. }] = effects.as_slice() else {
            panic!("{effects:?}")
        };
        assert!(page.ends.is_empty() && page.offers.is_empty());
        (page.epoch, secret(&mut bench))
    };
    let (told, renewed) = ask();
    assert_ne!(before, renewed);
    assert_eq!(told, epoch_for(&renewed, PEER));
    assert_eq!(ask(), (told, renewed), "a peer cannot have it renamed again and again");
}

#[test]
fn a_post_from_the_future_is_held_unserved_and_comes_in_when_due() {
    let author = key(5);
    let mut bench = Bench::new(&[key(1)]);
    bench.command(Command::Follow { target: author.posting_id().to_string(), persona: None }).unwrap();
    let due = NOW.after(CLOCK_AHEAD).after(CLOCK_AHEAD);
    let post = author.sign(&Post::new(author.posting_id(), due, "later".to_owned()).unwrap());
    let id = post.id();
    bench.take_in(&Object::Post(post));
    let served = |bench: &mut Bench| {
        bench.database.read(|read| next_items(read, &mut std::collections::VecDeque::from([id]))).unwrap()
    };
    assert!(served(&mut bench).is_empty());
    assert_eq!(bench.engine.next_due, Some(due));
    assert!(bench.engine.next_deadline() <= Some(due));
    let effects = bench.take_at(due, Input::TimePassed);
    assert!(effects.contains(&Effect::Tell(Event::FeedChanged)));
    assert_eq!(served(&mut bench).len(), 1);
    let feed = bench.database.read::<_, DbError>(|read| read.list_feed_ids()).unwrap();
    assert_eq!(feed, [id]);
}

fn seq(number: u64) -> Seq {
    Seq::new(number).unwrap()
}

fn pulled(ends: Vec<GroupEnd>, offered: usize, items: Vec<Checked>) -> PulledPage {
    PulledPage { epoch: Epoch([1; 16]), ends, sealed: None, offered, items, delivery: Delivery::Whole }
}

#[test]
fn a_page_that_is_no_answer_ends_the_connection_and_moves_no_cursor() {
    let end = |upto, cut| GroupEnd { upto: seq(upto), cut };
    let bad = [
        pulled(vec![], 0, vec![]),
        pulled(vec![end(9, None), end(9, None)], 0, vec![]),
        pulled(vec![end(3, Some(seq(4)))], 1, vec![]),
        // Cut, but nothing offered, or no step further: it would go on like this for ever.
        pulled(vec![end(9, Some(seq(4)))], 0, vec![]),
        pulled(vec![end(9, Some(Seq::START))], 1, vec![]),
        pulled(vec![end(9, None)], 1, vec![Checked::Forged]),
        pulled(vec![end(9, None)], 0, vec![Checked::Unasked]),
    ];
    for page in bad {
        let connection = ConnectionId(1);
        let mut bench = Bench::new(&[key(1)]);
        let greeted = bench.connects(connection);
        let accepted = bench.accepts(connection, &greeted);
        let told = format!("{page:?}");
        let effects = bench.answers(connection, &accepted, page);
        let close = Effect::Close { connection, reason: CloseReason::Misbehaved };
        assert!(effects.contains(&close), "{told}");
        let cursors = bench.database.read::<_, DbError>(|read| read.list_known_cursors()).unwrap();
        assert!(cursors.is_empty(), "{told}");
    }
}

#[test]
fn a_peer_that_breaks_the_protocol_is_dialled_less_and_less_often_and_banned_at_last() {
    use crate::limits::{BAN_TIME, SCORE_BAN, SCORE_GRAVE};
    let mut bench = Bench::new(&[key(1)]);
    let mut waits = Vec::new();
    let most = u64::try_from(SCORE_BAN / SCORE_GRAVE).unwrap();
    for number in 1..=most {
        let connection = ConnectionId(number);
        let greeted = bench.connects(connection);
        let accepted = bench.accepts(connection, &greeted);
        bench.answers(connection, &accepted, pulled(vec![], 0, vec![]));
        waits.push(bench.engine.next_dial().unwrap().since(NOW));
    }
    let doubled = waits.windows(2).filter(|pair| pair[1] > pair[0].mul_f32(1.3)).count();
    assert_eq!(doubled, waits.len() - 1, "{waits:?}");
    let effects = bench.take_at(NOW.after(waits[waits.len() - 1]), Input::TimePassed);
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Dial(_))), "{effects:?}");
    assert_eq!(bench.engine.next_dial(), Some(NOW.after(BAN_TIME)));
}

/// A greeted inbound connection of a node with this number.
fn stranger_connects(bench: &mut Bench, number: u32, connection: u64) -> Vec<Effect> {
    let mut id = [7; 32];
    id[..4].copy_from_slice(&number.to_be_bytes());
    let (peer, connection) = (NetworkId::from_bytes(id), ConnectionId(connection));
    let (direction, address) = (Direction::Inbound, PeerAddress::of(peer));
    let mut effects = bench.take(Input::Connected { connection, peer, direction, address });
    let hello = Hello { epoch: Epoch([1; 16]), features: 0, minute: NOW.as_minutes() };
    let (reply, message) = (ReplyId(1), Message::Hello(hello));
    effects.extend(bench.take(Input::RequestReceived { connection, reply, message }));
    effects
}

#[test]
fn strangers_push_out_neither_whom_a_person_named_nor_who_is_connected() {
    let mut bench = Bench::new(&[key(1)]);
    let ticket = crate::domain::invite::format_ticket(&PeerAddress::of(FRIEND));
    bench.command(Command::AddPeer { ticket }).unwrap();
    stranger_connects(&mut bench, 0, 1);
    for number in 1..=(crate::limits::KNOWN_PEERS + 50) {
        stranger_connects(&mut bench, number, 2);
        bench.take(Input::Disconnected { connection: ConnectionId(2) });
    }
    let known = bench.database.read(|read| read.list_peers(5_000)).unwrap();
    assert_eq!(known.len(), usize::try_from(crate::limits::KNOWN_PEERS).unwrap());
    assert_eq!(known[0].network_id, FRIEND, "named ones come first");
    let first = NetworkId::from_bytes([[0; 4].as_slice(), &[7; 28]].concat().try_into().unwrap());
    assert!(known.iter().any(|row| row.network_id == first), "the connected one stays");
    assert_eq!(bench.engine.peers.len(), known.len(), "memory holds what the store holds");
}

#[test]
fn strangers_leave_room_for_our_own_connections() {
    use crate::limits::{CONNECTIONS, OUTBOUND_KEPT};
    let mut bench = Bench::new(&[key(1)]);
    for connection in 0..200 {
        stranger_connects(&mut bench, u32::try_from(connection % 50).unwrap(), connection);
        assert!(bench.engine.connections.len() <= CONNECTIONS - OUTBOUND_KEPT);
    }
}

#[test]
fn a_friend_takes_the_place_of_a_stranger_and_anybody_that_of_a_silent_one() {
    use crate::limits::{CONNECTIONS, OUTBOUND_KEPT};
    let most = u64::try_from(CONNECTIONS - OUTBOUND_KEPT).unwrap();
    let mut bench = Bench::new(&[key(1)]);
    for number in 0..most {
        stranger_connects(&mut bench, u32::try_from(number).unwrap(), number);
    }
    let is_in = |bench: &Bench, id: u64| bench.engine.connections.contains_key(&ConnectionId(id));
    let knocks = |bench: &mut Bench, peer: NetworkId, id: u64| {
        let (connection, direction, address) = (ConnectionId(id), Direction::Inbound, PeerAddress::of(peer));
        bench.take(Input::Connected { connection, peer, direction, address });
    };
    knocks(&mut bench, PEER, 100);
    assert!(!is_in(&bench, 100), "a stranger more");
    let ticket = crate::domain::invite::format_ticket(&PeerAddress::of(FRIEND));
    bench.command(Command::AddPeer { ticket }).unwrap();
    knocks(&mut bench, FRIEND, 101);
    let left = (0..most).filter(|id| is_in(&bench, *id)).count();
    assert!(is_in(&bench, 101) && left == CONNECTIONS - OUTBOUND_KEPT - 1, "a stranger makes room");
    // The friend has not said `Hello` yet, and is treated as anybody who has not.
    knocks(&mut bench, PEER, 102);
    assert!(is_in(&bench, 102) && !is_in(&bench, 101));
}

#[test]
fn one_public_prefix_holds_eight_connections_and_a_private_one_as_many_as_there_are() {
    use crate::limits::CONNECTIONS_PER_PREFIX;
    let connect_from = |network: &str| {
        let mut bench = Bench::new(&[key(1)]);
        for number in 1..=12_u8 {
            let (connection, peer) = (ConnectionId(number.into()), NetworkId::from_bytes([number; 32]));
            let sockets = vec![format!("{network}.{number}:4000").parse().unwrap()];
            let address = PeerAddress { sockets, ..PeerAddress::of(peer) };
            bench.take(Input::Connected { connection, peer, direction: Direction::Inbound, address });
        }
        bench.engine.connections.len()
    };
    assert_eq!(connect_from("198.41.0"), CONNECTIONS_PER_PREFIX);
    assert_eq!(connect_from("192.168.7"), 11, "one of these ids is our own");
}

#[test]
fn of_two_connections_with_a_peer_one_pulls_and_the_other_takes_over() {
    let mut bench = Bench::new(&[key(1)]);
    let pulls = |effects: &[Effect]| {
        let on = |effect: &Effect| match effect {
            Effect::Pull { connection, .. } => Some(connection.0),
            _ => None,
        };
        effects.iter().filter_map(on).collect::<Vec<_>>()
    };
    for id in [1, 2] {
        let greeted = bench.connects(ConnectionId(id));
        let accepted = bench.accepts(ConnectionId(id), &greeted);
        assert_eq!(pulls(&accepted), [id]);
        let page = pulled(vec![GroupEnd { upto: seq(9), cut: None }], 0, vec![]);
        bench.answers(ConnectionId(id), &accepted, page);
    }
    let mut now = NOW.after(Duration::from_mins(2));
    assert_eq!(pulls(&bench.take_at(now, Input::TimePassed)), [2], "the newer one");
    let news = |connection| Input::PushReceived { connection, message: Message::News };
    assert!(pulls(&bench.take_at(now, news(ConnectionId(1)))).is_empty(), "one runs already");
    now = now.after(Duration::from_secs(2));
    let effects = bench.take_at(now, Input::Disconnected { connection: ConnectionId(2) });
    assert_eq!(pulls(&effects), [1]);
}

#[test]
fn a_peer_that_offers_for_ever_and_brings_nothing_is_asked_once_a_second() {
    use crate::limits::{BARREN_PAGES, PULL_SPACING};
    let (mut bench, connection) = (Bench::new(&[key(1)]), ConnectionId(1));
    let greeted = bench.connects(connection);
    let mut effects = bench.accepts(connection, &greeted);
    for number in 1..=u64::from(BARREN_PAGES) + 1 {
        let end = GroupEnd { upto: seq(1 << 40), cut: Some(seq(number)) };
        effects = bench.answers(connection, &effects, pulled(vec![end], 200, vec![]));
    }
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Pull { .. })));
    let effects = bench.take_at(NOW.after(PULL_SPACING), Input::TimePassed);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Pull { .. })));
}

#[test]
fn neighbours_are_dialled_one_a_second_and_only_so_many_wait() {
    use crate::limits::{LEARNT_SPACING, LEARNT_WAITING};
    let mut bench = Bench::new(&[key(1)]);
    let dials = |effects: &[Effect]| effects.iter().filter(|one| matches!(one, Effect::Dial(_))).count();
    let mut dialled = 0;
    for number in 0..500_u32 {
        let mut id = [7; 32];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let address = PeerAddress::of(NetworkId::from_bytes(id));
        dialled += dials(&bench.take(Input::NeighbourFound { address }));
    }
    assert_eq!(dialled, 1);
    for second in 1..=300 {
        let now = NOW.after(LEARNT_SPACING * second);
        let due = dials(&bench.take_at(now, Input::TimePassed));
        assert!(due <= 1, "{due} in one second");
        dialled += due;
    }
    // The others are under way for ever here, which leaves no room for more dials at once.
    assert_eq!(dialled, 8);
    let waiting = bench.engine.peers.len();
    assert_eq!(u32::try_from(waiting).unwrap(), LEARNT_WAITING + 1);
}

#[test]
fn posts_nobody_could_hold_back_are_asked_for_again_and_come_in_when_the_clock_is_right() {
    use crate::limits::HELD_POSTS;
    let author = key(5);
    let (mut bench, connection) = (Bench::new(&[key(1)]), ConnectionId(1));
    bench.command(Command::Follow { target: author.posting_id().to_string(), persona: None }).unwrap();
    let later = NOW.after(Duration::from_hours(24));
    let count = u64::from(HELD_POSTS) + 5;
    let posts = || {
        (0..count).map(|number| {
            let created = later.after(Duration::from_millis(number));
            let post = Post::new(author.posting_id(), created, "tomorrow".to_owned()).unwrap();
            Checked::Object(Object::Post(author.sign(&post)))
        })
    };
    let ends = |bench: &Bench| {
        let groups = match &bench.engine.connections[&connection].pulling {
            super::connection::Pulling::Running { asked, .. } => asked.groups.len(),
            super::connection::Pulling::Resting { .. } => 0,
        };
        vec![GroupEnd { upto: seq(900), cut: None }; groups]
    };
    let greeted = bench.connects(connection);
    let accepted = bench.accepts(connection, &greeted);
    let page = pulled(ends(&bench), 105, posts().collect());
    bench.answers(connection, &accepted, page);
    let read_for = |bench: &mut Bench| {
        let cursors = bench.database.read::<_, DbError>(|read| read.list_known_cursors()).unwrap();
        cursors.iter().any(|cursor| cursor.author == author.posting_id())
    };
    let deferred = bench.database.read::<_, DbError>(|read| read.find_next_deferred()).unwrap();
    assert_eq!(deferred, Some(later.after(Duration::from_millis(u64::from(HELD_POSTS))).before(CLOCK_AHEAD)));
    assert!(read_for(&mut bench), "what comes after it is not held up");
    // The clock is set right, and the next pull brings the rest.
    let now = later.after(Duration::from_hours(1));
    let effects = bench.take_at(now, Input::TimePassed);
    let request = effects.iter().find_map(|effect| match effect {
        Effect::Pull { request, .. } => Some(*request),
        _ => None,
    });
    let page = pulled(ends(&bench), 105, posts().collect());
    let request = request.unwrap();
    bench.take_at(now, Input::PullEnded { connection, request, end: PullEnd::Page(page) });
    bench.take_at(now, Input::TimePassed);
    let feed = bench.database.read::<_, DbError>(|read| read.list_feed_ids()).unwrap();
    assert_eq!(u64::try_from(feed.len()).unwrap(), count);
    assert!(read_for(&mut bench));
}

#[test]
fn a_refused_command_says_what_to_do_and_changes_nothing() {
    let mut bench = Bench::new(&[]);
    let refuse = |bench: &mut Bench, command| {
        let before = bench.database.snapshot().unwrap();
        let error = bench.command(command).unwrap_err();
        assert!(!error.message.is_empty() && !error.hint.is_empty());
        assert!(bench.database.snapshot().unwrap() == before, "{error}");
        error.kind
    };
    let post = || Command::PublishPost { persona: None, text: "hello".to_owned(), draft: None };
    assert_eq!(refuse(&mut bench, post()), ErrorKind::NotFound);
    let mine = key(1);
    let mut bench = Bench::new(&[Arc::clone(&mine)]);
    let follow = |target: &str| Command::Follow { target: target.to_owned(), persona: None };
    for target in ["", "nonsense", &"ab".repeat(32), &"00".repeat(32), &mine.posting_id().to_string()] {
        assert_eq!(refuse(&mut bench, follow(target)), ErrorKind::Invalid, "{target}");
    }
    let empty = Command::PublishPost { persona: None, text: " \n".to_owned(), draft: None };
    assert_eq!(refuse(&mut bench, empty), ErrorKind::Invalid);
    let author = key(2).posting_id();
    assert_eq!(refuse(&mut bench, Command::Unfollow { author, persona: None }), ErrorKind::NotFound);
}

#[test]
fn a_repeated_follow_says_when_it_began() {
    let mut bench = Bench::new(&[key(1)]);
    let target = key(2).posting_id().to_string();
    for now in [NOW, NOW.after(Duration::from_hours(1))] {
        bench.calls += 1;
        let call = CallId(bench.calls);
        let command = Command::Follow { target: target.clone(), persona: None };
        let effects = bench.take_at(now, Input::CommandReceived { call, command });
        let followed = effects.iter().find_map(|effect| match effect {
            Effect::Answer { outcome: Ok(Outcome::Followed(person)), .. } => Some(person.followed),
            _ => None,
        });
        assert_eq!(followed, Some(NOW));
    }
}

#[test]
fn of_several_peers_with_news_one_sends_at_once() {
    let mut bench = Bench::new(&[key(1)]);
    let (first, second) = (ConnectionId(1), ConnectionId(2));
    for (peer, connection) in [(PEER, first), (FRIEND, second)] {
        let greeted = bench.is_met_by(peer, connection);
        let accepted = bench.is_accepted_by(peer, connection, &greeted);
        bench.answers(connection, &accepted, pulled(vec![GroupEnd { upto: seq(9), cut: None }], 0, vec![]));
    }
    let mut news = |connection, after| {
        let push = Input::PushReceived { connection, message: Message::News };
        let effects = bench.take_at(NOW.after(Duration::from_secs(after)), push);
        let pull = effects.into_iter().find_map(|effect| match effect {
            Effect::Pull { connection: asked, request, pull } if asked == connection => {
                Some((request, pull.sending))
            }
            _ => None,
        });
        let (request, sending) = pull.expect("news lead to a pull");
        bench.take_at(
            NOW.after(Duration::from_secs(after)),
            Input::PullEnded { connection, request, end: PullEnd::Lost },
        );
        sending
    };
    assert_eq!(news(first, 2), Sending::AtOnce);
    assert_eq!(news(second, 2), Sending::OnRequest, "the other one was asked to send it");
    assert_eq!(news(second, 60), Sending::AtOnce, "that was other news");
}

#[test]
fn a_peer_with_a_seat_sends_on_request_because_its_pushes_come_first() {
    let mut bench = Bench::new(&[key(1)]);
    let (author, connection) = (key(1).posting_id(), ConnectionId(1));
    let greeted = bench.is_met_by(PEER, connection);
    let accepted = bench.is_accepted_by(PEER, connection, &greeted);
    bench.answers(connection, &accepted, pulled(vec![GroupEnd { upto: seq(9), cut: None }], 0, vec![]));
    let topic = crate::node::wire::TopicId::Author(author);
    let ask = crate::node::wire::Ask::Confirm { nonce: crate::node::wire::Nonce([1; 8]) };
    let message = Message::Link(vec![crate::node::wire::LinkAsk { topic, ask }]);
    bench.take(Input::RequestReceived { connection, reply: ReplyId(7), message });
    assert!(bench.engine.hears_by_push(PEER), "it was adopted");
    let news = Input::PushReceived { connection, message: Message::News };
    let effects = bench.take_at(NOW.after(Duration::from_mins(1)), news);
    let sending = effects.iter().find_map(|effect| match effect {
        Effect::Pull { pull, .. } => Some(pull.sending),
        _ => None,
    });
    assert_eq!(sending, Some(Sending::OnRequest));
}
