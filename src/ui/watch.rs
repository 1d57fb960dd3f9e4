//! What the interface shows of the node besides posts, kept up to date: at most one question about each thing is
//! under way. What changes meanwhile is asked for again when the answer is there, so that an older answer never
//! overtakes a newer one.

use super::message::{Asked, Request};
use crate::api::{ConversationFilter, Query};

/// A thing that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// The node at a glance.
    Status,
    /// The peers.
    Peers,
    /// The people.
    People,
    /// My personas.
    Personas,
    /// The conversations.
    Conversations(ConversationFilter),
    /// My circles.
    Circles,
}

impl Watch {
    const fn query(self) -> Query {
        match self {
            Self::Status => Query::Status,
            Self::Peers => Query::Peers,
            Self::People => Query::People,
            Self::Personas => Query::Personas,
            Self::Circles => Query::Circles,
            Self::Conversations(filter) => Query::Conversations { persona: None, filter },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Question {
    /// None is under way.
    #[default]
    None,
    /// One is.
    Asked,
    /// One is, and its subject has changed since.
    AskedAndChanged,
}

/// The questions under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watches {
    status: Question,
    peers: Question,
    people: Question,
    personas: Question,
    conversations: Question,
    circles: Question,
}

impl Watches {
    const fn question(&mut self, watch: Watch) -> &mut Question {
        match watch {
            Watch::Status => &mut self.status,
            Watch::Peers => &mut self.peers,
            Watch::People => &mut self.people,
            Watch::Personas => &mut self.personas,
            Watch::Conversations(_) => &mut self.conversations,
            Watch::Circles => &mut self.circles,
        }
    }

    /// Asks, now or as soon as the answer under way is there.
    pub fn ask(&mut self, watch: Watch) -> Option<Request> {
        let question = self.question(watch);
        match *question {
            Question::None => {
                *question = Question::Asked;
                Some(Request::Query(Asked::Watched(watch), watch.query()))
            }
            Question::Asked | Question::AskedAndChanged => {
                *question = Question::AskedAndChanged;
                None
            }
        }
    }

    /// Asks about several things.
    pub fn ask_all(&mut self, watches: &[Watch]) -> Vec<Request> {
        watches.iter().filter_map(|watch| self.ask(*watch)).collect()
    }

    /// The answer is there, or there is none.
    pub fn answered(&mut self, watch: Watch) -> Option<Request> {
        match std::mem::take(self.question(watch)) {
            Question::AskedAndChanged => self.ask(watch),
            Question::Asked | Question::None => None,
        }
    }
}
