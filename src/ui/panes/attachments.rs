//! Attachments: how a post shows them, looking at them, saving them, ending their fetches, and adding files to the post
//! that is being written. What is not here yet is fetched by whatever needs it.

use std::path::{Path, PathBuf};

use ratatui::text::Line;

use crate::api::{
    AttachmentState, AttachmentView, Command, FileToAttach, Metadata, PostView, SaveTarget, SavedView,
};
use crate::domain::ids::ObjectId;
use crate::domain::text::SafeText;
use crate::limits::POST_ATTACHMENTS;
use crate::ui::Viewer;
use crate::ui::action::Action;
use crate::ui::message::{Asked, Request};
use crate::ui::model::{Model, Overlay, Place};
use crate::ui::theme::Theme;
use crate::ui::widgets::editor::Editor;
use crate::ui::widgets::{lines, size, wrap};

/// What the interface remembers about files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shelf {
    /// Where saved attachments go; `None` when the system has no such place.
    pub downloads: Option<PathBuf>,
    /// How attachments are looked at.
    pub viewer: Viewer,
    /// Files of the post being written.
    files: Vec<PathBuf>,
    /// Which attachment was looked at last, of which post.
    viewed: Option<(ObjectId, usize)>,
}

impl Shelf {
    /// Without files; where others go stays.
    pub fn emptied(&self) -> Self {
        Self { downloads: self.downloads.clone(), viewer: self.viewer, ..Self::default() }
    }
}

fn name_of(attachment: &AttachmentView) -> &str {
    if attachment.name.is_empty() { "(no name)" } else { attachment.name.as_str() }
}

fn state_of(attachment: &AttachmentView) -> String {
    let percent = attachment.held_bytes.saturating_mul(100).checked_div(attachment.size_bytes).unwrap_or(0);
    match attachment.state {
        AttachmentState::Complete => "here".to_owned(),
        AttachmentState::Wanted => format!("being fetched, {percent} % here"),
        AttachmentState::Partial => format!("{percent} % here"),
        AttachmentState::Absent => "not here".to_owned(),
    }
}

/// `boat.png · image/png · 1.9 MiB · here`.
fn facts(theme: Theme, attachment: &AttachmentView) -> String {
    let kind = attachment.media_type.as_str();
    [name_of(attachment), kind, &size::format(attachment.size_bytes), &state_of(attachment)].join(theme.dot())
}

/// A row for every attachment of an opened post, and what can be seen in it.
pub fn rows(theme: Theme, post: &PostView, columns: usize) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    for (number, attachment) in (1..).zip(&post.attachments) {
        let row = format!("[{number}] {}", facts(theme, attachment));
        rows.push(lines::plain(wrap::clip(&row, columns, theme.ellipsis()), theme.accent()));
        if !attachment.alt.is_empty() {
            let alt = format!("    {}", attachment.alt.as_str().replace('\n', " "));
            rows.push(lines::plain(wrap::clip(&alt, columns, theme.ellipsis()), theme.faint()));
        }
    }
    rows
}

/// The one row of a feed about the attachments of a post; `None` when there are none.
pub fn summary(theme: Theme, post: &PostView, columns: usize) -> Option<String> {
    let first = post.attachments.first()?;
    let others = match post.attachments.len().saturating_sub(1) {
        0 => String::new(),
        others => format!(", and {others} more"),
    };
    Some(wrap::clip(&format!("[{}{others}]", facts(theme, first)), columns, theme.ellipsis()))
}

/// Runs an action about attachments; `None` when it is none.
pub fn perform(model: &mut Model, action: Action) -> Option<Vec<Request>> {
    let act: fn(&mut Model, &PostView) -> Vec<Request> = match action {
        Action::ViewAttachment => view,
        Action::SaveAttachments => save,
        Action::CancelFetches => cancel,
        _ => return None,
    };
    let post = match model.place {
        Place::Thread => model.thread.as_ref().map(|thread| thread.post().clone()),
        _ => model.feed.selected().cloned(),
    };
    Some(match post.filter(|post| !post.attachments.is_empty()) {
        Some(post) => act(model, &post),
        None => model.say("nothing is attached to this post"),
    })
}

fn fetch(post_id: ObjectId, position: usize) -> Option<Request> {
    let position = u32::try_from(position).ok()?;
    Some(Request::Command(Asked::FetchFile, Command::FetchBlob { post_id, position }))
}

fn save_to(asked: Asked, post_id: ObjectId, position: usize, target: SaveTarget) -> Option<Request> {
    let position = u32::try_from(position).ok()?;
    Some(Request::Command(asked, Command::SaveBlob { post_id, position, target }))
}

