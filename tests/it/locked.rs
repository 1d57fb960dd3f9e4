//! What a locked data directory says of whom it belongs to, whom they follow and whom they write with, to somebody who
//! has all of its files and knows every name, id and text: the union of authors and what is public, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rusqlite::types::Value as Column;
use rusqlite::{Connection, OpenFlags};

use super::conversations::{messages, wait_long};
use super::program::{Home, field, wait_until};
use super::vault::{everything, forms, found, opened, protected};

/// Somebody, as the store may name them.
struct Person {
    name: &'static str,
    id: Vec<u8>,
    /// The number of their row among the authors.
    row: i64,
}

/// A row of any table: which table, and whom it names.
struct Mention {
    table: String,
    people: BTreeSet<&'static str>,
}

fn open(database: &Path) -> Connection {
    Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap()
}

fn person(store: &Connection, name: &'static str, id: &str) -> Person {
    let id = data_encoding::HEXLOWER.decode(id.as_bytes()).unwrap();
    let row = store.query_row("SELECT author FROM authors WHERE posting_id = ?1", [&id], |row| row.get(0));
    Person { name, row: row.unwrap(), id }
}

/// Columns that hold numbers of authors, whatever table they are in.
const NUMBERS: [&str; 3] = ["author", "persona", "answered"];

/// Every row of every table that names one of these people, by number or anywhere in its bytes.
fn mentions(store: &Connection, people: &[Person]) -> Vec<Mention> {
    let mut tables =
        store.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let mut mentions = Vec::new();
    for table in tables {
        let mut select = store.prepare(&format!("SELECT * FROM \"{table}\"")).unwrap();
        let columns: Vec<String> = select.column_names().map(ToString::to_string).collect();
        let mut rows = select.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let named = |person: &Person| {
                columns.iter().enumerate().any(|(index, column)| match row.get::<_, Column>(index).unwrap() {
                    Column::Integer(number) => NUMBERS.contains(&column.as_str()) && number == person.row,
                    Column::Blob(bytes) => bytes.windows(person.id.len()).any(|part| part == person.id),
                    Column::Text(text) => text.contains(&data_encoding::HEXLOWER.encode(&person.id)),
                    Column::Null | Column::Real(_) => false,
                })
            };
            let people: BTreeSet<_> =
                people.iter().filter(|person| named(person)).map(|person| person.name).collect();
            if !people.is_empty() {
                mentions.push(Mention { table: table.clone(), people });
            }
        }
    }
    mentions
}

/// Tables with a row that names somebody of both.
fn pairs(mentions: &[Mention], some: &[&str], others: &[&str]) -> BTreeSet<String> {
    let names = |mention: &Mention, list: &[&str]| list.iter().any(|name| mention.people.contains(name));
    let both = mentions.iter().filter(|mention| names(mention, some) && names(mention, others));
    both.map(|mention| mention.table.clone()).collect()
}

/// The tables in which somebody is named.
fn tables_of(mentions: &[Mention]) -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut tables: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for mention in mentions {
        for name in &mention.people {
            tables.entry(*name).or_default().insert(mention.table.clone());
        }
    }
    tables
}

/// The directory of Ana, who follows two people here and one whom nobody ever hears of, has a circle, and was sent posts
/// while her node was unlocked and while it was locked; and those two. Nothing runs any more.
fn lived_in() -> [Home; 3] {
    let (ana, ben, cleo) = (protected("ana"), Home::of("ben"), Home::of("cleo"));
    // Nobody ever hears of her: what she is called stands in her invite only.
    let dora = Home::of("dora in the invite");
    let of_ana = ana.serve();
    opened(&ana, &["unlock"]);
    let (of_ben, of_cleo) = (ben.serve(), cleo.serve());
    ana.one(&["follow", &ben.invite()]);
    ana.one(&["follow", &dora.invite()]);
    ana.one(&["follow", &cleo.invite()]);
    ben.one(&["follow", &ana.posting_id()]);
    ana.post("said by ana");
    for (home, text) in [(&ben, "said by ben"), (&cleo, "said by cleo")] {
        let post = home.post(text);
        ana.wait_for_post(&post);
    }
    ana.one(&["circle", "new", "quince society", &ben.posting_id()]);
    ana.one(&["post", "--circle", "quince society", "the quinces are ripe"]);
    wait_long("the post to the circle", || {
        messages(&ben).iter().any(|message| field(message, "text") == "the quinces are ripe")
    });
    of_ana.stop();
    // What comes while it is locked is the same.
    let of_ana = ana.serve();
    let count = ana.one(&["status"])["post_count"].as_u64().unwrap();
    for (home, text) in [(&ben, "said to a locked node by ben"), (&cleo, "said to a locked node by cleo")] {
        home.post(text);
    }
    wait_until("both posts in the locked store", || {
        ana.one(&["status"])["post_count"].as_u64().unwrap() == count + 2
    });
    for node in [of_ana, of_ben, of_cleo] {
        node.stop();
    }
    [ana, ben, cleo]
}

