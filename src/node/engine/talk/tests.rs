//! What a copy of a store does with the sessions it holds. Conversations as a whole are played with the real program.

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::api::{CallError, Command, DraftSlot, ErrorKind, MessageKey, Outcome, Talk};
use crate::crypto::keys::PostingKey;
use crate::db::protected::Protected;
use crate::db::{Database, Durability};
use crate::domain::cbor::encode;
use crate::domain::conversation::Keep;
use crate::domain::ids::NetworkId;
use crate::node::engine::slot_name;
use crate::node::engine::{CallId, Effect, Exchange, Faults, Input, Quotas, Setup};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(super) fn setup(key: &Arc<PostingKey>) -> Setup {
    Setup {
        network_id: NetworkId::from_bytes([1; 32]),
        keys: vec![Arc::clone(key)],
        data_key: Some(Arc::new(DataKey::from_secret(&[7; 32]))),
        connections: 8,
        quotas: Quotas::default(),
        exchange: Exchange::default(),
        decoys_per_hour: 0,
        faults: Faults::default(),
    }
}

/// An engine over a store, as after a start.
fn start(database: &mut Database, key: &Arc<PostingKey>, now: Timestamp) -> Engine {
    let mut engine = database.read(|read| Engine::load(read, &setup(key))).unwrap();
    take(&mut engine, database, now, Input::Started);
    engine
}

fn take(engine: &mut Engine, database: &mut Database, now: Timestamp, input: Input) -> Vec<Effect> {
    let rng = &mut StdRng::seed_from_u64(u64::try_from(now.as_millis()).unwrap());
    let steps = database
        .transaction(Durability::Normal, |batch| batch.step(|store| engine.handle(store, now, rng, input)));
    steps.unwrap()
}

fn talk(engine: &mut Engine, database: &mut Database, talk: Talk) -> Outcome {
    let command = Command::Talk(talk);
    let effects = take(engine, database, NOW, Input::CommandReceived { call: CallId(1), command });
    let outcome = effects.into_iter().find_map(|effect| match effect {
        Effect::Answer { outcome, .. } => Some(outcome),
        _ => None,
    });
    outcome.unwrap().unwrap()
}

#[test]
fn a_store_whose_log_has_another_name_begins_conversations_anew() {
    let rng = &mut StdRng::seed_from_u64(1);
    let [me, peer] = [(); 2].map(|()| Arc::new(PostingKey::generate(rng)));
    let mut database = Database::in_memory(&[0; 32]).unwrap();
    let mut engine = start(&mut database, &me, NOW);
    let people = vec![peer.posting_id()];
    talk(&mut engine, &mut database, Talk::Open { people, persona: Some(me.posting_id()) });
    let pair = (me.posting_id(), peer.posting_id());
    let session = |engine: &mut Engine, database: &mut Database, seed: u64| {
        let mut found = None;
        let steps = database.transaction(Durability::Normal, |batch| {
            batch.step(|store| {
                let mut step =
                    Step { store, now: NOW, rng: &mut StdRng::seed_from_u64(seed), effects: Vec::new() };
                found = Some(engine.session_to(&mut step, &me, pair, sessions::Trust::Any)?);
                Ok(())
            })
        });
        steps.unwrap();
        match found {
            Some(sessions::Route::On(sid)) => sid,
            _ => panic!("no session"),
        }
    };
    let first = session(&mut engine, &mut database, 1);
    assert_eq!(session(&mut engine, &mut database, 2), first, "one session as long as nothing happens");
    let mut engine = start(&mut database, &me, NOW);
    assert_eq!(session(&mut engine, &mut database, 3), first, "also after a start");
    database
        .transaction(Durability::Normal, |batch| batch.step(|store| store.update_lives(&[5; 32])))
        .unwrap();
    let mut engine = start(&mut database, &me, NOW);
    let second = session(&mut engine, &mut database, 4);
    assert_ne!(second, first, "a copy sends on nothing it holds");
    assert_eq!(session(&mut engine, &mut database, 5), second);
}

/// What a command came to.
fn outcome(engine: &mut Engine, database: &mut Database, command: Command) -> Result<Outcome, CallError> {
    let effects = take(engine, database, NOW, Input::CommandReceived { call: CallId(1), command });
    let answer = effects.into_iter().find_map(|effect| match effect {
        Effect::Answer { outcome, .. } => Some(outcome),
        _ => None,
    });
    answer.unwrap()
}

