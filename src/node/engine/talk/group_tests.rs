//! Engines that exchange sealed posts in memory: groups over slots and chains, circles, people who come and go.

mod hostile;

use std::collections::BTreeSet;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::publishing::new_row;
use super::*;
use crate::api::{
    CircleDeed, CircleMember, Command, ConversationKind, ConversationView, Delivery, GroupDeed, Linkage,
    MessageAnchor, MessageView, Outcome, RequestAnswer, Standing, Talk,
};
use crate::crypto::keys::PostingKey;
use crate::db::{Database, Durability};
use crate::domain::address::PeerAddress;
use crate::domain::conversation::Keep;
use crate::domain::envelope::{Envelope, Object};
use crate::domain::ids::NetworkId;
use crate::domain::inner::Said;
use crate::domain::operation::ReactionSwitch;
use crate::node::engine::{
    CallId, ConnectionId, Direction, Effect, Exchange, Faults, HandOver, Input, Quotas, ReplyId, Setup,
};
use crate::node::wire::{Epoch, Hello, Message};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const ROUND: Duration = Duration::from_secs(30);

/// Somebody with a node.
struct Person {
    key: Arc<PostingKey>,
    engine: Engine,
    database: Database,
}

/// People whose sealed posts reach everybody.
struct Town {
    people: Vec<Person>,
    now: Timestamp,
    rng: StdRng,
    seen: BTreeSet<ObjectId>,
    /// Every post so far, in the order it left.
    posts: Vec<Envelope>,
    /// Who gets nothing for now.
    away: BTreeSet<usize>,
    rounds: u64,
}

fn setup(number: usize) -> Setup {
    Setup {
        network_id: NetworkId::from_bytes([u8::try_from(number + 1).unwrap(); 32]),
        keys: Vec::new(),
        data_key: Some(Arc::new(DataKey::from_secret(&[7; 32]))),
        connections: 8,
        quotas: Quotas::default(),
        exchange: Exchange::default(),
        decoys_per_hour: 0,
        faults: Faults::default(),
    }
}

impl Town {
    fn of(count: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(5);
        let mut people = Vec::new();
        for number in 0..count {
            let key = Arc::new(PostingKey::generate(&mut rng));
            let mut database = Database::in_memory(&[u8::try_from(number).unwrap(); 32]).unwrap();
            let engine = database.read(|read| Engine::load(read, &setup(number))).unwrap();
            people.push(Person { key, engine, database });
        }
        let (seen, posts, away) = (BTreeSet::new(), Vec::new(), BTreeSet::new());
        let mut town = Self { people, now: START, rng, seen, posts, away, rounds: 0 };
        for number in 0..count {
            town.take(number, Input::Started);
            let (name, key) = (format!("person {number}"), Arc::clone(&town.people[number].key));
            town.take(number, Input::PersonaRequested { call: CallId(0), name, key });
        }
        town
    }

    fn id(&self, number: usize) -> PostingId {
        self.people[number].key.posting_id()
    }

    fn ids(&self, numbers: &[usize]) -> Vec<PostingId> {
        numbers.iter().map(|number| self.id(*number)).collect()
    }

    fn take(&mut self, number: usize, input: Input) -> Vec<Effect> {
        let Self { people, now, rng, .. } = self;
        let Person { engine, database, .. } = &mut people[number];
        database
            .transaction(Durability::Normal, |batch| {
                batch.step(|store| engine.handle(store, *now, rng, input))
            })
            .unwrap()
    }

    fn step<T>(&mut self, number: usize, act: impl FnOnce(&mut Engine, &mut Step<'_, '_>) -> T) -> T {
        let Self { people, now, rng, .. } = self;
        let Person { engine, database, .. } = &mut people[number];
        let mut done = None;
        database
            .transaction(Durability::Normal, |batch| {
                batch.step(|store| {
                    let mut step = Step { store, now: *now, rng, effects: Vec::new() };
                    done = Some(act(engine, &mut step));
                    Ok(())
                })
            })
            .unwrap();
        done.unwrap()
    }

