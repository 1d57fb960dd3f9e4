//! V3: the archive is enough by itself. What was said stays whole when everything it came by is gone, and no row that is left
//! says how it came.

use super::super::group_rows::{Circle, GroupRow, HeardChain, OwnChain};
use super::super::rows::{Conversation, Draft, MESSAGES, Outgoing, Prekey, Progress, Relation, Row, Session};
use super::*;
use crate::api::{MessageAnchor, More};
use crate::db::Read;
use crate::db::protected::Protected;
use crate::domain::envelope::Content;
use crate::limits::ACK_AFTER;
use crate::node::engine::book::TABLE as BOOK;
use crate::node::engine::{Fault, Faults};

/// Messages of both together: more than a hundred of each.
const SAID: usize = 204;
/// Messages of a page.
const PAGE: u32 = 100;

fn data_key() -> DataKey {
    DataKey::from_secret(&[7; 32])
}

/// Two people who wrote in turns, and confirmed everything; with every sealed post that left.
fn talked(faults: Faults) -> (Mail, Vec<Posted>) {
    let mut mail = Mail::new(5, 2);
    for side in &mut mail.sides {
        side.engine.faults = faults;
    }
    let mut left = mail.posts();
    for (number, text) in numbered(SAID).iter().enumerate() {
        mail.write(number % 2, 1 - number % 2, text);
        mail.leave();
        let posts = mail.posts();
        mail.give_all(&posts);
        left.extend(posts);
    }
    // What nobody answered is confirmed within an hour, by posts of their own.
    for _ in 0..3 {
        mail.pass(ACK_AFTER);
        mail.leave();
        let posts = mail.posts();
        mail.give_all(&posts);
        left.extend(posts);
    }
    (mail, left)
}

/// The pool, and the sessions and chains, which hold all tags, are deleted.
fn delete_how_it_came(database: &mut Database) {
    let deleted = database.transaction(Durability::Normal, |batch| {
        batch.step(|store| {
            let last = store.get_last_sealed_seq()?;
            for arrival in store.list_sealed(Seq::START, last, usize::MAX)? {
                store.delete_sealed(arrival.seq)?;
            }
            for row in store.list_stem()? {
                store.delete_stem(row.object_id)?;
            }
            for kind in [Protected::Session, Protected::OwnChain, Protected::HeardChain] {
                for (name, _) in store.list_protected(kind)? {
                    store.delete_protected(kind, &name)?;
                }
            }
            Ok(())
        })
    });
    deleted.unwrap();
}

/// The texts of a conversation, page by page from the newest one on.
fn pages(mail: &mut Mail, me: usize, peer: usize) -> Vec<Vec<String>> {
    let (key, thread) = (data_key(), mail.thread(me, peer));
    let (mut pages, mut anchor) = (Vec::new(), MessageAnchor::Newest);
    loop {
        let read = |read: Read<'_>| super::super::pages::messages(read, &key, thread, anchor, PAGE);
        let page = mail.sides[me].database.read(read).ok().unwrap();
        pages.push(page.messages.iter().map(|message| message.text.to_string()).collect());
        match page.messages.first() {
            Some(first) if page.older == More::Follows => anchor = MessageAnchor::Before(first.place),
            _ => return pages,
        }
    }
}

/// Everything the store holds: as it stands there, and as it is under the data key.
fn everything(database: &mut Database) -> Vec<(String, Vec<u8>)> {
    let key = data_key();
    let read = |read: Read<'_>| {
        let mut values = read.list_values()?;
        let of = |table: &str| values.iter().filter(|(of, _)| of == table).count();
        // Three and four columns.
        let rows = of("protected") / 3 + of("messages") / 4;
        let mut opened = opened::<Progress>(read, &key)?;
        opened.extend(opened_of_others(read, &key)?);
        for conversation in load_all::<Conversation>(read, &key)? {
            let name = conversation_name(&key, conversation.id);
            let from = PageFrom::After(Place::START);
            for row in read.list_messages(&name, from, u32::MAX)? {
                opened
                    .push((MESSAGES.to_owned(), key.open(MESSAGES, &row.name, &row.value).unwrap().to_vec()));
            }
        }
        for (name, value) in read.list_protected(Protected::Book)? {
            opened.push((BOOK.to_owned(), key.open(BOOK, &name, &value).unwrap().to_vec()));
        }
        assert_eq!(opened.len(), rows, "every row was opened");
        values.extend(opened);
        Ok::<_, DbError>(values)
    };
    database.read(read).unwrap()
}

