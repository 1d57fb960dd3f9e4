//! What a person's commands do. Everything is checked before anything is written, so that a refusal changes nothing.

use std::sync::Arc;

use super::connection::Listing;
use super::responses::read_comments;
use super::trust::PersonBan;
use super::{CallId, Effect, Engine, Fault, Prepared, Step};
use crate::api::{
    CallError, Command, DraftSlot, ErrorKind, Event, Outcome, PersonView, PersonaView, ReadMark,
};
use crate::crypto::keys::PostingKey;
use crate::db::personas::PersonaRow;
use crate::db::timeline::Mark;
use crate::db::{Author, DbError};
use crate::domain::address::PeerAddress;
use crate::domain::attachment::Attachments;
use crate::domain::envelope::{ContentError, Kind, Object};
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::domain::invite::{Invite, parse_ticket};
use crate::domain::ordering::FeedPosition;
use crate::domain::post::Post;
use crate::domain::profile::{Profile, next_sequence, parse_name};
use crate::domain::text::SafeText;
use crate::limits::{BANS_BY_PERSON, CLOCK_AHEAD, INTEREST_IDS, PERSONAS, POST_ATTACHMENTS, POST_TEXT_BYTES};

/// Why a command came to nothing: the person's to mend, or the disk's.
pub(super) enum Refusal {
    Person(CallError),
    Disk(DbError),
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Self {
        Self::Disk(error)
    }
}

pub(super) fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Refusal {
    Refusal::Person(CallError::new(ErrorKind::Invalid, message, hint))
}

pub(super) fn not_found(message: impl Into<String>, hint: impl Into<String>) -> Refusal {
    Refusal::Person(CallError::new(ErrorKind::NotFound, message, hint))
}

/// The name of a draft's slot in the store.
#[must_use]
pub fn slot_name(slot: DraftSlot) -> String {
    match slot {
        DraftSlot::NewPost => "new_post".to_owned(),
        DraftSlot::Reply(target) => format!("reply {target}"),
        DraftSlot::Edit(target) => format!("edit {target}"),
        DraftSlot::Message(conversation) => format!("message {conversation}"),
        DraftSlot::Correction(conversation, message) => format!("correction {conversation} {message}"),
        DraftSlot::Windows => "windows".to_owned(),
        DraftSlot::Audience => "audience".to_owned(),
    }
}

impl Engine {
    pub(super) fn command_received(
        &mut self,
        step: &mut Step<'_, '_>,
        call: CallId,
        command: Command,
    ) -> Result<(), DbError> {
        if self.talks.is_locked() && command.needs_keys() {
            step.push(Effect::Answer { call, outcome: Err(CallError::locked()) });
            return Ok(());
        }
        let outcome = match command {
            Command::Sync { wait } => {
                self.begin_sync(step, call, wait);
                return Ok(());
            }
            Command::PublishPost { persona, text, draft } => {
                self.publish_post(step, persona, text, draft, Prepared::new()).map(Outcome::PostPublished)
            }
            Command::Reply { target, text, persona, draft } => {
                self.reply(step, target, text, persona, draft).map(Outcome::OperationPublished)
            }
            Command::React { target, emoji, switch, persona } => {
                self.react(step, target, &emoji, switch, persona).map(Outcome::OperationPublished)
            }
            Command::Edit { target, text, draft } => {
                self.edit(step, target, text, draft).map(Outcome::OperationPublished)
            }
            Command::Delete { target } => self.delete(step, target).map(Outcome::OperationPublished),
            Command::HideComment { comment } => {
                self.hide_comment(step, comment).map(Outcome::OperationPublished)
            }
            Command::SetPolicy { post_id, policy } => {
                self.set_policy(step, post_id, policy).map(Outcome::OperationPublished)
            }
            Command::ReadComments { post_id, received_by } => read_comments(step, post_id, received_by),
            Command::FetchBlob { post_id, position } => {
                self.fetch_asked(step, post_id, position).map(Outcome::Transfer)
            }
            Command::CancelFetch { blob } => self.cancel_asked(step, blob).map(Outcome::Transfer),
            Command::Follow { target, persona } => self.follow(step, &target, persona).map(Outcome::Followed),
            Command::Unfollow { author, persona } => self.unfollow(step, author, persona),
            Command::AddPeer { ticket } => self.add_peer(step, &ticket),
            Command::BanPeer { peer } => self.ban(step, peer),
            Command::UnbanPeer { peer } => self.unban(step, peer),
            Command::MarkPost { post_id, mark } => mark_post(step, post_id, mark),
            Command::SaveDraft { slot, text } => self.save_draft(step, slot, text),
            Command::Talk(talk) => self.talk(step, talk),
            Command::Circle(deed) => self.circle(step, deed),
            // Made with a key by `persona_requested`, with its files by `post_prepared`; the others are the driver's.
            Command::CreatePersona { .. }
            | Command::PublishWithFiles { .. }
            | Command::SaveBlob { .. }
            | Command::Unlock { .. }
            | Command::Protect { .. }
            | Command::Stop => Ok(Outcome::Done),
        };
        answer(step, call, outcome)
    }