    fn command(&mut self, number: usize, command: Command) -> Result<Outcome, String> {
        let effects = self.take(number, Input::CommandReceived { call: CallId(1), command });
        let outcome = effects.into_iter().find_map(|effect| match effect {
            Effect::Answer { outcome, .. } => Some(outcome),
            _ => None,
        });
        outcome.unwrap().map_err(|error| error.message)
    }

    fn talk(&mut self, number: usize, talk: Talk) -> Outcome {
        self.command(number, Command::Talk(talk)).unwrap()
    }

    /// Time passes; what leaves somebody comes to everybody who is there.
    fn round(&mut self) {
        self.now = self.now.after(ROUND);
        let round = self.rounds;
        self.rounds += 1;
        let mut left = Vec::new();
        for number in 0..self.people.len() {
            // A new connection each time: nobody answers what is asked on it. The old one goes after it, so that there is
            // always somebody to hand posts to.
            let peer = NetworkId::from_bytes([if round.is_multiple_of(2) { 200 } else { 201 }; 32]);
            let connection = ConnectionId(round + 1);
            let address = PeerAddress::of(peer);
            let met = Input::Connected { connection, peer, direction: Direction::Outbound, address };
            let mut effects = self.take(number, met);
            let hello = Hello { epoch: Epoch([1; 16]), features: 0, minute: self.now.as_minutes() };
            let message = Message::Hello(hello);
            let greeted = Input::RequestReceived { connection, reply: ReplyId(1), message };
            effects.extend(self.take(number, greeted));
            effects.extend(self.take(number, Input::Disconnected { connection: ConnectionId(round) }));
            self.people[number].engine.looked_at_pool();
            // What is published in the first step leaves in the second.
            effects.extend(self.take(number, Input::TimePassed));
            effects.extend(self.take(number, Input::TimePassed));
            let pushed = effects.into_iter().filter_map(|effect| match effect {
                Effect::PushSealed { id, .. } => Some(id),
                _ => None,
            });
            for id in pushed.collect::<Vec<_>>() {
                let found = self.people[number].database.read(|read| read.find_stemmed(id)).unwrap();
                self.take(number, Input::SealedHanded { id, end: HandOver::Taken });
                left.extend(found.filter(|_| self.seen.insert(id)));
            }
        }
        for envelope in left {
            for number in
                (0..self.people.len()).filter(|number| !self.away.contains(number)).collect::<Vec<_>>()
            {
                self.bring(number, &envelope);
            }
            self.posts.push(envelope);
        }
    }

    fn bring(&mut self, number: usize, envelope: &Envelope) {
        let Object::Sealed(post) = Object::verify(envelope.clone()).unwrap() else { unreachable!() };
        self.step(number, |engine, step| engine.take_in_sealed(step, &post, None).map(drop)).unwrap();
    }

    fn pass(&mut self, time: Duration) {
        for _ in 0..time.as_secs() / ROUND.as_secs() {
            self.round();
        }
    }

    fn soon(&mut self) {
        self.pass(Duration::from_mins(6));
    }

    fn conversations(&mut self, number: usize) -> Vec<ConversationView> {
        let key = DataKey::from_secret(&[7; 32]);
        let filter = crate::api::ConversationFilter::All;
        let read = |read: Read<'_>| super::pages::conversations(read, &key, None, filter);
        self.people[number].database.read(read).unwrap()
    }

    /// The only conversation of this kind.
    fn only(&mut self, number: usize, kind: ConversationKind) -> ConversationView {
        let mut found = self.conversations(number);
        found.retain(|view| view.kind == kind);
        assert_eq!(found.len(), 1, "conversations of this kind at {number}");
        found.pop().unwrap()
    }

