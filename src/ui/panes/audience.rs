//! For whom the new post is: everybody, or one of my circles. The node keeps that beside the draft. A circle that is gone
//! stays chosen, so that nothing meant for few becomes public by itself.

use super::chat::Touch;
use crate::api::{CircleView, Command, DraftSlot, Query, head_count};
use crate::domain::text::SafeText;
use crate::ui::message::{Asked, Request};

/// For whom the new post is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audience {
    /// My circles, once known.
    circles: Option<Vec<CircleView>>,
    chosen: Option<SafeText>,
    /// Whether the person chose, or the node said what they chose before.
    is_known: bool,
    kept: Kept,
}

/// What the node keeps of it: the name of a circle, or nothing for everybody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Kept {
    /// It was asked and has not answered.
    #[default]
    Asked,
    /// It has this.
    Saved(String),
    /// It is given this.
    Saving(String),
    /// It could not be read or saved: the next key tries again.
    Unsaved,
}

impl Audience {
    /// My circles, as the node knows them.
    pub fn take(&mut self, circles: Vec<CircleView>) {
        self.circles = Some(circles);
    }

    /// The chosen circle; `None` for everybody.
    pub const fn circle(&self) -> Option<&SafeText> {
        self.chosen.as_ref()
    }

    /// Whether it is known: until then nothing is sent, since an earlier draft may be for a circle.
    pub const fn is_known(&self) -> bool {
        self.is_known
    }

    /// Whether the chosen circle does not exist any more.
    pub fn is_gone(&self) -> bool {
        self.circles.is_some() && self.chosen.as_ref().is_some_and(|chosen| self.position(chosen).is_none())
    }

    /// Goes on to the next circle, behind the last one to everybody; says whether there is any choice.
    pub fn next(&mut self) -> bool {
        if self.circles.is_none() {
            return false;
        }
        let at = self.chosen.as_ref().and_then(|chosen| self.position(chosen));
        let next = match (&self.chosen, at) {
            (None, _) => self.circles().first(),
            (Some(_), Some(at)) => self.circles().get(at.saturating_add(1)),
            (Some(_), None) => None,
        };
        let chosen = next.map(|circle| circle.name.clone());
        let is_other = chosen != self.chosen;
        (self.chosen, self.is_known) = (chosen, true);
        is_other
    }

    fn circles(&self) -> &[CircleView] {
        self.circles.as_deref().unwrap_or_default()
    }

    fn position(&self, name: &SafeText) -> Option<usize> {
        self.circles().iter().position(|circle| circle.name == *name)
    }

    /// The post is sent or thrown away: the next one is for everybody again.
    pub fn forget(&mut self) {
        (self.chosen, self.is_known) = (None, true);
    }

    /// The node said what was chosen at an earlier time. What the person chose meanwhile stands.
    pub fn stood(&mut self, text: &str) {
        self.kept = Kept::Saved(text.to_owned());
        if !self.is_known {
            self.chosen = Some(text).filter(|text| !text.is_empty()).map(SafeText::line);
            self.is_known = true;
        }
    }

    /// The node has saved it.
    pub fn saved(&mut self) {
        if let Kept::Saving(text) = &mut self.kept {
            self.kept = Kept::Saved(std::mem::take(text));
        }
    }

    /// The node could not read or save it.
    pub fn failed(&mut self) {
        if !matches!(self.kept, Kept::Saved(_)) {
            self.kept = Kept::Unsaved;
        }
    }

    /// Whether nothing would be lost by leaving.
    pub fn is_kept(&self) -> bool {
        match &self.kept {
            Kept::Asked | Kept::Unsaved => !self.is_known,
            Kept::Saved(text) => *text == self.text(),
            Kept::Saving(_) => false,
        }
    }

    /// Gives it to the node, if that has something else.
    pub fn keep(&mut self, touch: Touch) -> Option<Request> {
        let text = self.text();
        let is_due = match &self.kept {
            Kept::Asked | Kept::Saving(_) => false,
            Kept::Saved(kept) => *kept != text,
            Kept::Unsaved => touch == Touch::Key,
        };
        if !is_due || !self.is_known {
            return None;
        }
        self.kept = Kept::Saving(text.clone());
        Some(Request::Command(Asked::Audience, Command::SaveDraft { slot: DraftSlot::Audience, text }))
    }

    fn text(&self) -> String {
        self.chosen.as_ref().map(ToString::to_string).unwrap_or_default()
    }

    /// `public`, or `circle Close friends · 7 people`.
    pub fn label(&self, dot: &str) -> String {
        let Some(chosen) = &self.chosen else {
            return if self.is_known { "public" } else { "not known yet" }.to_owned();
        };
        let name = chosen.as_str().replace(dot, " ");
        let people =
            self.position(chosen).and_then(|at| self.circles().get(at)).map(|circle| circle.people.len());
        match people {
            None if self.is_gone() => format!("circle {name}{dot}deleted"),
            None => format!("circle {name}"),
            Some(count) => format!("circle {name}{dot}{}", head_count(count)),
        }
    }
}

/// Asks what was chosen at an earlier time.
pub const fn ask() -> Request {
    Request::Query(Asked::Audience, Query::Draft { slot: DraftSlot::Audience })
}