    pub(super) fn persona_requested(
        &mut self,
        step: &mut Step<'_, '_>,
        call: CallId,
        name: &str,
        key: Arc<PostingKey>,
    ) -> Result<(), DbError> {
        let outcome = if self.talks.is_locked() {
            Err(Refusal::Person(CallError::locked()))
        } else {
            self.create_persona(step, name, key).map(Outcome::PersonaCreated)
        };
        answer(step, call, outcome)
    }

    pub(super) fn post_prepared(
        &mut self,
        step: &mut Step<'_, '_>,
        call: CallId,
        persona: Option<PostingId>,
        text: String,
        draft: Option<DraftSlot>,
        attachments: Prepared,
    ) -> Result<(), DbError> {
        let published = if self.talks.is_locked() {
            Err(Refusal::Person(CallError::locked()))
        } else {
            self.publish_post(step, persona, text, draft, attachments)
        };
        answer(step, call, published.map(Outcome::PostPublished))
    }

    fn create_persona(
        &mut self,
        step: &mut Step<'_, '_>,
        name: &str,
        key: Arc<PostingKey>,
    ) -> Result<PersonaView, Refusal> {
        let name = parse_name(name).map_err(|error| invalid(error.to_string(), "type another name"))?;
        let personas = step.store.list_personas()?;
        if personas.len() >= usize::try_from(PERSONAS).unwrap_or(usize::MAX) {
            return Err(invalid(format!("there are {PERSONAS} personas already"), "use one of them"));
        }
        let posting_id = key.posting_id();
        let sequence = next_sequence(None, step.now);
        let profile = Profile::new(posting_id, step.now, sequence, name.clone())
            .map_err(|error| invalid(error.to_string(), "type another name"))?
            .with_prekey(self.make_prekey(step, posting_id)?);
        let author = step.store.intern_author(posting_id)?;
        step.store.insert_persona(author, &name)?;
        let signed = key.sign(&profile);
        self.keys.insert(posting_id, key);
        self.personas.insert(posting_id);
        self.book_changed(step)?;
        self.take_in(step, &Object::Profile(signed), None)?;
        step.tell(Event::PersonasChanged);
        Ok(PersonaView { posting_id, name: SafeText::line(&name), default: personas.is_empty() })
    }

    /// A key file without a persona: the database was lost or replaced. The persona is taken up again without a
    /// name; its own profile and posts come back from whoever keeps them.
    pub(super) fn adopt_orphan_keys(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let known: Vec<PostingId> =
            step.store.list_personas()?.iter().map(|persona| persona.posting_id).collect();
        let orphans: Vec<PostingId> = self.keys.keys().filter(|id| !known.contains(id)).copied().collect();
        for posting_id in &orphans {
            let author = step.store.intern_author(*posting_id)?;
            step.store.insert_persona(author, "")?;
            self.personas.insert(*posting_id);
        }
        if !orphans.is_empty() {
            self.book_changed(step)?;
            step.tell(Event::PersonasChanged);
        }
        Ok(())
    }

    fn publish_post(
        &mut self,
        step: &mut Step<'_, '_>,
        persona: Option<PostingId>,
        text: String,
        draft: Option<DraftSlot>,
        attachments: Prepared,
    ) -> Result<ObjectId, Refusal> {
        let persona = find_persona(step, persona)?;
        let key = self.key_of(persona.posting_id)?;
        // Two posts with one text in one millisecond would be the same post.
        let last = step.store.find_last_created(persona.author, Kind::Post)?;
        let one_later = last.map(|last| last.after(std::time::Duration::from_millis(1)));
        let created =
            one_later.map_or(step.now, |later| later.max(step.now)).min(step.now.after(CLOCK_AHEAD));
        let attachments = Attachments::new(attachments).map_err(|_checked_before| {
            invalid(format!("a post may have at most {POST_ATTACHMENTS} attachments"), "make two posts")
        })?;
        let post =
            Post::with_attachments(persona.posting_id, created, text, attachments).map_err(|error| {
                match error {
                    ContentError::TooLarge => invalid(
                        format!("a post may have at most {POST_TEXT_BYTES} bytes"),
                        "shorten it or make two posts",
                    ),
                    _ => invalid("a post needs some text", "write something first"),
                }
            })?;
        let signed = key.sign(&post);
        let id = signed.id();
        self.take_in(step, &Object::Post(signed), None)?;
        self.own_attachments_are_here(step, id)?;
        self.raise_manifest(step, &key)?;
        self.finish_draft(step, draft)?;
        Ok(id)
    }

