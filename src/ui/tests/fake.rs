//! A node that answers from lists in memory and writes down what it was told.

use std::collections::BTreeMap;
use std::time::Duration;

use super::mail::Mail;
use super::talk::Talk;
use crate::api::{
    Audience, CallError, Command, CommentView, DraftSlot, DraftView, ErrorKind, Event, FeedAnchor,
    FeedFilter, FeedPage, InviteView, More, NetworkState, Outcome, PeerStanding, PeerView, PersonView,
    PersonaView, PostView, Query, ReadMark, SavedView, SpaceView, StatusView, SyncReport, TransferState,
    TransferView, VaultState, View,
};
use crate::domain::ids::{BlobHash, NetworkId, ObjectId, PostingId};
use crate::domain::ordering::FeedPosition;
use crate::domain::text::SafeText;
use crate::domain::time::Timestamp;

/// 2026-11-21 14:02 UTC.
pub const NOW: Timestamp = Timestamp::from_millis(1_795_269_720_000);

/// Everything a node would keep in its store.
pub struct FakeNode {
    pub personas: Vec<PersonaView>,
    pub people: Vec<PersonView>,
    pub peers: Vec<PeerView>,
    pub status: StatusView,
    /// Of the new post.
    pub draft: String,
    pub drafts: BTreeMap<DraftSlot, String>,
    pub invite: String,
    /// What was told, in order.
    pub commands: Vec<Command>,
    /// What it answers to the next commands instead of doing them.
    pub refusals: Vec<CallError>,
    /// What it tells of its own accord, once asked next.
    pub events: Vec<Event>,
    /// What stands around the posts.
    pub talks: BTreeMap<ObjectId, Talk>,
    /// Conversations.
    pub mail: Mail,
    /// Why their messages cannot be read.
    pub unreadable: Option<CallError>,
    posts: Vec<PostView>,
}

pub fn posting_id(number: u8) -> PostingId {
    PostingId::from_bytes([number; 32])
}

pub fn persona(name: &str) -> PersonaView {
    PersonaView { posting_id: posting_id(0xaa), name: SafeText::line(name), default: true }
}

pub fn person(number: u8, name: &str) -> PersonView {
    PersonView {
        posting_id: posting_id(number),
        name: SafeText::line(name),
        persona: posting_id(0xaa),
        following: true,
        post_count: u64::from(number),
        followed: NOW.before(Duration::from_hours(72)),
    }
}

pub fn peer(number: u8, connected: bool) -> PeerView {
    PeerView {
        network_id: NetworkId::from_bytes([number; 32]),
        connected,
        relayed: connected.then_some(number.is_multiple_of(2)),
        latency_ms: connected.then_some(12),
        bytes_in: 3_200,
        bytes_out: 812,
        addresses: vec![format!("192.0.2.{number}:4000")],
        standing: PeerStanding::Ok,
    }
}

/// A post of this age. The number makes its id.
pub fn post(number: u16, author: u8, name: &str, age: Duration, text: &str) -> PostView {
    let [high, low] = number.to_be_bytes();
    let mut id = [0; 32];
    (id[0], id[1]) = (high, low);
    let post_id = ObjectId::from_bytes(id);
    let created = NOW.before(age);
    PostView {
        post_id,
        author: posting_id(author),
        author_name: SafeText::line(name),
        persona: Some(posting_id(0xaa)),
        text: SafeText::body(text),
        created,
        received: created,
        position: FeedPosition::new(created, created, post_id),
        edited: None,
        reactions: BTreeMap::new(),
        my_reactions: Vec::new(),
        comment_count: 0,
        unread_comment_count: 0,
        unread_to_me_count: 0,
        mark: ReadMark::Unread,
        audience: Audience::Public,
        attachments: Vec::new(),
    }
}

/// The transfer of the one attachment there is.
pub fn transfer(state: TransferState) -> TransferView {
    let (blob, name) = (BlobHash::from_bytes([0xb0; 32]), SafeText::line("boat.png"));
    TransferView { blob, name, size_bytes: 2_000_000, done_bytes: 500_000, state }
}

