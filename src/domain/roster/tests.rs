//! Rosters made by several hands that know different things, folded in every order.

use ed25519_dalek::{Signer, SigningKey};
use proptest::prelude::*;

use super::*;
use crate::domain::statement::statement_message;

fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

fn id(number: u8) -> PostingId {
    PostingId::from_bytes(key(number).verifying_key().to_bytes())
}

fn sign(number: u8, version: &Version) -> VerifiedVersion {
    let bytes = version.encode();
    let signature = key(number).sign(&statement_message(Statement::Roster, &bytes)).to_bytes();
    SignedVersion { bytes: bytes.into(), signature: signature.into() }.verify().unwrap()
}

fn founding(number: u8, members: &[u8]) -> VerifiedVersion {
    let members = members.iter().map(|member| id(*member)).collect();
    let change = Change::Found { salt: [9; 16].into(), title: "boat".to_owned(), members };
    sign(number, &Version { thread: None, parents: Vec::new(), author: id(number), change })
}

/// The group of 1, with 2, 3 and 4 in it.
fn group() -> Roster {
    let founding = founding(1, &[2, 3, 4]);
    let mut roster = Roster::new(founding.thread());
    assert!(roster.insert(founding));
    roster
}

/// Somebody changes what it knows.
fn change(roster: &mut Roster, author: u8, change: Change) -> VerifiedVersion {
    let version = sign(author, &roster.next(id(author), change));
    roster.insert(version.clone());
    version
}

fn add(member: u8) -> Change {
    Change::Add { member: id(member) }
}

fn remove(member: u8) -> Change {
    Change::Remove { member: id(member) }
}

fn promote(member: u8) -> Change {
    Change::Promote { member: id(member) }
}

#[test]
fn admins_change_the_group_and_members_only_leave_it() {
    let mut roster = group();
    change(&mut roster, 2, add(7));
    change(&mut roster, 2, remove(3));
    change(&mut roster, 9, add(9));
    assert_eq!(roster.fold().members().count(), 4, "none of them is an admin");
    change(&mut roster, 1, promote(2));
    change(&mut roster, 2, add(7));
    change(&mut roster, 2, remove(3));
    change(&mut roster, 4, remove(4));
    change(&mut roster, 1, Change::Rename { title: "ship".to_owned() });
    let now = roster.fold();
    assert_eq!(now.title(), "ship");
    let expected: BTreeSet<PostingId> = [1, 2, 7].map(id).into();
    assert_eq!(now.members().collect::<BTreeSet<_>>(), expected);
    assert!(now.is_admin(id(2)) && !now.is_admin(id(7)));
}

#[test]
fn only_a_more_senior_admin_removes_an_admin() {
    let mut roster = group();
    change(&mut roster, 1, promote(2));
    change(&mut roster, 2, promote(3));
    change(&mut roster, 3, remove(2));
    change(&mut roster, 3, remove(1));
    change(&mut roster, 2, remove(1));
    let now = roster.fold();
    assert_eq!(now.members().count(), 4);
    assert!(now.may_remove(id(2), id(3)) && !now.may_remove(id(3), id(2)));
    change(&mut roster, 2, remove(3));
    assert!(!roster.fold().has(id(3)));
}

#[test]
fn what_a_removed_admin_made_beside_its_removal_is_void() {
    let mut roster = group();
    change(&mut roster, 1, promote(2));
    change(&mut roster, 2, add(5));
    let mut of_two = roster.clone();
    let removal = change(&mut roster, 1, remove(2));
    // It makes friends into admins, and they make more, all without knowing of the removal.
    let first = change(&mut of_two, 2, add(6));
    let second = change(&mut of_two, 2, promote(6));
    let third = change(&mut of_two, 6, add(7));
    for version in [third, second, first] {
        roster.insert(version);
    }
    let now = roster.fold();
    let expected: BTreeSet<PostingId> = [1, 3, 4, 5].map(id).into();
    assert_eq!(now.members().collect::<BTreeSet<_>>(), expected, "what it made before stands");
    // Taken in again and made an admin again, it acts again.
    change(&mut roster, 1, add(2));
    change(&mut roster, 1, promote(2));
    change(&mut roster, 2, add(8));
    assert!(roster.fold().has(id(8)));
    assert!(roster.versions.contains_key(&removal.id));
}

