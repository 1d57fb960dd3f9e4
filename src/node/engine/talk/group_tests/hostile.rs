//! Members and strangers who try to take what is not theirs.

use super::*;
use crate::crypto::chain::SendingChain;
use crate::domain::inner::{ChainKey, Reach};

impl Town {
    /// Has somebody say something to another one that no person could.
    fn forge(&mut self, from: usize, to: usize, thread: ThreadId, said: Said) {
        let (from_id, to_id) = (self.id(from), self.id(to));
        let row = |engine: &mut Engine, step: &mut Step<'_, '_>| {
            let row = new_row(step, from_id, to_id, thread, said);
            engine.queue(step, row)
        };
        self.step(from, row).unwrap();
    }

    fn thread(&self, one: usize, other: usize) -> ThreadId {
        ThreadId::between(self.id(one), self.id(other))
    }

    /// How much somebody remembers of others: sessions, relations, tags.
    fn remembered(&self, number: usize) -> [usize; 3] {
        let talks = &self.people[number].engine.talks;
        [talks.sessions.len(), talks.relations.len(), talks.tags.len()]
    }
}

/// The owner of a circle chooses its thread: it may be that of two others.
#[test]
fn a_circle_takes_no_conversation_of_others() {
    let mut town = Town::of(3);
    let one = town.ids(&[1]);
    town.talk(0, Talk::Open { people: one, persona: None });
    let key = SendingChain::generate(1, &mut StdRng::seed_from_u64(3)).offer();
    let thread = town.thread(0, 2);
    town.forge(1, 0, thread, Said::Chain { key, reach: Reach::Circle });
    town.soon();
    assert_eq!(town.only(0, THEIRS).people[0].posting_id, town.id(1));
    let zero = town.ids(&[0]);
    let Outcome::Conversation(view) = town.talk(2, Talk::Open { people: zero, persona: None }) else {
        panic!("a conversation")
    };
    town.talk(2, Talk::Send { thread: view.thread, text: "from 2".to_owned(), quote: None, draft: None });
    town.soon();
    let two = town.id(2);
    let with_two: Vec<ConversationView> =
        town.conversations(0).into_iter().filter(|view| view.people[0].posting_id == two).collect();
    assert_eq!(with_two.len(), 1);
    assert_eq!((with_two[0].kind, with_two[0].standing), (ConversationKind::Two, Standing::Request));
    assert_eq!(town.texts(0, THEIRS), Vec::<String>::new());
}

/// Who has the key of a chain knows its tags, and can give them out as those of a chain of its own.
#[test]
fn tags_that_are_given_out_twice_hide_nothing() {
    let mut town = Town::of(5);
    town.group(&[1, 2, 3, 4]);
    for number in 0..5 {
        town.say(number, "hello");
    }
    town.soon();
    let own = town.people[0].engine.talks.groups.own.values().next().unwrap();
    let (thread, copied) = (own.thread, own.chain.offer());
    let forged = SendingChain::generate(copied.epoch + 1, &mut StdRng::seed_from_u64(3)).offer();
    let key = ChainKey { tags: copied.tags, number: copied.number, ..forged };
    town.forge(1, 2, thread, Said::Chain { key, reach: Reach::Group });
    town.soon();
    let watched = &town.people[2].engine.talks.groups;
    assert!(watched.heard.keys().any(|heard| *heard == (town.id(2), thread, town.id(1), copied.epoch + 1)));
    town.say(0, "is it read?");
    town.soon();
    assert_eq!(town.texts(2, GROUP).last().unwrap(), "is it read?");
    // The forged chain goes, and what it took along is still watched for.
    let member = town.id(1);
    town.deed(0, GroupDeed::Remove { person: member }).unwrap();
    town.soon();
    town.say(3, "and after it went?");
    town.say(0, "and this?");
    town.soon();
    assert_eq!(town.texts(2, GROUP).len(), 8);
}

