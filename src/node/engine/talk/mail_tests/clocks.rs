//! Clocks that were ahead, stores that failed, and what peers say about a store.

use super::*;
use crate::limits::{PREKEY_TIME, SKIPPED_TIME};

const YEAR: Duration = Duration::from_hours(24 * 365);

impl Mail {
    /// An ordinary start with the clock of now.
    fn restart(&mut self, side: usize) {
        let copy = self.copy(side);
        self.restart_on(side, Database::restore(&copy).unwrap());
    }

    /// Everything is confirmed.
    fn settle(&mut self) {
        for _ in 0..3 {
            self.pass(Duration::from_hours(2));
            let posts = self.posts();
            self.give_all(&posts);
        }
    }
}

/// Else nobody had a fresh key to write to us with for as long as the clock was ahead.
#[test]
fn a_prekey_made_while_the_clock_was_ahead_is_renewed_in_time() {
    let mut mail = Mail::new(1, 2);
    let own = mail.sides[0].key.posting_id();
    mail.sides[0].ahead = i64::try_from(YEAR.as_millis()).unwrap();
    mail.sides[0].engine.talks.prekeys.clear();
    mail.sides[0].engine.talks.renewals.clear();
    mail.take(0, Input::TimePassed);
    mail.pass(Duration::from_hours(1));
    let made = |mail: &Mail| mail.sides[0].engine.talks.prekeys.iter().map(|prekey| prekey.made).max();
    assert!(made(&mail) > Some(mail.now.after(Duration::from_hours(24 * 300))));
    mail.sides[0].ahead = 0;
    mail.restart(0);
    let due = mail.sides[0].engine.talks.renewals[&own];
    assert!(due <= mail.now.after(PREKEY_TIME).after(Duration::from_hours(1)), "{due:?}");
}

#[test]
fn what_was_sealed_while_the_clock_was_ahead_is_sealed_again_in_time() {
    let mut mail = in_turns(2, 4, |_| false);
    mail.settle();
    mail.sides[0].ahead = i64::try_from(YEAR.as_millis()).unwrap();
    assert_eq!(mail.send(0, 1, "lost").len(), 1);
    mail.sides[0].ahead = 0;
    mail.take(0, Input::TimePassed);
    let due = mail.sides[0].engine.talks.outgoing.first_due().unwrap();
    assert!(due <= mail.now.after(Duration::from_hours(24 * 32)), "{due:?}");
}

/// After a failed commit everything goes on, but not at once: the disk may be full for long.
#[test]
fn after_the_store_has_failed_nothing_is_due_before_its_time_and_nothing_is_forgotten() {
    let mut mail = in_turns(3, 4, |_| false);
    let posts = mail.send(0, 1, "to be confirmed");
    mail.give_all(&posts);
    mail.now = mail.now.after(Duration::from_hours(2));
    let side = &mut mail.sides[1];
    let setup = setup(&side.key);
    side.engine = side.database.read(|read| Engine::load(read, &setup)).unwrap();
    assert!(side.engine.talks.next_deadline().unwrap() < mail.now, "a confirmation is due");
    assert!(side.engine.talks.round.due().is_none());
    let earliest = mail.now.after(Duration::from_mins(1));
    side.engine.rest_until(mail.now, earliest);
    assert_eq!(side.engine.talks.next_deadline(), Some(earliest));
    assert_eq!(side.engine.talks.round.due(), Some(earliest));
}

/// A peer can have the log renamed. If conversations began anew by that, everybody we write with would hear of it, and all
/// personas would renew their keys at once.
#[test]
fn a_log_that_a_peer_had_renamed_begins_no_new_lives() {
    let mut mail = in_turns(4, 4, |_| false);
    mail.settle();
    let renewal = mail.sides[0].engine.talks.renewals.clone();
    let life = mail.life(0, 1);
    let rename = |store: &crate::db::Write<'_>| store.update_epoch_secret(&[9; 32]);
    mail.sides[0].database.transaction(Durability::Normal, |batch| batch.step(rename)).unwrap();
    mail.posts();
    mail.restart(0);
    mail.pass(Duration::from_hours(2));
    assert_eq!((mail.life(0, 1), mail.posts().len()), (life, 0));
    let due = mail.sides[0].engine.talks.renewals.values().min().unwrap();
    assert!(*due > mail.now.after(Duration::from_hours(24)), "{due:?} after {renewal:?}");
}

#[test]
fn keys_of_messages_that_never_came_are_forgotten_in_time() {
    let mut mail = in_turns(5, 4, |_| false);
    let lost = mail.send(0, 1, "lost");
    let posts = mail.send(0, 1, "one that comes");
    mail.give_all(&posts);
    let skipped = |mail: &Mail| {
        let sessions = mail.sides[1].engine.talks.sessions.values();
        sessions.map(|session| session.ratchet.skipped_count()).sum::<usize>()
    };
    assert_eq!(skipped(&mail), 1);
    let tags = mail.sides[1].engine.talks.tags.len();
    mail.pass(SKIPPED_TIME + Duration::from_hours(48));
    assert_eq!(skipped(&mail), 0);
    assert!(mail.sides[1].engine.talks.tags.len() < tags);
    assert_eq!(lost.len(), 1);
}