impl FakeNode {
    /// A node nobody has used.
    pub fn new() -> Self {
        Self {
            personas: Vec::new(),
            people: Vec::new(),
            peers: Vec::new(),
            status: StatusView {
                network_id: NetworkId::from_bytes([0x11; 32]),
                ticket: Some("itsgoinpeer1mvqxgzldn5wgk43b".to_owned()),
                addresses: vec!["192.0.2.7:4000".to_owned()],
                network: NetworkState::Up,
                connected_peers: 0,
                known_peers: 0,
                post_count: 0,
                persona_count: Some(0),
                clock_off_minutes: None,
                space: SpaceView {
                    own_bytes: 0,
                    followed_bytes: 0,
                    carried_bytes: 0,
                    sealed_bytes: 0,
                    free_bytes: None,
                },
                vault: VaultState::Open,
            },
            draft: String::new(),
            drafts: BTreeMap::new(),
            invite: format!("itsgoin1{}", "mvqxgzldn5wgk43b".repeat(9)),
            commands: Vec::new(),
            refusals: Vec::new(),
            events: Vec::new(),
            talks: BTreeMap::new(),
            mail: Mail::default(),
            unreadable: None,
            posts: Vec::new(),
        }
    }

    /// A node of somebody who follows three people.
    pub fn in_use() -> Self {
        let mut node = Self::new();
        node.personas.push(persona("ana"));
        node.people = vec![person(0x4d, "mo"), person(0x1e, "lea"), person(0x31, "kim")];
        node.status.connected_peers = 6;
        node.status.known_peers = 9;
        let minutes = |count: u64| Duration::from_mins(count);
        for post in [
            post(
                1,
                0x4d,
                "mo",
                minutes(2),
                "The boat is back in the water. It leaks, but only where it always did.",
            ),
            post(2, 0x1e, "lea", minutes(60), "日本語の本を読み終えた。\n\nNext one is about lichens 🌿"),
            post(
                3,
                0x31,
                "kim",
                minutes(190),
                "A long one: I went up to the ridge before dawn, because the forecast promised one clear hour, and it \
                 kept its promise. First the valley was a lake of fog, then the fog tore, then there were villages in \
                 it, and a dog, and a tractor, and somebody hanging out laundry as if it were any other morning. I \
                 sat there for the whole hour. When the clouds came back I had eaten all the bread. On the way down \
                 I met two people who asked whether it was worth it, and I said that depended on the bread, and they \
                 laughed, and then they asked how much further it was, and I lied, as one does, by about half. The \
                 ridge will be there next week too.",
            ),
            post(4, 0xaa, "ana", minutes(1_500), "Does anybody have a 13 mm spanner?"),
        ] {
            node.insert(post);
        }
        if let Some(own) = node.posts.iter_mut().find(|post| post.author == posting_id(0xaa)) {
            own.mark = ReadMark::Read;
        }
        node
    }

    /// A node with this many posts, one a minute, the first of them the newest.
    pub fn with_posts(count: u16) -> Self {
        let mut node = Self::in_use();
        node.posts.clear();
        for number in 0..count {
            let age = Duration::from_mins(u64::from(number) + 1);
            node.insert(post(number, 0x4d, "mo", age, &format!("post {number}")));
        }
        node
    }

    pub fn insert(&mut self, post: PostView) {
        self.posts.push(post);
        self.posts.sort_by_key(|post| std::cmp::Reverse(post.position));
    }

    pub fn posts(&self) -> &[PostView] {
        &self.posts
    }

    pub fn mark_all_read(&mut self) {
        for post in &mut self.posts {
            post.mark = ReadMark::Read;
        }
    }

    /// How often something was told.
    pub fn count(&self, matches: impl Fn(&Command) -> bool) -> usize {
        self.commands.iter().filter(|command| matches(command)).count()
    }

