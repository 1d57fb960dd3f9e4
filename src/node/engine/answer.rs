//! Answers to requests that only read: runs on reader connections, beside the engine. Also the two checks a client
//! makes while a pull is under way, which read its own store.
//!
//! A page is built from one snapshot and holds ids; the items are read by point reads afterwards, so that no read
//! transaction outlives a frame.

use std::collections::BTreeSet;

use super::Offence;
use super::interest::InterestList;
use crate::db::objects::Have;
use crate::db::{DbError, Read};
use crate::domain::envelope::{Kind, Object, ObjectError};
use crate::domain::ids::{NetworkId, ObjectId, PostingId};
use crate::domain::log::Seq;
use crate::limits::{
    INLINE_ITEMS, ITEM_FRAME_FILL, PAGE_BYTES, PAGE_ITEMS, POST_BYTES, PROFILE_BYTES, SEALED_BYTES,
    SEALED_SCAN,
};
use crate::node::wire::{
    Epoch, Group, GroupEnd, Item, Message, Offer, Page, Pull, Recipients, SealedEnd, Sending, Want,
};

/// How much one page may hold.
#[derive(Debug, Clone, Copy)]
pub struct PageBudget {
    /// Items.
    pub items: usize,
    /// Bytes of their signed parts.
    pub bytes: usize,
}

impl Default for PageBudget {
    fn default() -> Self {
        Self { items: PAGE_ITEMS, bytes: PAGE_BYTES }
    }
}

/// What a pull leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PullAnswer {
    /// The page.
    Page(Page),
    /// The list the pull names is not the one we accepted.
    NeedList,
    /// The peer has read further than our log goes: our store was restored, the log needs a new epoch.
    BeyondLog,
    /// The pull points outside its list: the peer's fault.
    Malformed,
}

/// The name of a log as one peer sees it.
#[must_use]
pub fn epoch_for(secret: &[u8; 32], peer: NetworkId) -> Epoch {
    let mut hasher = blake3::Hasher::new_derive_key("itsgoin/0.6 log epoch");
    hasher.update(secret).update(peer.as_bytes());
    let mut epoch = [0; 16];
    hasher.finalize_xof().fill(&mut epoch);
    Epoch(epoch)
}

/// What this store has for a peer's pull. `heard` is the list the peer set on this connection.
///
/// # Errors
/// [`DbError`] when the store cannot be read.
pub fn answer_pull(
    read: Read<'_>,
    us: NetworkId,
    peer: NetworkId,
    heard: &InterestList,
    pull: &Pull,
    budget: PageBudget,
) -> Result<PullAnswer, DbError> {
    if heard.hash(peer, us) != pull.hash {
        return Ok(PullAnswer::NeedList);
    }
    // Ranges may not name an author twice: what a pull costs is bounded by the list.
    let named = pull.groups.iter().flat_map(|group| &group.ranges).map(|range| usize::from(range.length));
    if named.fold(0, usize::saturating_add) > heard.ids().len() {
        return Ok(PullAnswer::Malformed);
    }
    let last = read.get_last_seq()?;
    let last_sealed = read.get_last_sealed_seq()?;
    let is_beyond = |recipients: &Recipients| recipients.since > last_sealed;
    if pull.groups.iter().any(|group| group.since > last) || pull.recipients.as_ref().is_some_and(is_beyond) {
        return Ok(PullAnswer::BeyondLog);
    }
    // Sealed posts have what authors leave, and a quarter of the page at least when there are new ones.
    let whole = budget;
    let waits = |recipients: &Recipients| recipients.since < last_sealed;
    let budget = if pull.recipients.as_ref().is_some_and(waits) { whole.without_quarter() } else { whole };
    // The newest posts are what the person waits for: the head group comes first, with half of the page to itself.
    let newest = (0..pull.groups.len()).max_by_key(|index| pull.groups.get(*index).map(|group| group.since));
    let mut order: Vec<usize> = (0..pull.groups.len()).filter(|index| Some(*index) != newest).collect();
    let mut share = if order.is_empty() { budget } else { budget.half() };
    order.splice(0..0, newest);
    let mut left = budget;
    let mut parts = vec![(GroupEnd { upto: last, cut: None }, Vec::new()); pull.groups.len()];
    for index in order {
        let (Some(group), Some(part)) = (pull.groups.get(index), parts.get_mut(index)) else { continue };
        let Some(answered) = answer_group(read, heard, group, last, share)? else {
            return Ok(PullAnswer::Malformed);
        };
        left = left.without(&answered.1);
        share = left;
        *part = answered;
    }
    let (ends, offers): (_, Vec<Vec<Offer>>) = parts.into_iter().unzip();
    let mut offers = offers.concat();
    let mut sealed = None;
    if let Some(recipients) = &pull.recipients {
        let (end, more) = answer_recipients(read, recipients, last_sealed, whole.without(&offers))?;
        offers.extend(more);
        sealed = Some(end);
    }
    let epoch = epoch_for(&read.get_epoch_secret()?, peer);
    Ok(PullAnswer::Page(Page { epoch, ends, offers, sealed }))
}

