//! The verbs around posts and their comments: `thread`, `reply`, `react`, `edit`, `delete`, `hide`, `policy`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::json;

use super::args::{Delete, Edit, Hide, Policy, React, Reply};
use super::error::CliError;
use super::lines::PostLine;
use super::output::Output;
use super::verbs::{plain_post, resolve_persona, shown_name, text_or_stdin, unexpected};
use crate::api::{
    CallError, Command, CommentState, CommentView, ErrorKind, More, NodeHandle, Outcome, Query, ReadMark,
    View,
};
use crate::domain::ids::{ObjectId, PostingId};
use crate::domain::operation::{CommentPolicy, ReactionSwitch};
use crate::domain::text::SafeText;

/// Levels a tree is indented; deeper answers stand below each other.
const DEEPEST_INDENT: usize = 8;

/// A line of a thread: the post, then its comments.
#[derive(Serialize)]
#[serde(untagged)]
enum ThreadLine {
    Post(Box<PostLine>),
    Comment {
        #[serde(flatten)]
        comment: Box<CommentView>,
        #[serde(skip)]
        depth: usize,
    },
}

pub(super) async fn thread(post_id: ObjectId, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let (mut after, mut comments) = (None, Vec::new());
    loop {
        let query = Query::Thread { post_id, after, limit: u32::MAX };
        let View::Thread(page) = node.query(query).await? else { return Err(unexpected()) };
        after = page.comments.last().map(CommentView::position);
        comments.extend(page.comments);
        if page.more == More::End || after.is_none() {
            let post = ThreadLine::Post(Box::new(PostLine::from(page.post)));
            let mut lines: Vec<ThreadLine> = std::iter::once(post).chain(in_tree_order(comments)).collect();
            if output.is_for_people() {
                drop_bare_placeholders(&mut lines);
            }
            return output.all(&lines, plain_line);
        }
    }
}

/// Every comment behind the one it answers, oldest first among equals, with its depth. What answers a comment that is
/// not here stands at the root.
fn in_tree_order(comments: Vec<CommentView>) -> Vec<ThreadLine> {
    let here: BTreeSet<ObjectId> = comments.iter().map(|comment| comment.operation_id).collect();
    let mut answers: BTreeMap<Option<ObjectId>, Vec<CommentView>> = BTreeMap::new();
    for comment in comments {
        let parent = comment.parent.filter(|parent| here.contains(parent) && *parent != comment.operation_id);
        answers.entry(parent).or_default().push(comment);
    }
    let mut lines = Vec::new();
    // A stack of answers still to be printed, the next one last.
    let mut open: Vec<(usize, CommentView)> = Vec::new();
    let push = |open: &mut Vec<_>, depth, found: Option<Vec<CommentView>>| {
        open.extend(found.unwrap_or_default().into_iter().rev().map(|comment| (depth, comment)));
    };
    push(&mut open, 1, answers.remove(&None));
    while let Some((depth, comment)) = open.pop() {
        let below = answers.remove(&Some(comment.operation_id));
        lines.push(ThreadLine::Comment { comment: Box::new(comment), depth });
        push(&mut open, depth.saturating_add(1), below);
    }
    lines
}

/// A comment that is not shown is worth a line to a person only while answers that are shown hang on it.
fn drop_bare_placeholders(lines: &mut Vec<ThreadLine>) {
    // From the end on: the depth of the last line that stays decides whether something hangs on the one before.
    let mut below = 0;
    let mut kept = Vec::new();
    while let Some(line) = lines.pop() {
        let depth = match &line {
            ThreadLine::Comment { comment, depth } => {
                if comment.state != CommentState::Shown && below <= *depth {
                    continue;
                }
                *depth
            }
            ThreadLine::Post(_) => 0,
        };
        below = depth;
        kept.push(line);
    }
    kept.reverse();
    *lines = kept;
}

fn plain_line(line: &ThreadLine) -> String {
    match line {
        ThreadLine::Post(post) => plain_post(post),
        ThreadLine::Comment { comment, depth } => plain_comment(comment, *depth),
    }
}

fn plain_comment(comment: &CommentView, depth: usize) -> String {
    let indent = "  ".repeat(depth.min(DEEPEST_INDENT));
    let text = match comment.state {
        CommentState::Shown => comment.text.as_str(),
        CommentState::Deleted => "(deleted)",
        CommentState::Hidden => "(hidden by the author of the post)",
    };
    let text = text.lines().collect::<Vec<_>>().join(&format!("\n{indent}  "));
    let unread = if comment.mark == ReadMark::Unread { "* " } else { "" };
    let edited = if comment.edited.is_some() { " · edited" } else { "" };
    let reactions = plain_reactions(&comment.reactions);
    let reactions = reactions.map(|line| format!("{indent}  {line}\n")).unwrap_or_default();
    let (name, author) = (shown_name(&comment.author_name), comment.author.fingerprint());
    let (when, id) = (comment.created.format_utc(), comment.operation_id);
    format!("{indent}{unread}{name} {author} · {when}{edited}\n{indent}  {text}\n{reactions}{indent}  {id}\n")
}

/// '3 comments, 1 new'; nothing without comments.
pub(super) fn plain_counts(comments: u64, new: u64) -> Option<String> {
    let noun = if comments == 1 { "comment" } else { "comments" };
    match (comments, new) {
        (0, _) => None,
        (_, 0) => Some(format!("{comments} {noun}")),
        _ => Some(format!("{comments} {noun}, {new} new")),
    }
}

