//! Messages that are changed or deleted while they are on their way.

use super::*;

impl Mail {
    /// The newest own message of somebody.
    fn newest(&mut self, me: usize, peer: usize) -> MessageKey {
        let from = self.id(me);
        let messages = self.messages(me, peer);
        let own = messages.iter().rev().find(|message| message.from == from);
        MessageKey { from, message_id: own.unwrap().message_id }
    }

    fn edit(&mut self, me: usize, peer: usize, text: &str) {
        let (thread, message) = (self.thread(me, peer), self.newest(me, peer));
        self.command(me, Talk::Edit { thread, message, text: text.to_owned(), draft: None });
    }

    fn delete(&mut self, me: usize, peer: usize) {
        let (thread, message) = (self.thread(me, peer), self.newest(me, peer));
        self.command(me, Talk::Delete { thread, message });
    }

    /// Everything that leaves within some days comes to the other.
    fn days(&mut self, count: u64) {
        for _ in 0..count {
            self.pass(Duration::from_hours(24));
            let posts = self.posts();
            self.give_all(&posts);
        }
    }
}

#[test]
fn what_was_lost_and_then_deleted_is_not_sealed_again() {
    let mut mail = in_turns(1, 4, |_| false);
    let lost = mail.send(0, 1, "better not");
    assert_eq!(lost.len(), 1);
    mail.delete(0, 1);
    mail.leave();
    let deletion = mail.posts();
    assert_eq!(deletion.len(), 1);
    mail.give_all(&deletion);
    mail.days(35);
    assert!(!mail.read(1, 0).contains(&"better not".to_owned()));
    let key = DataKey::from_secret(&[7; 32]);
    let waiting = mail.sides[0].database.read::<_, DbError>(|read| load_all::<rows::Outgoing>(read, &key));
    assert_eq!(waiting.unwrap().len(), 0);
}

#[test]
fn a_deletion_that_comes_first_counts() {
    let mut mail = in_turns(2, 4, |_| false);
    let late = mail.send(0, 1, "better not");
    mail.delete(0, 1);
    mail.leave();
    let deletion = mail.posts();
    mail.give_all(&deletion);
    mail.give_all(&late);
    assert!(!mail.read(1, 0).contains(&"better not".to_owned()));
}

#[test]
fn what_is_changed_before_it_left_leaves_as_it_is_then() {
    let mut mail = in_turns(3, 4, |_| false);
    mail.posts();
    mail.write(0, 1, "as first written");
    mail.edit(0, 1, "as it is meant");
    mail.leave();
    let posts = mail.posts();
    assert_eq!(posts.len(), 1);
    mail.give_all(&posts);
    let read = mail.read(1, 0);
    assert!(read.contains(&"as it is meant".to_owned()) && !read.contains(&"as first written".to_owned()));
    // Neither of the two texts of what is deleted in time leaves.
    mail.write(0, 1, "not for you");
    mail.edit(0, 1, "not for you either");
    mail.delete(0, 1);
    mail.leave();
    assert_eq!(mail.posts().len(), 0);
}

#[test]
fn another_text_that_comes_first_comes_again() {
    let mut mail = in_turns(4, 4, |_| false);
    let late = mail.send(0, 1, "as first written");
    mail.edit(0, 1, "as it is meant");
    mail.leave();
    let edit = mail.posts();
    mail.give_all(&edit);
    mail.give_all(&late);
    assert!(mail.read(1, 0).contains(&"as first written".to_owned()));
    mail.days(5);
    let read = mail.read(1, 0);
    assert!(read.contains(&"as it is meant".to_owned()) && !read.contains(&"as first written".to_owned()));
}

/// What is sealed again after days has the text of then, and a deleted one neither.
#[test]
fn what_was_lost_and_then_changed_comes_with_its_new_text() {
    let mut mail = in_turns(5, 4, |_| false);
    mail.send(0, 1, "as first written");
    mail.edit(0, 1, "as it is meant");
    mail.leave();
    mail.posts();
    mail.days(5);
    let read = mail.read(1, 0);
    assert!(read.contains(&"as it is meant".to_owned()) && !read.contains(&"as first written".to_owned()));
}