    pub fn query(&self, query: &Query) -> Result<View, CallError> {
        if self.status.vault == VaultState::Locked && query.needs_keys() {
            return Err(CallError::locked());
        }
        Ok(match query {
            Query::Feed { page, filter, limit, .. } => View::Feed(self.page(*page, *filter, *limit)),
            Query::Thread { post_id, after, limit } => {
                let found = self.posts.iter().find(|post| post.post_id == *post_id);
                let post = found.ok_or_else(|| {
                    CallError::new(ErrorKind::NotFound, "there is no such post", "it may have been deleted")
                })?;
                let none = Talk::default();
                let talk = self.talks.get(post_id).unwrap_or(&none);
                View::Thread(Box::new(talk.page(self.viewed(post), *after, *limit)))
            }
            Query::People => View::People(self.people.clone()),
            Query::Personas => View::Personas(self.personas.clone()),
            Query::Peers => View::Peers(self.peers.clone()),
            Query::Status => View::Status(self.status.clone()),
            Query::Invite { .. } => View::Invite(InviteView {
                invite: self.invite.clone(),
                posting_id: posting_id(0xaa),
                address_count: 1,
            }),
            Query::Conversations { filter, .. } => View::Conversations(self.mail.list(*filter)),
            Query::Messages { .. } if self.unreadable.is_some() => {
                return Err(self.unreadable.clone().unwrap());
            }
            Query::Messages { thread, page, limit } => {
                View::Messages(Box::new(self.mail.page(*thread, *page, *limit)?))
            }
            Query::Circles => View::Circles(self.mail.circles.clone()),
            Query::Words { thread } => View::Words(self.mail.words(*thread)?),
            Query::Draft { slot: DraftSlot::NewPost } => View::Draft(DraftView { text: self.draft.clone() }),
            Query::Draft { slot } => {
                View::Draft(DraftView { text: self.drafts.get(slot).cloned().unwrap_or_default() })
            }
        })
    }

    fn page(&self, anchor: FeedAnchor, filter: FeedFilter, limit: u32) -> FeedPage {
        let limit = usize::try_from(limit).unwrap();
        let shown = |post: &&PostView| filter == FeedFilter::All || post.mark == ReadMark::Unread;
        let all: Vec<&PostView> = self.posts.iter().filter(shown).collect();
        let (posts, more): (Vec<PostView>, bool) = match anchor {
            FeedAnchor::Newest => (all.iter().copied().take(limit).cloned().collect(), all.len() > limit),
            FeedAnchor::Before(position) => {
                let older: Vec<_> = all.iter().copied().filter(|post| post.position < position).collect();
                (older.iter().copied().take(limit).cloned().collect(), older.len() > limit)
            }
            FeedAnchor::After(position) => {
                let newer: Vec<_> = all.iter().copied().filter(|post| post.position > position).collect();
                let skipped = newer.len().saturating_sub(limit);
                (newer.iter().copied().skip(skipped).cloned().collect(), skipped > 0)
            }
        };
        let unread = self.posts.iter().filter(|post| post.mark == ReadMark::Unread).count();
        FeedPage {
            posts: posts.iter().map(|post| self.viewed(post)).collect(),
            more: if more { More::Follows } else { More::End },
            unread_count: u64::try_from(unread).unwrap(),
        }
    }

    fn judge(&mut self, peer: NetworkId, standing: PeerStanding) {
        if let Some(known) = self.peers.iter_mut().find(|known| known.network_id == peer) {
            known.standing = standing;
            known.connected &= standing == PeerStanding::Ok;
        }
    }

    pub fn command(&mut self, command: &Command) -> Result<Outcome, CallError> {
        // How the windows stand and for whom the post is are told as they change: it is not among what the person does,
        // and never refused.
        if let Command::SaveDraft { slot: slot @ (DraftSlot::Windows | DraftSlot::Audience), text } = command
        {
            if text.is_empty() {
                self.drafts.remove(slot);
            } else {
                self.drafts.insert(*slot, text.clone());
            }
            return Ok(Outcome::Done);
        }
        self.perform(command)
    }