#[test]
fn a_locked_directory_says_neither_who_one_is_nor_whom_one_follows() {
    let [ana, ben, cleo] = lived_in();
    let mine = field(&opened(&ana, &["persona", "list"])[0], "posting_id");
    let store = open(&ana.file("itsgoin.db"));
    let people = [("ana", &mine), ("ben", &ben.posting_id()), ("cleo", &cleo.posting_id())]
        .map(|(name, id)| person(&store, name, id));
    let named = mentions(&store, &people);
    assert_eq!(pairs(&named, &["ana"], &["ben", "cleo"]), BTreeSet::new(), "whom one follows");
    assert_eq!(pairs(&named, &["ben"], &["cleo"]), BTreeSet::new(), "nothing groups those who are followed");
    let tables = tables_of(&named);
    let more: Vec<_> = tables["ana"].difference(&tables["ben"]).collect();
    assert_eq!(more, Vec::<&String>::new(), "one stands where nobody else does");
    let class = |person: &Person| -> i64 {
        store
            .query_row("SELECT class FROM authors WHERE author = ?1", [person.row], |row| row.get(0))
            .unwrap()
    };
    assert_eq!(people.iter().map(class).collect::<BTreeSet<_>>().len(), 1, "all of the union are alike");

    let files = everything(&ana.data_dir());
    for secret in ["dora in the invite", "quince society", "the quinces are ripe"] {
        assert_eq!(found(&files, secret.as_bytes()), None, "{secret}");
    }
    assert_eq!(found(&files, &forms(&mine)[0]), None, "an id as it is printed");
    // The search can find: what is public and the union are there, and a pair that is planted is seen.
    for public in ["said by ana", "said to a locked node by ben"] {
        assert!(found(&files, public.as_bytes()).is_some(), "{public}");
    }
    let plant = "INSERT INTO clear_follows (persona, author, name_hint, followed_ms) VALUES (?1, ?2, '', 0)";
    store.execute(plant, [people[0].row, people[2].row]).unwrap();
    let planted = pairs(&mentions(&store, &people), &["ana"], &["ben", "cleo"]);
    assert_eq!(planted, BTreeSet::from(["clear_follows".to_owned()]));
    drop(store);

    // With the passphrase everything is there, and what stands in the clear is taken over.
    let all = opened(&ana, &["people"]);
    assert_eq!(all.len(), 3, "{all:?}");
    assert!(all.iter().any(|person| field(person, "name") == "dora in the invite"), "{all:?}");
    let named = mentions(&open(&ana.file("itsgoin.db")), &people);
    assert_eq!(pairs(&named, &["ana"], &["ben", "cleo"]), BTreeSet::new());
    let texts = |arguments: &[&str]| -> Vec<String> {
        opened(&ana, arguments).iter().map(|post| field(post, "text")).collect()
    };
    let unread =
        ["said to a locked node by cleo", "said to a locked node by ben", "said by cleo", "said by ben"];
    assert_eq!(texts(&["feed", "--unread"]), unread);
    assert_eq!(texts(&["feed", "--unread", "--persona", &mine]), unread);
    assert_eq!(texts(&["feed"]).len(), 5);
}