/// The sealed posts of a page: all of them and ranges by a scan of their log, single tags by the index of tags.
fn answer_recipients(
    read: Read<'_>,
    recipients: &Recipients,
    last: Seq,
    budget: PageBudget,
) -> Result<(SealedEnd, Vec<Offer>), DbError> {
    let since = recipients.since;
    // One more than fits, to know whether there is more.
    let enough = budget.items.saturating_add(1);
    let mut scanned = last;
    let arrivals = if since == last {
        Vec::new()
    } else if recipients.is_everything() {
        read.list_sealed(since, last, enough)?
    } else if let Some(tag) = recipients.tag() {
        read.list_sealed_for(tag, since, last, enough)?
    } else {
        let rows = read.list_sealed_with_tags(since, last, SEALED_SCAN)?;
        if rows.len() == SEALED_SCAN {
            scanned = rows.last().map_or(last, |(arrival, _)| arrival.seq);
        }
        let matching = rows.into_iter().filter(|(_, tags)| tags.iter().any(|tag| recipients.matches(*tag)));
        matching.map(|(arrival, _)| arrival).take(enough).collect()
    };
    let cut = (scanned < last).then_some(scanned);
    let offers = arrivals
        .into_iter()
        .map(|arrival| Ok((arrival.seq, Offer { id: arrival.object_id, size: arrival.size })));
    let (offers, full) = fit(budget, since, offers)?;
    let count = u16::try_from(offers.len()).unwrap_or(u16::MAX);
    Ok((SealedEnd { upto: last, cut: full.or(cut), offers: count }, offers))
}

/// The offers that fit into a page, and where the page was cut, if it was.
fn fit(
    budget: PageBudget,
    since: Seq,
    offers: impl Iterator<Item = Result<(Seq, Offer), DbError>>,
) -> Result<(Vec<Offer>, Option<Seq>), DbError> {
    let mut fitting = Vec::new();
    let (mut bytes, mut done) = (0_usize, since);
    for offer in offers {
        let (seq, offer) = offer?;
        bytes = bytes.saturating_add(size_of_offer(&offer));
        if fitting.len() >= budget.items || bytes > budget.bytes {
            return Ok((fitting, Some(done)));
        }
        fitting.push(offer);
        done = seq;
    }
    Ok((fitting, None))
}

impl PageBudget {
    /// Half of it, rounded up, so that even a page of one item goes on.
    const fn half(self) -> Self {
        Self { items: self.items.div_ceil(2), bytes: self.bytes.div_ceil(2) }
    }

    /// Three quarters of it; all of one too small to share.
    const fn without_quarter(self) -> Self {
        Self {
            items: self.items.saturating_sub(self.items / 4),
            bytes: self.bytes.saturating_sub(self.bytes / 4),
        }
    }

    fn without(self, offers: &[Offer]) -> Self {
        Self {
            items: self.items.saturating_sub(offers.len()),
            bytes: offers.iter().fold(self.bytes, |left, offer| left.saturating_sub(size_of_offer(offer))),
        }
    }
}

fn size_of_offer(offer: &Offer) -> usize {
    usize::try_from(offer.size).unwrap_or(usize::MAX)
}