fn opened<T: Row>(read: Read<'_>, key: &DataKey) -> Result<Vec<(String, Vec<u8>)>, DbError> {
    let rows = read.list_protected(T::KIND)?.into_iter();
    let open = |(name, value): ([u8; 32], Vec<u8>)| key.open(T::TABLE, &name, &value).unwrap().to_vec();
    Ok(rows.map(|row| (T::TABLE.to_owned(), open(row))).collect())
}

fn opened_of_others(read: Read<'_>, key: &DataKey) -> Result<Vec<(String, Vec<u8>)>, DbError> {
    let kinds = [
        opened::<Prekey>,
        opened::<Relation>,
        opened::<Session>,
        opened::<Conversation>,
        opened::<Outgoing>,
        opened::<Draft>,
        opened::<GroupRow>,
        opened::<OwnChain>,
        opened::<HeardChain>,
        opened::<Circle>,
    ];
    let mut all = Vec::new();
    for kind in kinds {
        all.extend(kind(read, key)?);
    }
    Ok(all)
}

/// The tables in which the beginning of a post's name, of its author or of one of its tags stands anywhere.
fn tables_that_name(left: &[Posted], values: &[(String, Vec<u8>)]) -> BTreeSet<String> {
    let mut names: BTreeSet<[u8; 8]> = BTreeSet::new();
    let mut add = |name: &[u8; 32]| names.extend(name.first_chunk());
    for posted in left {
        let content = posted.post.content();
        add(posted.post.id().as_bytes());
        add(content.author().as_bytes());
        content.tags().iter().for_each(|tag| add(tag.as_bytes()));
    }
    let is_named = |value: &Vec<u8>| {
        value.windows(8).filter_map(<[u8]>::first_chunk).any(|window: &[u8; 8]| names.contains(window))
    };
    values.iter().filter(|(_, value)| is_named(value)).map(|(table, _)| table.clone()).collect()
}

#[test]
fn v3_the_archive_is_whole_without_pool_tags_and_sessions() {
    let (mut mail, _) = talked(Faults::default());
    let texts = numbered(SAID);
    let expected = [&texts[104..], &texts[4..104], &texts[..4]];
    for me in 0..2 {
        delete_how_it_came(&mut mail.sides[me].database);
        let copy = mail.copy(me);
        mail.sides[me].database = Database::restore(&copy).unwrap();
        assert_eq!(pages(&mut mail, me, 1 - me), expected);
    }
    // One row less, and it shows.
    let name = conversation_name(&data_key(), mail.thread(0, 1));
    let lost = mail.sides[0].database.transaction(Durability::Normal, |batch| {
        batch.step(|store| {
            let oldest = store.list_messages(&name, PageFrom::After(Place::START), 1)?;
            oldest.iter().try_for_each(|row| store.delete_message(&row.name))
        })
    });
    lost.unwrap();
    assert_ne!(pages(&mut mail, 0, 1), expected);
}

#[test]
fn v3_no_row_that_is_left_names_what_was_on_the_line() {
    let (mut mail, left) = talked(Faults::default());
    assert!(left.len() > SAID, "{} posts", left.len());
    for me in 0..2 {
        let values = everything(&mut mail.sides[me].database);
        for table in [Session::TABLE, Relation::TABLE, Conversation::TABLE, MESSAGES] {
            assert!(values.iter().any(|(of, _)| of == table), "{table} is not searched");
        }
        // Not the sessions: what they know of tags that were used is gone.
        let pool = ["sealed_log", "sealed_posts", "sealed_tags"].map(str::to_owned);
        assert_eq!(tables_that_name(&left, &values), BTreeSet::from(pool));
        delete_how_it_came(&mut mail.sides[me].database);
        let after = tables_that_name(&left, &everything(&mut mail.sides[me].database));
        assert_eq!(after, BTreeSet::new());
    }
}

#[test]
fn a_row_that_keeps_the_name_of_a_sealed_post_is_seen() {
    let (mut mail, left) = talked(Faults::plant(Fault::KeepsConfirmed));
    delete_how_it_came(&mut mail.sides[0].database);
    let after = tables_that_name(&left, &everything(&mut mail.sides[0].database));
    assert_eq!(after, BTreeSet::from([Outgoing::TABLE.to_owned()]));
}