#[test]
fn a_locked_engine_refuses_what_needs_keys_until_it_has_them() {
    let rng = &mut StdRng::seed_from_u64(1);
    let [me, peer] = [(); 2].map(|()| Arc::new(PostingKey::generate(rng)));
    let mut database = Database::in_memory(&[0; 32]).unwrap();
    let mut engine = start(&mut database, &me, NOW);
    let people = vec![peer.posting_id()];
    let open = Talk::Open { people, persona: Some(me.posting_id()) };
    let Outcome::Conversation(view) = talk(&mut engine, &mut database, open) else {
        panic!("no conversation")
    };
    let send = || {
        Command::Talk(Talk::Send { thread: view.thread, text: "hello".to_owned(), quote: None, draft: None })
    };
    let draft = || Command::SaveDraft { slot: DraftSlot::NewPost, text: "half a".to_owned() };

    let locked = Setup { keys: Vec::new(), data_key: None, ..setup(&me) };
    let mut engine = database.read(|read| Engine::load(read, &locked)).unwrap();
    take(&mut engine, &mut database, NOW, Input::Started);
    for command in
        [send(), draft(), Command::PublishPost { persona: None, text: "a".to_owned(), draft: None }]
    {
        let refused = outcome(&mut engine, &mut database, command).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Passphrase);
    }
    assert!(engine.secrets().0.is_none() && engine.secrets().1.is_empty());
    let later = NOW.after(Duration::from_hours(24 * 30));
    take(&mut engine, &mut database, later, Input::TimePassed);

    let data_key = Arc::new(DataKey::from_secret(&[7; 32]));
    let unlocked = Input::Unlocked { call: CallId(2), data_key, keys: vec![Arc::clone(&me)] };
    let effects = take(&mut engine, &mut database, NOW, unlocked);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Unlocked(_))));
    assert!(matches!(outcome(&mut engine, &mut database, send()), Ok(Outcome::Message(_))));
    assert!(matches!(outcome(&mut engine, &mut database, draft()), Ok(Outcome::Done)));
    assert_eq!(engine.secrets().1.len(), 1);
}

/// Rows written before a person could say for how long have no such field.
#[test]
fn for_how_long_messages_are_kept_is_stored_and_for_ever_where_nothing_was_said() {
    let [me, peer] = [1, 2].map(|id| PostingId::from_bytes([id; 32]));
    let row = |keep| rows::Conversation {
        keep,
        ..rows::Conversation::new(me, ThreadId::between(me, peer), vec![peer], NOW)
    };
    let read = |bytes: &[u8]| minicbor::decode::<rows::Conversation>(bytes).unwrap().keep;
    for keep in [Keep::Forever, Keep::None, Keep::Days(7)] {
        assert_eq!(read(&encode(&row(keep))), keep);
    }
    let mut bytes = encode(&row(Keep::None));
    bytes.truncate(bytes.len() - encode(&Keep::None).len() - 1);
    // The number of fields.
    bytes[0] -= 1;
    assert_eq!(read(&bytes), Keep::Forever);
}

#[test]
fn drafts_are_sealed_also_those_of_earlier_versions() {
    let me = Arc::new(PostingKey::generate(&mut StdRng::seed_from_u64(1)));
    let mut database = Database::in_memory(&[0; 32]).unwrap();
    let old = database.transaction(Durability::Normal, |batch| {
        batch.step(|store| store.insert_clear_draft(&slot_name(DraftSlot::NewPost), "an old thought"))
    });
    old.unwrap();
    let holds = |database: &mut Database, text: &[u8]| {
        database.snapshot().unwrap().windows(text.len()).any(|window| window == text)
    };
    assert!(holds(&mut database, b"an old thought"), "it can be found");
    let mut engine = start(&mut database, &me, NOW);
    let reply = DraftSlot::Reply(ObjectId::from_bytes([9; 32]));
    let save = Command::SaveDraft { slot: reply, text: "a new thought".to_owned() };
    outcome(&mut engine, &mut database, save).unwrap();
    for (slot, text) in [(DraftSlot::NewPost, "an old thought"), (reply, "a new thought")] {
        assert!(!holds(&mut database, text.as_bytes()) && !holds(&mut database, slot_name(slot).as_bytes()));
        let key = DataKey::from_secret(&[7; 32]);
        let draft = database
            .read(|read| rows::find::<rows::Draft>(read, &key, &rows::draft_name(&key, &slot_name(slot))));
        assert_eq!(draft.unwrap().unwrap().text, text);
    }
    let done = Command::SaveDraft { slot: reply, text: String::new() };
    outcome(&mut engine, &mut database, done).unwrap();
    let name = rows::draft_name(&DataKey::from_secret(&[7; 32]), &slot_name(reply));
    assert!(database.read(|read| read.find_protected(Protected::Draft, &name)).unwrap().is_none());
}