#[test]
fn a_version_counts_once_all_it_follows_is_known() {
    let mut full = group();
    change(&mut full, 1, promote(2));
    change(&mut full, 2, add(5));
    let [founding, promotion, addition] = full.signed().try_into().unwrap();
    let mut roster = Roster::new(full.thread);
    roster.insert(addition.verify().unwrap());
    roster.insert(founding.verify().unwrap());
    assert_eq!(roster.fold().members().count(), 4);
    roster.insert(promotion.verify().unwrap());
    assert_eq!(roster.fold(), full.fold());
}

#[test]
fn another_founding_and_versions_of_other_groups_do_not_belong_here() {
    let mut roster = group();
    assert!(!roster.insert(founding(5, &[2, 3, 4])));
    let mut other = Roster::new(founding(5, &[2]).thread());
    other.insert(founding(5, &[2]));
    let foreign = change(&mut other, 5, add(6));
    assert!(!roster.insert(foreign));
}

#[test]
fn what_is_out_of_bounds_or_not_signed_is_refused() {
    let roster = group();
    let good = roster.next(id(1), add(5));
    let mut many = good.clone();
    many.parents = vec![[1; 32].into(); ROSTER_PARENTS + 1];
    let orphan = Version { parents: Vec::new(), ..good.clone() };
    let long = Version { change: Change::Rename { title: "x".repeat(NAME_BYTES + 1) }, ..good.clone() };
    for bad in [many, orphan, long] {
        let bytes = bad.encode();
        let signature = key(1).sign(&statement_message(Statement::Roster, &bytes)).to_bytes();
        assert!(SignedVersion { bytes: bytes.into(), signature: signature.into() }.verify().is_err());
    }
    let mut forged = sign(1, &good).signed;
    forged.signature = sign(2, &Version { author: id(2), ..good.clone() }).signed.signature;
    assert_eq!(forged.verify(), Err(ContentError::Forbidden));
    let as_comment = key(1).sign(&statement_message(Statement::Comment, &good.encode())).to_bytes();
    let other_word = SignedVersion { bytes: good.encode().into(), signature: as_comment.into() };
    assert!(other_word.verify().is_err(), "a signature for one statement is none for another");
}

#[test]
fn a_group_has_room_for_so_many() {
    let mut roster = group();
    for number in 5..=60 {
        change(&mut roster, 1, add(number));
    }
    assert_eq!(roster.fold().members().count(), GROUP_MEMBERS);
}

/// What is signed never changes: later versions have to read it, other implementations can check themselves by it.
#[test]
fn golden_versions() {
    let mut roster = group();
    change(&mut roster, 1, add(5));
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let signed = roster.signed();
    let lines = signed
        .iter()
        .map(|version| format!("{}\n{}", hex(&version.bytes), hex(version.signature.as_slice())));
    let lines = lines.collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(format!("{}\n{lines}", roster.thread));
}

/// A step of somebody who knows a part of what there is.
#[derive(Clone, Debug)]
struct Deed {
    author: u8,
    kind: u8,
    about: u8,
    /// How many of the versions made so far it does not know.
    behind: usize,
}

fn deed() -> impl Strategy<Value = Deed> {
    (1_u8..8, 0_u8..4, 1_u8..8, 0_usize..4).prop_map(|(author, kind, about, behind)| Deed {
        author,
        kind,
        about,
        behind,
    })
}

fn play(deeds: &[Deed]) -> Vec<VerifiedVersion> {
    let mut made = vec![founding(1, &[2, 3, 4])];
    for deed in deeds {
        let mut known = Roster::new(made[0].thread());
        for version in made.iter().take(made.len().saturating_sub(deed.behind).max(1)) {
            known.insert(version.clone());
        }
        let what = match deed.kind {
            0 => add(deed.about),
            1 => remove(deed.about),
            _ => promote(deed.about),
        };
        made.push(change(&mut known, deed.author, what));
    }
    made
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_order_of_arrival_gives_the_same_membership(
        (deeds, order) in proptest::collection::vec(deed(), 1..16)
            .prop_flat_map(|deeds| { let all = (0..=deeds.len()).collect::<Vec<_>>(); (Just(deeds), Just(all).prop_shuffle()) })
    ) {
        let made = play(&deeds);
        let mut straight = Roster::new(made[0].thread());
        let mut mixed = straight.clone();
        for version in &made {
            straight.insert(version.clone());
        }
        for index in order {
            mixed.insert(made[index].clone());
            // Looked at in between, as it comes.
            prop_assert!(mixed.fold().members().count() <= GROUP_MEMBERS);
        }
        prop_assert_eq!(straight.fold(), mixed.fold());
        prop_assert!(straight.fold().has(id(1)) || deeds.iter().any(|deed| (deed.author, deed.kind, deed.about) == (1, 1, 1)), "nobody removes the founder");
    }
}
