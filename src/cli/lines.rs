//! What scripts read: the views of the node with every field that is promised to them. What this version has no value
//! for has its neutral one, so that scripts need not change when it comes.

use serde::Serialize;

use crate::api::{PersonView, PostView};
use crate::domain::text::SafeText;

/// A post.
#[derive(Serialize)]
pub(super) struct PostLine {
    #[serde(flatten)]
    pub(super) post: PostView,
    warning: Option<SafeText>,
}

/// A person.
#[derive(Serialize)]
pub(super) struct PersonLine {
    #[serde(flatten)]
    pub(super) person: PersonView,
    petname: Option<SafeText>,
    muted: bool,
    blocked: bool,
}

impl From<PostView> for PostLine {
    fn from(post: PostView) -> Self {
        Self { post, warning: None }
    }
}

impl From<PersonView> for PersonLine {
    fn from(person: PersonView) -> Self {
        Self { person, petname: None, muted: false, blocked: false }
    }
}