    fn messages(&mut self, number: usize, kind: ConversationKind) -> Vec<MessageView> {
        let thread = self.only(number, kind).thread;
        let key = DataKey::from_secret(&[7; 32]);
        let found = self.people[number].database.read(|read| -> Result<_, DbError> {
            Ok(super::pages::messages(read, &key, thread, MessageAnchor::Newest, 200).ok())
        });
        found.unwrap().unwrap().messages
    }

    fn texts(&mut self, number: usize, kind: ConversationKind) -> Vec<String> {
        self.messages(number, kind).into_iter().map(|message| message.text.to_string()).collect()
    }

    /// 0 founds a group with everybody, and all accept it.
    fn group(&mut self, members: &[usize]) {
        let people = self.ids(members);
        self.talk(0, Talk::NewGroup { title: "boat".to_owned(), people, persona: None });
        self.soon();
        for number in members {
            self.accept(*number);
        }
    }

    fn accept(&mut self, number: usize) {
        let view = self.only(number, ConversationKind::Group);
        assert_eq!(view.standing, Standing::Request, "nobody {number} knows");
        self.talk(number, Talk::Answer { thread: view.thread, answer: RequestAnswer::Accept });
    }

    fn say(&mut self, number: usize, text: &str) {
        let thread = self.only(number, ConversationKind::Group).thread;
        self.talk(number, Talk::Send { thread, text: text.to_owned(), quote: None, draft: None });
    }

    fn deed(&mut self, number: usize, deed: GroupDeed) -> Result<Outcome, String> {
        let thread = self.only(number, ConversationKind::Group).thread;
        self.command(number, Command::Talk(Talk::InGroup { thread, deed }))
    }

    /// Everybody begins anew from what is on the disk.
    fn restart(&mut self) {
        for number in 0..self.people.len() {
            let keys = vec![Arc::clone(&self.people[number].key)];
            let setup = Setup { keys, ..setup(number) };
            let person = &mut self.people[number];
            person.engine = person.database.read(|read| Engine::load(read, &setup)).unwrap();
            self.take(number, Input::Started);
        }
    }
}

const GROUP: ConversationKind = ConversationKind::Group;
const THEIRS: ConversationKind = ConversationKind::CircleOfOther;

#[test]
fn a_group_of_three_reads_what_each_of_them_writes() {
    let mut town = Town::of(3);
    town.group(&[1, 2]);
    let view = town.only(1, GROUP);
    assert_eq!((view.title.as_str(), view.people.len()), ("boat", 2));
    town.say(0, "from 0");
    town.soon();
    town.restart();
    town.say(1, "from 1");
    town.say(2, "from 2");
    town.soon();
    for number in 0..3 {
        let texts: BTreeSet<String> = town.texts(number, GROUP).into_iter().collect();
        assert_eq!(texts, ["from 0", "from 1", "from 2"].map(str::to_owned).into(), "at {number}");
    }
    // All have answered each other: one post holds a slot for each, and both confirm it in time.
    let before = town.posts.len();
    town.say(0, "once");
    town.soon();
    assert_eq!(town.posts.len() - before, 1);
    town.away.insert(2);
    town.say(0, "not to 2");
    town.pass(Duration::from_hours(3));
    let states: Vec<Delivery> = town.messages(0, GROUP).into_iter().map(|message| message.state).collect();
    let (last, once) = (states[states.len() - 1], states[states.len() - 2]);
    assert_eq!(once, Delivery::Arrived { people: 2, of: 2 });
    assert_eq!(last, Delivery::Arrived { people: 1, of: 2 });
    assert!(town.conversations(1).iter().all(|view| view.kind == GROUP), "no conversations of two by that");
}