#[test]
fn a_message_finishes_the_draft_it_was_and_no_other() {
    let rng = &mut StdRng::seed_from_u64(1);
    let [me, peer] = [(); 2].map(|()| Arc::new(PostingKey::generate(rng)));
    let mut database = Database::in_memory(&[0; 32]).unwrap();
    let mut engine = start(&mut database, &me, NOW);
    let open = Talk::Open { people: vec![peer.posting_id()], persona: Some(me.posting_id()) };
    let Outcome::Conversation(view) = talk(&mut engine, &mut database, open) else {
        panic!("no conversation")
    };
    let thread = view.thread;
    let stands = |database: &mut Database, slot: DraftSlot| {
        let name = rows::draft_name(&DataKey::from_secret(&[7; 32]), &slot_name(slot));
        database.read(|read| read.find_protected(Protected::Draft, &name)).unwrap().is_some()
    };
    let begin = |engine: &mut Engine, database: &mut Database, slot: DraftSlot| {
        let save = Command::SaveDraft { slot, text: "half a thought".to_owned() };
        outcome(engine, database, save).unwrap();
    };
    let send = |draft| Talk::Send { thread, text: "from a script".to_owned(), quote: None, draft };

    let slot = DraftSlot::Message(thread);
    begin(&mut engine, &mut database, slot);
    let Outcome::Message(stored) = talk(&mut engine, &mut database, send(None)) else { panic!("not sent") };
    assert!(stands(&mut database, slot), "somebody types in it");
    talk(&mut engine, &mut database, send(Some(slot)));
    assert!(!stands(&mut database, slot));

    let message = MessageKey { from: me.posting_id(), message_id: stored.message_id };
    let edit = |draft| Talk::Edit { thread, message, text: "changed".to_owned(), draft };
    let slot = DraftSlot::Correction(thread, stored.message_id);
    begin(&mut engine, &mut database, slot);
    talk(&mut engine, &mut database, edit(None));
    assert!(stands(&mut database, slot));
    talk(&mut engine, &mut database, edit(Some(slot)));
    assert!(!stands(&mut database, slot));
}

#[test]
fn a_look_at_the_pool_counts_although_the_engine_was_locked() {
    let database = &mut Database::in_memory(&[0; 32]).unwrap();
    let key = Arc::new(DataKey::from_secret(&[7; 32]));
    let mut talks = database.read(|read| Talks::load(read, None)).unwrap();
    assert!(talks.key().is_err() && talks.next_deadline().is_none());
    talks.look = Look::Over;
    let talks = database.read(|read| talks.unlocked(read, &key)).unwrap();
    assert!(talks.look == Look::Over && !talks.is_locked());
}

#[test]
fn a_step_at_rest_does_not_ask_the_store_how_far_the_pool_goes() {
    let me = Arc::new(PostingKey::generate(&mut StdRng::seed_from_u64(1)));
    let mut database = Database::in_memory(&[0; 32]).unwrap();
    let mut engine = start(&mut database, &me, NOW);
    let asked = |database: &mut Database| {
        let count = |read: Read<'_>| Ok::<_, DbError>(i64::from(read.count_last_sealed_reads()?));
        database.read(count).unwrap()
    };
    let before = asked(&mut database);
    assert!(before > 0, "a start does");
    for second in 1..=100 {
        take(&mut engine, &mut database, NOW.after(Duration::from_secs(second)), Input::TimePassed);
    }
    assert_eq!(asked(&mut database), before);
}