    fn perform(&mut self, command: &Command) -> Result<Outcome, CallError> {
        self.commands.push(command.clone());
        if let Some(refusal) = self.refusals.pop() {
            return Err(refusal);
        }
        match command {
            Command::CreatePersona { name } => {
                let name = crate::domain::profile::parse_name(name).map_err(|error| {
                    CallError::new(ErrorKind::Invalid, error.to_string(), "choose another name")
                })?;
                self.personas.push(persona(&name));
                return Ok(Outcome::PersonaCreated(persona(&name)));
            }
            Command::PublishPost { text, .. } | Command::PublishWithFiles { text, .. } => {
                self.draft.clear();
                let number = u16::try_from(self.posts.len() + 500).unwrap();
                let new = post(number, 0xaa, "ana", Duration::ZERO, text);
                let post_id = new.post_id;
                self.insert(new);
                return Ok(Outcome::PostPublished(post_id));
            }
            Command::Follow { target, .. } if target.starts_with("itsgoin1") => {
                let lea = person(0x1e, "lea");
                self.people.push(lea.clone());
                return Ok(Outcome::Followed(lea));
            }
            Command::Follow { .. } => {
                return Err(CallError::new(
                    ErrorKind::Invalid,
                    "this is not an invite: one begins with itsgoin1",
                    "copy all of it again",
                ));
            }
            Command::Unfollow { author, .. } => self.people.retain(|person| person.posting_id != *author),
            Command::MarkPost { post_id, mark } => {
                if let Some(post) = self.posts.iter_mut().find(|post| post.post_id == *post_id) {
                    post.mark = *mark;
                }
            }
            Command::Circle(_) => {
                self.draft.clear();
                return Ok(super::mail::published());
            }
            Command::SaveDraft { slot: DraftSlot::NewPost, text } => self.draft.clone_from(text),
            Command::SaveDraft { slot, text } if text.is_empty() => drop(self.drafts.remove(slot)),
            Command::SaveDraft { slot, text } => drop(self.drafts.insert(*slot, text.clone())),
            Command::Sync { .. } => return Ok(Outcome::Synced(SyncReport { peers: 2, new_posts: 3 })),
            Command::BanPeer { peer } => self.judge(*peer, PeerStanding::Banned { until: None }),
            Command::UnbanPeer { peer } => self.judge(*peer, PeerStanding::Ok),
            Command::ReadComments { post_id, .. } => drop(self.operate(*post_id, command)),
            Command::Reply { target, .. }
            | Command::Edit { target, .. }
            | Command::Delete { target }
            | Command::React { target, .. }
            | Command::HideComment { comment: target }
            | Command::SetPolicy { post_id: target, .. } => {
                self.settle(command);
                return Ok(Outcome::OperationPublished(self.operate(*target, command)));
            }
            Command::FetchBlob { .. } | Command::CancelFetch { .. } => {
                return Ok(Outcome::Transfer(transfer(TransferState::Waiting)));
            }
            Command::SaveBlob { .. } => {
                let path = "/home/ana/boat.png".into();
                return Ok(Outcome::Saved(SavedView { path, size_bytes: 2_000_000, can_be_shown: true }));
            }
            Command::Talk(talk) => return self.talk(talk),
            Command::Unlock { .. } | Command::Protect { .. } => return self.protect(command),
            Command::AddPeer { .. } | Command::Stop => {}
        }
        Ok(Outcome::Done)
    }

    fn protect(&mut self, command: &Command) -> Result<Outcome, CallError> {
        if let Command::Unlock { passphrase } = command
            && passphrase.as_bytes() != b"open sesame"
        {
            let message = "the passphrase does not open the vault";
            return Err(CallError::new(ErrorKind::Passphrase, message, "type it again"));
        }
        self.status.vault = VaultState::Unlocked;
        Ok(Outcome::Done)
    }

    fn talk(&mut self, talk: &crate::api::Talk) -> Result<Outcome, CallError> {
        let (outcome, events) = self.mail.perform(talk)?;
        self.events.extend(events);
        Ok(outcome)
    }

    /// What an operation does to posts and drafts.
    fn settle(&mut self, command: &Command) {
        if let Command::Reply { draft, .. } | Command::Edit { draft, .. } = command {
            self.drafts.retain(|slot, _| Some(*slot) != *draft);
        }
        if let Command::Edit { target, text, .. } = command
            && let Some(post) = self.posts.iter_mut().find(|post| post.post_id == *target)
        {
            (post.text, post.edited) = (SafeText::body(text), Some(NOW));
        }
        if let Command::Delete { target } = command {
            self.posts.retain(|post| post.post_id != *target);
        }
    }

    /// The post with what stands around it.
    fn viewed(&self, post: &PostView) -> PostView {
        self.talks.get(&post.post_id).map_or_else(|| post.clone(), |talk| talk.around(post.clone()))
    }

    /// Puts comments on a post.
    pub fn comments(&mut self, post_id: ObjectId, comments: impl IntoIterator<Item = CommentView>) {
        self.talks.entry(post_id).or_default().comments.extend(comments);
    }

    fn operate(&mut self, target: ObjectId, command: &Command) -> ObjectId {
        let of_comment = self.talks.iter().find(|(_, talk)| talk.has(target)).map(|(post_id, _)| *post_id);
        let post_id = of_comment.unwrap_or(target);
        self.events.push(Event::ThreadChanged { post_id });
        self.talks.entry(post_id).or_default().operate(target, of_comment.is_none(), command)
    }
}
