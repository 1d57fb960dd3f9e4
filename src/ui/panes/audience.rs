//! For whom the new post is: everybody, or one of my circles. A circle that is gone stays chosen, so that nothing meant
//! for few becomes public by itself; the node refuses it then.

use crate::api::CircleView;
use crate::domain::text::SafeText;

/// For whom the new post is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Audience {
    circles: Vec<CircleView>,
    chosen: Option<SafeText>,
}

impl Audience {
    /// My circles, as the node knows them.
    pub fn take(&mut self, circles: Vec<CircleView>) {
        self.circles = circles;
    }

    /// The chosen circle; `None` for everybody.
    pub const fn circle(&self) -> Option<&SafeText> {
        self.chosen.as_ref()
    }

    /// Goes on to the next circle, behind the last one to everybody; says whether there is any choice.
    pub fn next(&mut self) -> bool {
        let at = self.chosen.as_ref().and_then(|chosen| self.position(chosen));
        let next = match (&self.chosen, at) {
            (None, _) => self.circles.first(),
            (Some(_), Some(at)) => self.circles.get(at.saturating_add(1)),
            (Some(_), None) => None,
        };
        let chosen = next.map(|circle| circle.name.clone());
        let is_other = chosen != self.chosen;
        self.chosen = chosen;
        is_other
    }

    fn position(&self, name: &SafeText) -> Option<usize> {
        self.circles.iter().position(|circle| circle.name == *name)
    }

    /// It is sent: the next one is for everybody again.
    pub fn sent(&mut self) {
        self.chosen = None;
    }

    /// `public`, or `circle Close friends · 7 people`.
    pub fn label(&self, dot: &str) -> String {
        let Some(chosen) = &self.chosen else { return "public".to_owned() };
        let name = chosen.as_str().replace(dot, " ");
        let people =
            self.position(chosen).and_then(|at| self.circles.get(at)).map(|circle| circle.people.len());
        match people {
            None => format!("circle {name}{dot}deleted"),
            Some(1) => format!("circle {name}{dot}1 person"),
            Some(count) => format!("circle {name}{dot}{count} people"),
        }
    }
}
