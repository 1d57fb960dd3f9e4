//! What the program acknowledged, and what a node shows of it: whatever is missing or there twice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::program::field;

/// The emoji of every person, so that each of them stands under a target once or not at all.
pub const EMOJI: [&str; 12] = ["👍", "❤", "😀", "🎉", "🌱", "🌊", "🔥", "🍀", "🐝", "🚲", "🎈", "🌙"];

/// An acknowledged post with what was acknowledged on it.
#[derive(Debug, Clone, Default)]
pub struct Written {
    pub post_id: String,
    pub author: usize,
    /// Ids of comments.
    pub comments: Vec<String>,
    /// What was reacted to, and by whom.
    pub reactions: BTreeSet<(String, usize)>,
}

/// All that was acknowledged, and how often something was not.
#[derive(Debug, Default)]
pub struct Ledger {
    pub posts: Vec<Written>,
    /// By the class of the error.
    pub refused: BTreeMap<String, usize>,
}

/// What is wrong with what a node shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Complaint {
    Missing(String),
    Double(String),
}

/// What a feed lacks of these posts, or shows twice.
pub fn judge_feed<'a>(posts: impl IntoIterator<Item = &'a Written>, feed: &[Value]) -> Vec<Complaint> {
    let (ids, mut complaints) = once_each(feed, "post_id");
    let (_, same_text) = once_each(feed, "text");
    complaints.extend(same_text);
    let missing = posts.into_iter().filter(|post| !ids.contains(&post.post_id));
    complaints.extend(missing.map(|post| Complaint::Missing(format!("post {}", post.post_id))));
    complaints
}

/// What a thread lacks of what was written about its post, or shows twice.
pub fn judge_thread(post: &Written, thread: &[Value]) -> Vec<Complaint> {
    let Some((head, comments)) = thread.split_first() else {
        return vec![Complaint::Missing(format!("thread of {}", post.post_id))];
    };
    let (ids, mut complaints) = once_each(comments, "operation_id");
    let (_, same_text) = once_each(comments, "text");
    complaints.extend(same_text);
    let missing = post.comments.iter().filter(|comment| !ids.contains(*comment));
    complaints.extend(missing.map(|comment| Complaint::Missing(format!("comment {comment}"))));

    let comments = comments.iter().map(|line| (field(line, "operation_id"), line));
    let shown: BTreeMap<String, &Value> =
        std::iter::once((post.post_id.clone(), head)).chain(comments).collect();
    for (target, person) in &post.reactions {
        let count = shown.get(target).and_then(|line| line["reactions"][EMOJI[*person]].as_u64());
        if count.is_none_or(|count| count == 0) {
            complaints.push(Complaint::Missing(format!("reaction of {person} to {target}")));
        }
    }
    for (target, line) in shown {
        let reactions = line["reactions"].as_object().unwrap();
        let double = reactions.iter().filter(|(_, count)| count.as_u64() != Some(1));
        complaints.extend(double.map(|(emoji, _)| Complaint::Double(format!("{emoji} on {target}"))));
    }
    complaints
}

/// The values of a field, and those that are there more than once.
fn once_each(lines: &[Value], name: &str) -> (BTreeSet<String>, Vec<Complaint>) {
    let (mut seen, mut complaints) = (BTreeSet::new(), Vec::new());
    for value in lines.iter().map(|line| field(line, name)) {
        if !seen.insert(value.clone()) {
            complaints.push(Complaint::Double(format!("{name} {value}")));
        }
    }
    (seen, complaints)
}
