//! Nodes that are killed while posts are written: what was acknowledged is never lost, and nothing is there twice.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::Value;

use super::program::{Home, field, now, wait_until};

/// Commands that write at the same time, so that a kill finds some of them waiting for their commit.
const WRITERS: usize = 3;
/// Posts that are written between two kills at least: different each time.
const fn posts_before_kill(number: usize) -> usize {
    1 + number % 4
}

#[test]
fn what_was_acknowledged_survives_twenty_kills() {
    survive(20);
}

#[cfg(feature = "long")]
#[test]
fn what_was_acknowledged_survives_a_hundred_kills() {
    survive(100);
}

/// Kills writer and reader in turn while posts are written, and compares both stores afterwards.
fn survive(kills: usize) {
    let start = now();
    let (ana, ben) = (Arc::new(Home::of("ana")), Home::of("ben"));
    let (mut writer, mut reader) = (ana.serve(), ben.serve());
    ben.one(&["follow", &ana.invite()]);
    ben.wait_for_post(&ana.post("before all"));
    let stream = Stream::begin(&ana);
    for number in 0..kills {
        stream.wait_for_more(posts_before_kill(number));
        // Half of the kills come when both are at work again, the others while they are still looking for each other.
        if number % 4 > 1 {
            let known = ben.feed().len();
            wait_until("posts come across", || ben.feed().len() > known);
        }
        let (victim, home) = if number % 2 == 0 { (&mut writer, &*ana) } else { (&mut reader, &ben) };
        victim.kill();
        *victim = home.serve();
    }
    let stream = stream.end();
    let written = ids(&ana.feed());
    wait_until("the reader has everything the writer has", || ids(&ben.feed()) == written);
    println!(
        "{kills} kills in {:?}: {} posts acknowledged, {} failed, {} stored",
        start.elapsed(),
        stream.acknowledged.len(),
        stream.failed,
        written.len()
    );
    assert!(stream.acknowledged.len() > kills, "posts were written all along");
    assert!(stream.failed < stream.acknowledged.len(), "most were acknowledged");
    check(&ana, &stream.acknowledged);
    check(&ben, &stream.acknowledged);
}

fn ids(feed: &[Value]) -> BTreeSet<String> {
    feed.iter().map(|post| field(post, "post_id")).collect()
}

/// Every acknowledged post is there, and none is there twice: neither by its id nor by its text.
fn check(home: &Home, acknowledged: &BTreeSet<String>) {
    let feed = home.feed();
    let (ids, texts) = (ids(&feed), feed.iter().map(|post| field(post, "text")).collect::<BTreeSet<_>>());
    let lost: Vec<&String> = acknowledged.difference(&ids).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert_eq!((ids.len(), texts.len()), (feed.len(), feed.len()), "a post is there twice");
}

/// What became of the posts of a stream.
#[derive(Default)]
struct Told {
    acknowledged: BTreeSet<String>,
    failed: usize,
}

/// Posts written one after another by the command, whether a node runs or not.
struct Stream {
    told: Arc<Mutex<Told>>,
    is_over: Arc<AtomicBool>,
    writing: Vec<JoinHandle<()>>,
}

impl Stream {
    fn begin(home: &Arc<Home>) -> Self {
        let (told, is_over) = (Arc::<Mutex<Told>>::default(), Arc::new(AtomicBool::new(false)));
        let write_on = |writer| {
            let (home, told, is_over) = (Arc::clone(home), Arc::clone(&told), Arc::clone(&is_over));
            std::thread::spawn(move || {
                for number in 0.. {
                    if is_over.load(Ordering::SeqCst) {
                        break;
                    }
                    write(&home, &format!("{writer}, {number}"), &told);
                }
            })
        };
        let writing = (0..WRITERS).map(write_on).collect();
        Self { told, is_over, writing }
    }

    fn wait_for_more(&self, count: usize) {
        let acknowledged = || self.told.lock().unwrap().acknowledged.len();
        let goal = acknowledged() + count;
        wait_until("more posts", || acknowledged() >= goal);
    }

    fn end(mut self) -> Told {
        self.is_over.store(true, Ordering::SeqCst);
        self.writing.drain(..).for_each(|writer| writer.join().unwrap());
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

impl Drop for Stream {
    /// A test that fails lets the stream end, too.
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
    }
}

/// Writes one post. An acknowledged one counts, whatever happens afterwards; one without may be stored or not.
fn write(home: &Home, text: &str, told: &Mutex<Told>) {
    let said = home.run(&["post", text, "--json"]);
    let mut told = told.lock().unwrap();
    match serde_json::from_str::<Value>(&said.stdout) {
        Ok(posted) => drop(told.acknowledged.insert(field(&posted, "post_id"))),
        Err(_nothing_was_said) => {
            assert!(
                said.stderr.contains("\"kind\":\"stopped\""),
                "only the kill may be in the way: {said:?}"
            );
            told.failed += 1;
        }
    }
}