#[test]
fn who_is_in_no_group_says_nothing_in_it() {
    let mut town = Town::of(4);
    town.group(&[1, 2]);
    let thread = town.people[0].engine.talks.conversations.values().next().unwrap().thread;
    let (outsider, target) = (town.id(3), town.id(1));
    let said = Said::Text { text: "let me in".to_owned(), quote: None };
    town.step(3, |engine, step| {
        let row = new_row(step, outsider, target, thread, said);
        engine.queue(step, row)
    })
    .unwrap();
    let sent = town.posts.len();
    town.soon();
    assert!(town.posts.len() > sent, "it did leave");
    assert_eq!(town.texts(1, GROUP), Vec::<String>::new());
    // Taken in later, it is heard: what it said waited in memory.
    town.deed(0, GroupDeed::Add { person: outsider }).unwrap();
    town.soon();
    assert_eq!(town.texts(1, GROUP), ["let me in"]);
}

#[test]
fn six_share_chains_and_a_removed_one_reads_nothing_more() {
    let mut town = Town::of(7);
    town.group(&[1, 2, 3, 4, 5]);
    for number in 0..6 {
        town.say(number, &format!("from {number}"));
    }
    town.soon();
    for number in 0..6 {
        assert_eq!(town.texts(number, GROUP).len(), 6, "at {number}");
    }
    town.restart();
    let before = town.posts.len();
    town.say(0, "one post for all");
    town.soon();
    assert_eq!(town.posts.len() - before, 1);
    assert_eq!(town.texts(5, GROUP).len(), 7);
    // 5 is put out. The others hear of that and write on.
    town.deed(0, GroupDeed::Remove { person: town.people[5].key.posting_id() }).unwrap();
    town.soon();
    assert_eq!(town.only(5, GROUP).standing, Standing::Left);
    town.say(0, "without 5");
    town.say(1, "also without 5");
    town.soon();
    assert_eq!(town.texts(5, GROUP).len(), 7, "nothing more");
    assert_eq!(town.texts(2, GROUP).len(), 9);
    let thread = town.only(5, GROUP).thread;
    let send = Talk::Send { thread, text: "still here".to_owned(), quote: None, draft: None };
    assert!(town.command(5, Command::Talk(send)).is_err());
    // 6 comes in and reads from then on.
    let newcomer = town.id(6);
    town.deed(0, GroupDeed::Add { person: newcomer }).unwrap();
    town.soon();
    town.accept(6);
    town.say(1, "welcome");
    town.say(6, "thanks");
    town.soon();
    assert_eq!(town.texts(6, GROUP).len(), 2);
    assert_eq!(town.texts(4, GROUP).len(), 11);
    town.pass(Duration::from_hours(2));
    let states = town.messages(0, GROUP).into_iter().filter(|message| message.text.as_str() == "without 5");
    let states: Vec<Delivery> = states.map(|message| message.state).collect();
    assert_eq!(states, [Delivery::Arrived { people: 4, of: 4 }]);
}

/// Who was put out confirms nothing any more: what was said to them goes all the same when its time is over.
#[test]
fn what_was_said_to_who_was_put_out_is_not_kept_for_ever() {
    let mut town = Town::of(4);
    town.group(&[1, 2, 3]);
    town.away.insert(3);
    town.say(0, "to all");
    town.pass(Duration::from_hours(3));
    let [message] = &town.messages(0, GROUP)[..] else { panic!("one message") };
    assert_eq!(message.state, Delivery::Arrived { people: 2, of: 3 });
    let thread = town.only(0, GROUP).thread;
    town.talk(0, Talk::Keep { thread, keep: Keep::None });
    town.pass(Duration::from_hours(2));
    assert_eq!(town.texts(0, GROUP), ["to all"], "it may still arrive");
    town.deed(0, GroupDeed::Remove { person: town.id(3) }).unwrap();
    town.pass(Duration::from_hours(2));
    assert_eq!(town.texts(0, GROUP), [""; 0]);
}