/// Looks at the next attachment of a post.
fn view(model: &mut Model, post: &PostView) -> Vec<Request> {
    let last = model.shelf.viewed.filter(|(of, _)| *of == post.post_id).map(|(_, at)| at);
    let next = last.map_or(0, |at| at.saturating_add(1));
    let position = if next < post.attachments.len() { next } else { 0 };
    let Some(attachment) = post.attachments.get(position) else { return Vec::new() };
    if attachment.state != AttachmentState::Complete {
        model.say(&format!("{} is not here yet: it is being fetched", name_of(attachment)));
        return fetch(post.post_id, position).into_iter().collect();
    }
    model.shelf.viewed = Some((post.post_id, position));
    save_to(Asked::ViewFile, post.post_id, position, SaveTarget::Viewing).into_iter().collect()
}

/// Saves every attachment of a post that is here, and fetches the others.
fn save(model: &mut Model, post: &PostView) -> Vec<Request> {
    let Some(folder) = model.shelf.downloads.clone() else {
        return model.say(
            "this system has no folder for downloads: `itsgoin blob save ID N --to FILE` saves anywhere",
        );
    };
    let is_here = |attachment: &AttachmentView| attachment.state == AttachmentState::Complete;
    let absent = post.attachments.iter().filter(|attachment| !is_here(attachment)).count();
    if absent > 0 {
        model
            .say(&format!("{absent} of {} are not here yet: they are being fetched", post.attachments.len()));
    }
    let request = |(position, attachment): (usize, &AttachmentView)| {
        if is_here(attachment) {
            save_to(Asked::SaveFile, post.post_id, position, SaveTarget::Folder { path: folder.clone() })
        } else {
            fetch(post.post_id, position)
        }
    };
    post.attachments.iter().enumerate().filter_map(request).collect()
}

/// Ends every fetch for a post.
fn cancel(model: &mut Model, post: &PostView) -> Vec<Request> {
    let running = post.attachments.iter().filter(|attachment| attachment.state == AttachmentState::Wanted);
    let requests: Vec<Request> = running
        .map(|attachment| {
            Request::Command(Asked::CancelFetch, Command::CancelFetch { blob: attachment.blob })
        })
        .collect();
    if requests.is_empty() {
        return model.say("nothing is being fetched for this post");
    }
    model.say("not fetched any more; what came stays");
    requests
}

/// An attachment was saved.
pub fn saved(model: &mut Model, saved: &SavedView) -> Vec<Request> {
    model.say(&format!("saved {}", shown(&saved.path)))
}

/// An attachment stands in a file to be looked at.
pub fn ready_to_view(model: &mut Model, saved: SavedView) -> Vec<Request> {
    let path = shown(&saved.path);
    match model.shelf.viewer {
        Viewer::System if saved.can_be_shown => {
            model.say(&format!("opened with the system's viewer: {path}"));
            vec![Request::Show(saved.path)]
        }
        // A file that could be a program is shown to nobody but a person who wants it.
        Viewer::System => model.say(&format!("this kind of file is not opened from here; it is in {path}")),
        Viewer::None => model.say(&format!("there is no viewer over SSH; it is in {path}")),
    }
}

fn shown(path: &Path) -> SafeText {
    SafeText::line(&path.to_string_lossy())
}

/// Asks for the path of a file for the post that is being written.
pub fn ask_for_file(model: &mut Model) -> Vec<Request> {
    model.overlay = Some(Overlay::AttachFile(Editor::field()));
    Vec::new()
}

/// Adds a file to the post that is being written; without a path all of them are taken away. Whether it can be
/// attached shows when the post is sent.
pub fn add(model: &mut Model, typed: &str) -> Vec<Request> {
    let typed = typed.trim().trim_matches(['\'', '"']);
    let files = &mut model.shelf.files;
    if typed.is_empty() {
        files.clear();
        return model.say("no file is attached now");
    }
    if files.len() >= POST_ATTACHMENTS {
        return model.say(&format!("a post may have at most {POST_ATTACHMENTS} attachments"));
    }
    match std::path::absolute(typed) {
        Ok(path) => {
            files.push(path);
            model.say("attached; place, time and device are removed from pictures when it is sent")
        }
        Err(_no_folder) => model.say("the present folder is gone: type the whole path"),
    }
}

/// Whether the post that is being written has files.
pub fn has_files(model: &Model) -> bool {
    !model.shelf.files.is_empty()
}

/// What the node is told about the files of the post that is being written.
pub fn files_to_send(model: &Model) -> Vec<FileToAttach> {
    let file = |path: &PathBuf| FileToAttach { path: path.clone(), alt: None, metadata: Metadata::Remove };
    model.shelf.files.iter().map(file).collect()
}

/// The post with the files is on disk.
pub fn sent(model: &mut Model) {
    model.shelf.files.clear();
}

/// ` · with a.png, b.png`; nothing without files.
pub fn with_files(model: &Model) -> String {
    let names: Vec<String> = model
        .shelf
        .files
        .iter()
        .map(|path| shown(Path::new(path.file_name().unwrap_or_default())).to_string())
        .collect();
    if names.is_empty() { String::new() } else { format!("{}with {}", model.theme.dot(), names.join(", ")) }
}