#[test]
fn a_comment_to_a_circle_that_was_deleted_goes_no_further() {
    let mut town = Town::of(3);
    know_zero(&mut town, &[1, 2]);
    let people = town.ids(&[1, 2]);
    town.command(0, Command::Circle(CircleDeed::New { name: "friends".to_owned(), people })).unwrap();
    publish(&mut town, "to my friends").unwrap();
    town.soon();
    town.command(0, Command::Circle(CircleDeed::Delete { name: "friends".to_owned() })).unwrap();
    let (view, post) = (town.only(1, THEIRS), town.messages(1, THEIRS)[0].key());
    town.talk(1, Talk::Send { thread: view.thread, text: "nice".to_owned(), quote: Some(post), draft: None });
    let before = town.posts.len();
    town.soon();
    assert_eq!(town.posts.len() - before, 1, "the comment itself");
    assert!(town.people[0].engine.talks.groups.own.is_empty(), "no chain is made for it");
    assert_eq!(town.texts(2, THEIRS), ["to my friends"]);
}

/// Requests are bounded; what comes to none is not kept, or it would be without a bound.
#[test]
fn a_stranger_who_asks_for_nothing_is_not_remembered() {
    let mut town = Town::of(2);
    for (thread, said) in [
        (town.thread(0, 1), Said::Acks),
        (ThreadId::from_bytes([5; 16]), Said::Text { text: "in no group".to_owned(), quote: None }),
    ] {
        town.forge(1, 0, thread, said);
        let before = town.posts.len();
        town.soon();
        assert_eq!(town.posts.len() - before, 1, "it did come");
        assert_eq!(town.remembered(0), [0; 3]);
    }
    // What asks for something comes in, on the session that was forgotten.
    let zero = town.ids(&[0]);
    let Outcome::Conversation(view) = town.talk(1, Talk::Open { people: zero, persona: None }) else {
        panic!("a conversation")
    };
    town.talk(1, Talk::Send { thread: view.thread, text: "hello".to_owned(), quote: None, draft: None });
    town.soon();
    assert_eq!(town.texts(0, ConversationKind::Two), ["hello"]);
}

/// What was changed in a group for long does not fit into one message; the newcomer needs all of it.
#[test]
fn a_long_roster_lets_a_newcomer_in() {
    let mut town = Town::of(4);
    town.group(&[1, 2]);
    for number in 0..120 {
        town.deed(0, GroupDeed::Rename { title: format!("boat {number}") }).unwrap();
    }
    town.pass(Duration::from_hours(1));
    let three = town.id(3);
    town.deed(0, GroupDeed::Add { person: three }).unwrap();
    town.soon();
    town.accept(3);
    assert_eq!(town.only(3, GROUP).title.as_str(), "boat 119");
    town.say(0, "welcome");
    town.soon();
    assert_eq!(town.texts(3, GROUP), ["welcome"]);
}

/// Who is blocked hears nothing more, also of what was said before.
#[test]
fn what_is_on_its_way_to_who_is_blocked_stays_here() {
    let mut town = Town::of(2);
    for (from, to) in [(0, 1), (1, 0)] {
        let people = town.ids(&[to]);
        let Outcome::Conversation(view) = town.talk(from, Talk::Open { people, persona: None }) else {
            panic!("a conversation")
        };
        town.talk(from, Talk::Answer { thread: view.thread, answer: RequestAnswer::Accept });
        town.talk(
            from,
            Talk::Send { thread: view.thread, text: "hello".to_owned(), quote: None, draft: None },
        );
        town.soon();
    }
    town.away.insert(1);
    let thread = town.only(0, ConversationKind::Two).thread;
    town.talk(0, Talk::Send { thread, text: "not for you".to_owned(), quote: None, draft: None });
    town.soon();
    town.talk(0, Talk::Answer { thread, answer: RequestAnswer::Block });
    town.away.clear();
    let before = town.posts.len();
    town.pass(Duration::from_hours(2));
    assert_eq!(town.posts.len() - before, 0);
    assert_eq!(town.people[0].engine.talks.outgoing.len(), 0);
}
