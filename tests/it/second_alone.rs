//! The second implementation of conversations by itself: it talks with itself, and makes the golden file to the last byte.
//! With the program's own code it talks in the tests of the library (`crypto::second`).

use std::collections::BTreeSet;

use super::architecture::root;
use super::second::dice::Dice;
use super::second::inner::Said;
use super::second::person::{Person, Taken};
use super::second::post::Post;
use super::second::primitives::{Key, public};
use super::second::profile::{prekey_of, publish};
use super::second::vectors;

const NOW_MS: i64 = 1_800_000_000_000;
const DAY: u32 = 20_833;
const PREKEYS: [Key; 2] = [[3; 32], [4; 32]];

/// Two people who know each other's profiles, and randomness for both.
fn two() -> ([Person; 2], Dice) {
    let mut people = [0, 1].map(|side: u8| {
        let seed = [1 + side; 32];
        Person::new(seed, "somebody", Some((PREKEYS[usize::from(side)], DAY)))
    });
    let ids = [people[0].id(), people[1].id()];
    for side in 0..2_u8 {
        let (at, seed) = (usize::from(side), [1 + side; 32]);
        let (bytes, signature) = publish(&seed, NOW_MS, "somebody", &(public(&PREKEYS[at]), DAY)).unwrap();
        let (prekey, day) = prekey_of(&ids[at], &bytes, &signature).unwrap();
        assert_eq!(prekey_of(&ids[1 - at], &bytes, &signature), None, "a profile of somebody else");
        people[1 - at].learn_prekey(&ids[at], prekey, day);
    }
    (people, Dice::new("two of the second implementation"))
}

fn text(said: &str) -> Said {
    Said::Text(said.to_owned(), None)
}

fn write(people: &mut [Person; 2], from: usize, said: &str, dice: &mut Dice) -> (Post, [u8; 16]) {
    let to = people[1 - from].id();
    people[from].write(&to, text(said), NOW_MS, dice).unwrap()
}

#[test]
fn the_golden_file_is_what_the_second_implementation_makes() {
    let path = root().join("tests/vectors/conversations-0.6.txt");
    let made = vectors::text().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test is told by its caller to write the file anew")]
    if std::env::var("ITSGOIN_WRITE_VECTORS").is_ok() {
        std::fs::write(&path, &made).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    assert_eq!(made.lines().count(), golden.lines().count());
    for (ours, line) in made.lines().zip(golden.lines()) {
        let name = line.split(' ').next();
        assert_eq!(ours, line, "{name:?}");
    }
}

#[test]
fn it_understands_itself_with_fresh_keys_all_along() {
    let (mut people, mut dice) = two();
    let ids = [people[0].id(), people[1].id()];
    let (mut keys, mut last) = (BTreeSet::new(), None);
    for turn in 0..20_usize {
        let from = turn % 2;
        let (post, message) = write(&mut people, from, &format!("turn {turn}"), &mut dice);
        assert!(keys.insert(people[from].own_key(&ids[1 - from]).unwrap()), "turn {turn}");
        let Taken { from: by, sid, key, inner, is_again } = people[1 - from].take(&post, &mut dice).unwrap();
        assert!(keys.contains(&key));
        assert_eq!(people[from].sids(&ids[1 - from]), [sid], "one session on both sides");
        assert_eq!((by, inner.said, is_again), (ids[from], text(&format!("turn {turn}")), false));
        assert!(people[1 - from].take(&post, &mut dice).is_none(), "a second time");
        if let Some(message) = last.replace(message) {
            assert!(people[1 - from].is_confirmed(&ids[from], &message), "turn {turn}");
        }
    }
    assert_eq!([0, 1].map(|side: usize| people[side].sids(&ids[1 - side]).len()), [1, 1]);
    people[0].restore(NOW_MS);
    let again = people[0].write_as(&ids[1], last.unwrap(), text("anew"), NOW_MS, &mut dice).unwrap();
    assert!(people[1].take(&again, &mut dice).unwrap().inner.beginning.is_some_and(|begun| begun.life > 0));
    assert_eq!(people[1].sids(&ids[0]).len(), 2);
}

#[test]
fn a_post_of_which_one_byte_is_another_is_not_taken() {
    let (mut people, mut dice) = two();
    let (post, _) = write(&mut people, 0, "whole", &mut dice);
    assert_eq!(post.day(), DAY);
    for at in 0..post.bytes.len() {
        let mut bad = post.clone();
        bad.bytes[at] ^= 1;
        assert!(people[1].take(&bad, &mut dice).is_none(), "byte {at}");
    }
    assert!(people[1].take(&post, &mut dice).is_some());
}