/// One group's part of a page; `None` when a range points outside the list.
fn answer_group(
    read: Read<'_>,
    heard: &InterestList,
    group: &Group,
    last: Seq,
    budget: PageBudget,
) -> Result<Option<(GroupEnd, Vec<Offer>)>, DbError> {
    // One more than fits, to know whether there is more.
    let enough = budget.items.saturating_add(1);
    let mut upto = last;
    let mut arrivals = Vec::new();
    for range in &group.ranges {
        let Some(ids) = heard.slice(*range) else {
            return Ok(None);
        };
        if group.since == last {
            continue;
        }
        for id in ids {
            if let Some(author) = read.find_author(*id)? {
                arrivals.extend(read.list_arrivals(author, group.since, upto, enough)?);
            }
            if arrivals.len() > enough {
                arrivals.sort_unstable();
                arrivals.truncate(enough);
                upto = arrivals.last().map_or(upto, |arrival| arrival.seq);
            }
        }
    }
    arrivals.sort_unstable();
    let offers = arrivals.into_iter().map(|arrival| {
        let (id, size) = read.get_offer(arrival.object)?;
        Ok((arrival.seq, Offer { id, size }))
    });
    let (offers, cut) = fit(budget, group.since, offers)?;
    Ok(Some((GroupEnd { upto: last, cut }, offers)))
}

/// Which offers of a page this store lacks. Nothing is downloaded or verified that is here or refused.
///
/// # Errors
/// [`DbError`] when the store cannot be read.
pub fn wanted(read: Read<'_>, page: &Page) -> Result<Vec<bool>, DbError> {
    let first_sealed = page.first_sealed();
    let lacks = |(index, offer): (usize, &Offer)| {
        let most = if index < first_sealed { POST_BYTES } else { SEALED_BYTES };
        Ok(size_of_offer(offer) <= most && read.have(offer.id)? == Have::Missing)
    };
    page.offers.iter().enumerate().map(lacks).collect()
}

/// The ids of a page that are to be sent: those asked for, or all of a small page.
#[must_use]
pub fn asked(page: &Page, want: Option<&Want>) -> Vec<ObjectId> {
    let is_asked = |index: usize| want.is_none_or(|want| want.contains(index));
    let offers = page.offers.iter().enumerate().filter(|(index, _)| is_asked(*index));
    offers.map(|(_, offer)| offer.id).collect()
}

/// Whether the items of a page follow it without being asked for, or nothing does.
#[must_use]
pub fn is_inline(page: &Page, sending: Sending) -> bool {
    let most = match sending {
        Sending::AtOnce => INLINE_ITEMS,
        Sending::OnRequest => 1,
    };
    page.offers.len() < most
}

/// The items there are of these ids, from the front, as many as one frame holds; what is left stays in `ids`.
///
/// # Errors
/// [`DbError`] when the store cannot be read.
pub fn next_items(
    read: Read<'_>,
    ids: &mut std::collections::VecDeque<ObjectId>,
) -> Result<Vec<Item>, DbError> {
    /// Bytes of CBOR around one item's signed part: kind, lengths, signature.
    const AROUND: usize = 80;
    let mut items = Vec::new();
    let mut room = ITEM_FRAME_FILL;
    while let Some(id) = ids.front() {
        if let Some(envelope) = read.find_servable(*id)? {
            let size = envelope.bytes.len().saturating_add(AROUND);
            if size > room && !items.is_empty() {
                break;
            }
            room = room.saturating_sub(size);
            items.push(envelope.into());
        }
        ids.pop_front();
    }
    Ok(items)
}

/// What a fetch asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// These objects, in this order.
    Objects(Vec<ObjectId>),
    /// The newest profiles of these authors, in this order.
    Profiles(Vec<PostingId>),
}

impl Wanted {
    /// The request.
    #[must_use]
    pub fn message(&self) -> Message {
        match self {
            Self::Objects(ids) => Message::Fetch(ids.clone()),
            Self::Profiles(authors) => Message::FetchProfiles(authors.clone()),
        }
    }

    /// How many items may come, and how many bytes of them.
    #[must_use]
    pub fn room(&self) -> PageBudget {
        let (items, each) = match self {
            Self::Objects(ids) => (ids.len(), POST_BYTES),
            Self::Profiles(authors) => (authors.len(), PROFILE_BYTES),
        };
        PageBudget { items, bytes: items.saturating_mul(each).min(PAGE_BYTES) }
    }

    /// Which objects that is here; what is not here is left out.
    ///
    /// # Errors
    /// [`DbError`] when the store cannot be read.
    pub fn ids(&self, read: Read<'_>) -> Result<Vec<ObjectId>, DbError> {
        let authors = match self {
            Self::Objects(ids) => return Ok(ids.clone()),
            Self::Profiles(authors) => authors,
        };
        let mut ids = Vec::new();
        for author in authors {
            ids.extend(read.find_profile_id(*author)?);
        }
        Ok(ids)
    }