    pub(super) fn key_of(&self, persona: PostingId) -> Result<Arc<PostingKey>, Refusal> {
        self.keys.get(&persona).map(Arc::clone).ok_or_else(|| {
            not_found("the key of this persona is missing", "put its file back into the folder `keys`")
        })
    }

    fn follow(
        &mut self,
        step: &mut Step<'_, '_>,
        target: &str,
        persona: Option<PostingId>,
    ) -> Result<PersonView, Refusal> {
        let invite = parse_target(target)?;
        let persona = find_persona(step, persona)?;
        if self.keys.contains_key(&invite.posting_id) {
            return Err(invalid(
                "this invite is your own",
                "send it to somebody else, and paste theirs here",
            ));
        }
        let is_wanted = self.interest.is_ours(invite.posting_id);
        if !is_wanted && self.interest.count_ours() >= INTEREST_IDS {
            return Err(invalid(format!("{INTEREST_IDS} authors are the most"), "unfollow somebody first"));
        }
        let author = step.store.intern_author(invite.posting_id)?;
        step.store.insert_follow(persona.author, author, &invite.name_hint, step.now)?;
        if !is_wanted {
            self.forget_unstored_cursors(invite.posting_id);
            self.read_from_start(step, invite.posting_id, author)?;
        }
        step.store.insert_feed_rows_of(author, CLOCK_AHEAD)?;
        for address in &invite.addresses {
            self.learn_peer(step, address)?;
        }
        self.book_changed(step)?;
        step.tell(Event::PeopleChanged);
        step.tell(Event::FeedChanged);
        let followers = step.store.list_followers(author)?;
        let follower = followers.iter().find(|follower| follower.persona == persona.author);
        Ok(PersonView {
            posting_id: invite.posting_id,
            name: SafeText::line(&step.store.find_name(author)?.unwrap_or_default()),
            persona: persona.posting_id,
            following: true,
            post_count: step.store.count_posts(author)?,
            followed: follower.map_or(step.now, |follower| follower.followed),
        })
    }

    /// Interest grew: every peer's log is read from its start for this author, what had no room included.
    pub(super) fn read_from_start(
        &mut self,
        step: &Step<'_, '_>,
        posting_id: PostingId,
        author: Author,
    ) -> Result<(), DbError> {
        self.forget_cursors(step, posting_id, author)?;
        step.store.delete_evicted_of(Some(author))?;
        step.store.log_profile(author)?;
        if self.faults.has(Fault::NoResetOnGrowth) {
            for row in step.store.list_peers(crate::limits::KNOWN_PEERS)? {
                let others = step.store.list_cursors(row.peer)?;
                if let Some(since) = others.into_iter().map(|(_, since)| since).max() {
                    step.store.replace_cursor(row.peer, author, since)?;
                }
            }
        }
        Ok(())
    }

    fn unfollow(
        &mut self,
        step: &mut Step<'_, '_>,
        author: PostingId,
        persona: Option<PostingId>,
    ) -> Result<Outcome, Refusal> {
        let nobody = || not_found("nobody follows this id", "`itsgoin people` lists who is followed");
        let row = step.store.find_author(author)?.ok_or_else(nobody)?;
        let persona = persona.map(|id| find_persona(step, Some(id))).transpose()?;
        if step.store.delete_follow(persona.map(|persona| persona.author), row)? == 0 {
            return Err(nobody());
        }
        self.space.changed(row);
        self.book_changed(step)?;
        step.tell(Event::PeopleChanged);
        step.tell(Event::FeedChanged);
        Ok(Outcome::Done)
    }