#[test]
fn a_chain_ends_and_the_next_one_is_read() {
    let mut town = Town::of(5);
    town.group(&[1, 2, 3, 4]);
    let part = |town: &Town| {
        let own = town.people[0].engine.talks.groups.own.values().next().unwrap();
        (own.chain.epoch(), own.chain.is_used_up())
    };
    for number in 0..crate::limits::CHAIN_MESSAGES {
        town.say(0, &format!("{number}"));
        if number % 10 == 9 {
            town.soon();
        }
    }
    town.pass(Duration::from_mins(30));
    let (epoch, is_used_up) = part(&town);
    assert!(is_used_up);
    town.say(0, "on the next one");
    town.soon();
    assert_ne!(part(&town).0, epoch);
    assert_eq!(town.texts(4, GROUP).last().unwrap(), "on the next one");
    assert_eq!(town.only(4, GROUP).unread_count, 101);
    town.pass(Duration::from_hours(1));
    let epoch = part(&town).0;
    town.now = town.now.after(crate::limits::CHAIN_TIME);
    town.say(0, "a week later");
    town.soon();
    assert!(part(&town).0 > epoch);
    assert_eq!(town.texts(1, GROUP).last().unwrap(), "a week later");
}

#[test]
fn members_change_nothing_and_admins_not_their_seniors() {
    let mut town = Town::of(4);
    town.group(&[1, 2]);
    let [zero, one, two, three] = [0, 1, 2, 3].map(|number| town.id(number));
    assert!(town.deed(1, GroupDeed::Add { person: three }).is_err());
    town.deed(0, GroupDeed::Promote { person: one }).unwrap();
    town.soon();
    assert!(town.deed(1, GroupDeed::Remove { person: zero }).is_err(), "it was one before");
    town.deed(1, GroupDeed::Add { person: three }).unwrap();
    town.deed(1, GroupDeed::Rename { title: "ship".to_owned() }).unwrap();
    town.soon();
    assert_eq!(town.only(2, GROUP).title.as_str(), "ship");
    assert_eq!(town.only(3, GROUP).people.len(), 3);
    town.deed(2, GroupDeed::Leave).unwrap();
    assert_eq!(town.only(2, GROUP).standing, Standing::Left);
    town.soon();
    for number in [0, 1, 3] {
        assert!(town.only(number, GROUP).people.iter().all(|person| person.posting_id != two));
    }
}

/// Each of these writes with 0.
fn know_zero(town: &mut Town, numbers: &[usize]) {
    for number in numbers {
        let people = town.ids(&[0]);
        town.talk(*number, Talk::Open { people, persona: None });
    }
}

fn publish(town: &mut Town, text: &str) -> Result<Outcome, String> {
    let (name, text) = ("friends".to_owned(), text.to_owned());
    let deed = CircleDeed::Publish { name, text, persona: None, linkage: Linkage::Avoid, draft: None };
    town.command(0, Command::Circle(deed))
}