    /// Hashes and verifies what came.
    #[must_use]
    pub fn check(&self, items: Vec<Item>) -> Vec<Checked> {
        let authors: BTreeSet<PostingId> = match self {
            Self::Objects(ids) => return check_items(items, &ids.iter().copied().collect()),
            Self::Profiles(authors) => authors.iter().copied().collect(),
        };
        items.into_iter().map(|item| check_profile(item, &authors)).collect()
    }
}

/// Checks an item that should be a profile of one of these authors. Whose it is can be read only from good bytes.
fn check_profile(item: Item, authors: &BTreeSet<PostingId>) -> Checked {
    let id = item.id();
    let envelope = item.into_envelope().filter(|envelope| envelope.kind == Kind::Profile);
    match envelope.map(Object::verify) {
        Some(Ok(object)) if authors.contains(&object.author()) => Checked::Object(object),
        Some(Ok(_)) | None => Checked::Unasked,
        Some(Err(ObjectError::Content(_))) => Checked::Refused(id),
        Some(Err(ObjectError::Signature(_))) => Checked::Forged,
    }
}

/// One received item after its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// A good object.
    Object(Object),
    /// Its bytes can never be an object of this version: refused for good.
    Refused(ObjectId),
    /// Of a kind only later versions know.
    UnknownKind(ObjectId),
    /// A signature that is not the author's: the peer's fault, the id may still be good elsewhere.
    Forged,
    /// Nobody asked for it: the peer's fault.
    Unasked,
}

impl Checked {
    /// The post it is, if it is a good one.
    #[must_use]
    pub const fn post_id(&self) -> Option<ObjectId> {
        match self {
            Self::Object(Object::Post(post)) => Some(post.id()),
            _ => None,
        }
    }

    /// What the peer did wrong by sending it.
    #[must_use]
    pub const fn offence(&self) -> Option<Offence> {
        match self {
            Self::Forged => Some(Offence::Forgery),
            Self::Unasked => Some(Offence::Unasked),
            Self::Object(_) | Self::Refused(_) | Self::UnknownKind(_) => None,
        }
    }
}

/// Checks the items that came with a page. What is here already is dropped unchecked.
#[must_use]
pub fn check_received(items: Vec<Item>, page: &Page, wanted: &[bool]) -> Vec<Checked> {
    let ids = |keep: bool| {
        let chosen = page.offers.iter().zip(wanted).filter(move |(_, wanted)| **wanted == keep);
        chosen.map(|(offer, _)| offer.id).collect::<BTreeSet<_>>()
    };
    let had = ids(false);
    let lacked = items.into_iter().filter(|item| !had.contains(&item.id())).collect();
    check_items(lacked, &ids(true))
}

/// Those of these items that are neither here nor refused: only they are worth a check.
///
/// # Errors
/// [`DbError`] when the store cannot be read.
pub fn lacked(read: Read<'_>, items: Vec<Item>) -> Result<Vec<Item>, DbError> {
    let mut lacked = Vec::new();
    for item in items {
        if read.have(item.id())? == Have::Missing {
            lacked.push(item);
        }
    }
    Ok(lacked)
}

/// Checks items that were pushed.
#[must_use]
pub fn check_pushed(items: Vec<Item>) -> Vec<Checked> {
    let ids = items.iter().map(Item::id).collect();
    check_items(items, &ids)
}

/// Hashes and verifies received items. The expensive part of taking something in: runs off the writer.
#[must_use]
pub fn check_items(items: Vec<Item>, asked: &BTreeSet<ObjectId>) -> Vec<Checked> {
    let check = |item: Item| {
        let id = item.id();
        if !asked.contains(&id) {
            return Checked::Unasked;
        }
        let Some(envelope) = item.into_envelope() else {
            return Checked::UnknownKind(id);
        };
        match Object::verify(envelope) {
            Ok(object) => Checked::Object(object),
            Err(ObjectError::Content(_)) => Checked::Refused(id),
            Err(ObjectError::Signature(_)) => Checked::Forged,
        }
    };
    items.into_iter().map(check).collect()
}