/// '👍 3  ❤ 1', the most frequent first; nothing without reactions.
pub(super) fn plain_reactions(reactions: &BTreeMap<SafeText, u64>) -> Option<String> {
    let mut by_count: Vec<_> = reactions.iter().map(|(emoji, count)| (*count, emoji)).collect();
    by_count.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    let parts: Vec<String> = by_count.into_iter().map(|(count, emoji)| format!("{emoji} {count}")).collect();
    (!parts.is_empty()).then(|| parts.join("  "))
}

/// Sends a command that becomes an operation, and prints its id.
async fn operate(command: Command, done: &str, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let Outcome::OperationPublished(operation_id) = node.command(command).await? else {
        return Err(unexpected());
    };
    output.one(&json!({"operation_id": operation_id}), |_| format!("{done} {operation_id}"))
}

pub(super) async fn reply(reply: Reply, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let persona = resolve_persona(&reply.of, node).await?;
    let text = text_or_stdin(reply.text)?;
    let command = Command::Reply { target: reply.target, text, persona, draft: None };
    operate(command, "commented", node, output).await
}

pub(super) async fn react(react: React, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let persona = resolve_persona(&react.of, node).await?;
    let (switch, done) = if react.remove {
        (ReactionSwitch::Off, "reaction taken back")
    } else {
        (ReactionSwitch::On, "reacted")
    };
    let command = Command::React { target: react.target, emoji: react.emoji, switch, persona };
    operate(command, done, node, output).await
}

pub(super) async fn edit(edit: Edit, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let text = text_or_stdin(edit.text)?;
    let command = Command::Edit { target: edit.target, text, draft: None };
    operate(command, "edited", node, output).await
}

pub(super) async fn delete(delete: Delete, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    operate(Command::Delete { target: delete.target }, "deleted", node, output).await
}

pub(super) async fn hide(hide: &Hide, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    operate(Command::HideComment { comment: hide.comment }, "hidden", node, output).await
}

pub(super) async fn policy(policy: Policy, node: &NodeHandle, output: &Output) -> Result<(), CliError> {
    let command = Command::SetPolicy { post_id: policy.post_id, policy: parse_policy(&policy.who)? };
    operate(command, "set", node, output).await
}

fn parse_policy(who: &[String]) -> Result<CommentPolicy, CliError> {
    match who {
        [one] if one == "everyone" => Ok(CommentPolicy::Everyone),
        [one] if one == "nobody" => Ok(CommentPolicy::Nobody),
        ids => {
            let ids = ids.iter().map(|id| id.parse::<PostingId>()).collect::<Result<Vec<_>, _>>();
            ids.map(CommentPolicy::Listed).map_err(|_not_ids| {
                let hint = "`itsgoin policy ID everyone`, `… nobody`, or posting ids of 64 hex digits";
                CallError::new(ErrorKind::Invalid, "this says nobody's comments", hint).into()
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Addressee;
    use crate::domain::time::Timestamp;

    fn comment(number: u8, parent: Option<u8>, state: CommentState) -> CommentView {
        CommentView {
            operation_id: ObjectId::from_bytes([number; 32]),
            parent: parent.map(|parent| ObjectId::from_bytes([parent; 32])),
            author: PostingId::from_bytes([9; 32]),
            author_name: SafeText::line("ben"),
            persona: None,
            text: SafeText::body("text"),
            state,
            created: Timestamp::from_millis(i64::from(number)),
            received: Timestamp::ZERO,
            edited: None,
            reactions: BTreeMap::new(),
            my_reactions: Vec::new(),
            mark: ReadMark::Read,
            addressee: Addressee::Others,
        }
    }

    #[test]
    fn answers_stand_below_what_they_answer() {
        use CommentState::{Deleted, Shown};
        let comments = vec![
            comment(1, None, Shown),
            comment(2, None, Deleted),
            comment(3, Some(1), Shown),
            comment(4, Some(2), Shown),
            comment(5, Some(3), Deleted),
            comment(6, Some(77), Shown),
            comment(7, Some(7), Shown),
        ];
        let order = |lines: &[ThreadLine]| {
            let places = lines.iter().filter_map(|line| match line {
                ThreadLine::Comment { comment, depth } => Some((comment.operation_id.as_bytes()[0], *depth)),
                ThreadLine::Post(_) => None,
            });
            places.collect::<Vec<(u8, usize)>>()
        };
        let mut lines = in_tree_order(comments);
        assert_eq!(order(&lines), [(1, 1), (3, 2), (5, 3), (2, 1), (4, 2), (6, 1), (7, 1)]);
        drop_bare_placeholders(&mut lines);
        assert_eq!(order(&lines), [(1, 1), (3, 2), (2, 1), (4, 2), (6, 1), (7, 1)]);
    }

    #[test]
    fn reactions_are_listed_by_frequency() {
        let reactions = [("b", 1), ("a", 1), ("c", 5)];
        let reactions = reactions.into_iter().map(|(emoji, count)| (SafeText::line(emoji), count)).collect();
        assert_eq!(plain_reactions(&reactions).as_deref(), Some("c 5  a 1  b 1"));
        assert_eq!(plain_reactions(&BTreeMap::new()), None);
    }

    #[test]
    fn a_policy_is_a_word_or_a_list_of_ids() {
        let parse =
            |who: &[&str]| parse_policy(&who.iter().map(ToString::to_string).collect::<Vec<_>>()).ok();
        assert_eq!(parse(&["everyone"]), Some(CommentPolicy::Everyone));
        assert_eq!(parse(&["nobody"]), Some(CommentPolicy::Nobody));
        let id = PostingId::from_bytes([9; 32]);
        assert_eq!(parse(&[&id.to_string()]), Some(CommentPolicy::Listed(vec![id])));
        assert_eq!(parse(&["somebody"]), None);
        assert_eq!(parse(&["everyone", "nobody"]), None);
    }
}