    fn add_peer(&mut self, step: &mut Step<'_, '_>, ticket: &str) -> Result<Outcome, Refusal> {
        let address = parse_ticket(ticket).map_err(|error| {
            invalid(error.to_string(), "`itsgoin status` on the other node prints its ticket")
        })?;
        if address.network_id == self.network_id {
            return Err(invalid("this ticket is your own", "paste it on another node"));
        }
        self.learn_peer(step, &address)?;
        step.tell(Event::PeersChanged);
        Ok(Outcome::Done)
    }

    fn ban(&mut self, step: &mut Step<'_, '_>, peer: NetworkId) -> Result<Outcome, Refusal> {
        if peer == self.network_id {
            return Err(invalid("this is your own node", "`itsgoin peer list` lists the others"));
        }
        match self.ban_peer(step, peer)? {
            PersonBan::Noted => Ok(Outcome::Done),
            PersonBan::TooMany => Err(invalid(
                format!("{BANS_BY_PERSON} bans are the most"),
                "lift one first: `itsgoin peer unban ID`",
            )),
        }
    }

    fn unban(&mut self, step: &mut Step<'_, '_>, peer: NetworkId) -> Result<Outcome, Refusal> {
        if self.unban_peer(step, peer)? {
            Ok(Outcome::Done)
        } else {
            Err(not_found("this node is not banned", "`itsgoin peer list` shows who is"))
        }
    }

    /// The union of followed authors and own personas changed: every peer gets the new list.
    pub(super) fn interest_changed(&mut self, step: &mut Step<'_, '_>) -> Result<(), DbError> {
        let mut interest = super::interest::Interest::load(**step.store)?;
        let is_another_list = interest.list != self.interest.list;
        if !is_another_list {
            // Connections know it as this one. What stands beside its entries changes: who was carried is followed now.
            interest.list = Arc::clone(&self.interest.list);
        }
        self.interest = interest;
        if is_another_list {
            for connection in self.connections.values_mut() {
                // One under way is followed by the new one once it is answered.
                if matches!(connection.listing, Listing::Accepted { .. }) {
                    connection.listing = Listing::Stale;
                }
            }
            self.topics_changed(step)?;
        }
        Ok(())
    }
}

fn answer(step: &mut Step<'_, '_>, call: CallId, outcome: Result<Outcome, Refusal>) -> Result<(), DbError> {
    let outcome = match outcome {
        Ok(outcome) => Ok(outcome),
        Err(Refusal::Person(error)) => Err(error),
        Err(Refusal::Disk(error)) => return Err(error),
    };
    step.push(Effect::Answer { call, outcome });
    Ok(())
}

/// The persona with this id, or the default one.
pub(super) fn find_persona(step: &Step<'_, '_>, id: Option<PostingId>) -> Result<PersonaRow, Refusal> {
    step.store.find_persona(id)?.ok_or_else(|| Refusal::Person(no_persona(id)))
}

/// What is said when there is no such persona, or none at all.
#[must_use]
pub fn no_persona(id: Option<PostingId>) -> CallError {
    let (message, hint) = match id {
        Some(_) => ("no persona of yours has this id", "`itsgoin persona list` lists them"),
        None => ("there is no persona yet", "make one: `itsgoin init --name NAME --no-passphrase`"),
    };
    CallError::new(ErrorKind::NotFound, message, hint)
}

/// An invite, or a bare posting id.
fn parse_target(target: &str) -> Result<Invite, Refusal> {
    let target = target.trim();
    let no_addresses =
        |posting_id| Invite { posting_id, name_hint: String::new(), addresses: Vec::<PeerAddress>::new() };
    if let Ok(posting_id) = target.parse::<PostingId>() {
        return match crate::domain::envelope::usable_key(posting_id) {
            Ok(_) => Ok(no_addresses(posting_id)),
            Err(_) => Err(invalid("this id belongs to nobody", "copy all of it again")),
        };
    }
    Invite::parse(target)
        .map_err(|error| invalid(error.to_string(), "paste an invite or a posting id of 64 hex digits"))
}

fn mark_post(step: &mut Step<'_, '_>, post_id: ObjectId, mark: ReadMark) -> Result<Outcome, Refusal> {
    let key = step
        .store
        .find_object(post_id)?
        .ok_or_else(|| not_found("there is no such post here", "`itsgoin feed --json` lists ids"))?;
    let post = step.store.get_object(key)?;
    let mark = match mark {
        ReadMark::Unread => Mark::Unread,
        ReadMark::Read => Mark::Read,
    };
    if step.store.update_mark(FeedPosition::new(post.created, post.received, post_id), mark)? {
        step.tell(Event::FeedChanged);
    }
    Ok(Outcome::Done)
}