#[test]
fn a_circle_hears_its_owner_and_everybody_s_comments() {
    let mut town = Town::of(5);
    know_zero(&mut town, &[1, 2, 3]);
    let people = town.ids(&[1, 2, 4]);
    town.command(0, Command::Circle(CircleDeed::New { name: "friends".to_owned(), people })).unwrap();
    let published = publish(&mut town, "to my friends");
    assert!(published.is_ok());
    town.soon();
    assert_eq!(town.texts(1, THEIRS), ["to my friends"]);
    assert_eq!(town.only(1, THEIRS).title.as_str(), "person 0");
    assert!(!town.conversations(4).iter().any(|view| view.kind == THEIRS), "nothing of strangers is taken");
    // One comments, one reacts; all see both.
    let view = town.only(1, THEIRS);
    let post = town.messages(1, THEIRS)[0].key();
    let comment = Talk::Send { thread: view.thread, text: "nice".to_owned(), quote: Some(post), draft: None };
    town.talk(1, comment);
    let loose = Talk::Send { thread: view.thread, text: "mine".to_owned(), quote: None, draft: None };
    assert!(town.command(1, Command::Talk(loose)).is_err(), "only the owner posts");
    let react = Talk::React {
        thread: town.only(2, THEIRS).thread,
        message: post,
        emoji: "👍".to_owned(),
        switch: ReactionSwitch::On,
    };
    town.talk(2, react);
    town.soon();
    town.restart();
    town.soon();
    assert_eq!(town.texts(0, ConversationKind::Circle), ["to my friends", "nice"]);
    let there = town.messages(2, THEIRS);
    assert_eq!((there[1].from, there[1].from_name.as_str()), (town.id(1), "person 1"));
    assert_eq!(town.messages(1, THEIRS)[0].reactions.len(), 1);
    // 3 comes in, 1 goes.
    let [one, three] = [1, 3].map(|number| town.id(number));
    for (person, member) in [(three, CircleMember::In), (one, CircleMember::Out)] {
        let deed = CircleDeed::Change { name: "friends".to_owned(), person, member };
        town.command(0, Command::Circle(deed)).unwrap();
    }
    publish(&mut town, "later").unwrap();
    town.soon();
    assert_eq!(town.texts(3, THEIRS), ["later"]);
    assert_eq!(town.texts(2, THEIRS).len(), 3);
    assert_eq!(town.texts(1, THEIRS).len(), 2, "nothing more");
    let late =
        Talk::Send { thread: view.thread, text: "I was removed".to_owned(), quote: Some(post), draft: None };
    town.talk(1, late);
    town.soon();
    assert_eq!(town.texts(0, ConversationKind::Circle).len(), 3, "nothing of who is not in it");
}

#[test]
fn a_second_persona_in_a_circle_is_asked_about_first() {
    let mut town = Town::of(2);
    let people = town.ids(&[1]);
    town.command(0, Command::Circle(CircleDeed::New { name: "friends".to_owned(), people })).unwrap();
    publish(&mut town, "as the first").unwrap();
    let second = Arc::new(PostingKey::generate(&mut StdRng::seed_from_u64(77)));
    let (name, key) = ("second".to_owned(), Arc::clone(&second));
    town.take(0, Input::PersonaRequested { call: CallId(3), name, key });
    let as_second = |linkage| {
        let (name, text) = ("friends".to_owned(), "as the second".to_owned());
        Command::Circle(CircleDeed::Publish {
            name,
            text,
            persona: Some(second.posting_id()),
            linkage,
            draft: None,
        })
    };
    assert!(town.command(0, as_second(Linkage::Avoid)).is_err());
    assert!(town.command(0, as_second(Linkage::Accept)).is_ok());
    town.command(0, Command::Circle(CircleDeed::Delete { name: "friends".to_owned() })).unwrap();
    assert!(publish(&mut town, "into nothing").is_err());
}

#[test]
fn a_comment_somebody_changed_on_the_way_is_refused() {
    use crate::domain::inner::{Comment, Remark};
    let key = PostingKey::generate(&mut StdRng::seed_from_u64(1));
    let thread = ThreadId::from_bytes([1; 16]);
    let mut comment = Comment {
        from: key.posting_id(),
        message_id: MessageId::from_bytes([2; 16]),
        sent: START,
        target: (key.posting_id(), MessageId::from_bytes([3; 16])),
        remark: Remark::Text("as I said it".to_owned()),
        name: String::new(),
        signature: [0; 64].into(),
    };
    let statement = crate::domain::statement::Statement::Comment;
    comment.signature = key.state(statement, &comment.stated(thread)).into();
    assert!(comment.is_genuine(thread) && !comment.is_genuine(ThreadId::from_bytes([9; 16])));
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let golden = [hex(&comment.stated(thread)), hex(comment.signature.as_slice())];
    insta::assert_snapshot!(golden.join("\n"));
    comment.remark = Remark::Text("as I never said it".to_owned());
    assert!(!comment.is_genuine(thread));
}
