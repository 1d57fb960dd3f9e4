//! Who is in a group: signed versions that name the versions they follow, and a pure fold of all of them.
//!
//! Nobody orders the versions of a group, two admins may make one at the same time, and they arrive in any order. So the
//! fold looks at the set alone: by depth, then by hash. An admin is as senior as the version that made it one; only a more
//! senior one removes it, and what the removed one made without knowing of that is void. The thread of a group is the
//! hash of its founding version: nobody else can found it.

use std::collections::{BTreeMap, BTreeSet};

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use super::conversation::ThreadId;
use super::envelope::{ContentError, usable_key};
use super::ids::PostingId;
use super::statement::{Statement, verify_statement};
use crate::limits::{GROUP_MEMBERS, NAME_BYTES, ROSTER_PARENTS, ROSTER_VERSIONS};

/// BLAKE3 of a version's bytes.
pub type VersionId = [u8; 32];

/// One change of a roster.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Change {
    /// The group is made. Its author is the first admin.
    #[n(0)]
    Found {
        /// Random: no two groups are the same.
        #[n(0)]
        salt: ByteArray<16>,
        /// What it is called; may be empty.
        #[n(1)]
        title: String,
        /// The others.
        #[n(2)]
        members: Vec<PostingId>,
    },
    /// Somebody comes in.
    #[n(1)]
    Add {
        /// Who.
        #[n(0)]
        member: PostingId,
    },
    /// Somebody is put out, or leaves when it is the author.
    #[n(2)]
    Remove {
        /// Who.
        #[n(0)]
        member: PostingId,
    },
    /// A member becomes an admin.
    #[n(3)]
    Promote {
        /// Who.
        #[n(0)]
        member: PostingId,
    },
    /// The group is called something else.
    #[n(4)]
    Rename {
        /// What.
        #[n(0)]
        title: String,
    },
}

/// A version of a roster.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Version {
    /// Of which group; `None` in the founding version, whose hash names it.
    #[n(0)]
    pub thread: Option<ThreadId>,
    /// The versions it follows: all newest ones its author knew.
    #[n(1)]
    pub parents: Vec<ByteArray<32>>,
    /// Who makes it.
    #[n(2)]
    pub author: PostingId,
    /// What changes.
    #[n(3)]
    pub change: Change,
}

impl Version {
    /// The bytes that are signed.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        super::cbor::encode(self)
    }

    fn is_bounded(&self) -> bool {
        let is_founding = matches!(self.change, Change::Found { .. });
        let fits = match &self.change {
            Change::Found { title, members, .. } => {
                title.len() <= NAME_BYTES && members.len() < GROUP_MEMBERS && !members.contains(&self.author)
            }
            Change::Rename { title } => title.len() <= NAME_BYTES,
            Change::Add { .. } | Change::Remove { .. } | Change::Promote { .. } => true,
        };
        let follows = (1..=ROSTER_PARENTS).contains(&self.parents.len());
        fits && if is_founding {
            self.thread.is_none() && self.parents.is_empty()
        } else {
            self.thread.is_some() && follows
        }
    }
}

/// A version as it travels and is stored. Nothing in it has been checked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SignedVersion {
    /// Deterministic CBOR, as signed.
    #[n(0)]
    pub bytes: ByteVec,
    /// By its author.
    #[n(1)]
    pub signature: ByteArray<64>,
}

impl SignedVersion {
    /// Bytes it takes inside of a message.
    #[must_use]
    pub fn taken_bytes(&self) -> usize {
        self.bytes.len().saturating_add(72)
    }

    /// Decodes and checks it.
    ///
    /// # Errors
    /// [`ContentError`] when it is no version, or not its author's.
    pub fn verify(&self) -> Result<VerifiedVersion, ContentError> {
        let version: Version = super::cbor::decode_whole(&self.bytes)?;
        if !version.is_bounded() {
            return Err(ContentError::TooLarge);
        }
        verify_statement(Statement::Roster, version.author, &self.bytes, &self.signature)
            .map_err(|_false_claim| ContentError::Forbidden)?;
        Ok(VerifiedVersion { id: *blake3::hash(&self.bytes).as_bytes(), signed: self.clone(), version })
    }
}

/// A version whose signature was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedVersion {
    id: VersionId,
    signed: SignedVersion,
    version: Version,
}

impl VerifiedVersion {
    /// The group it belongs to.
    #[must_use]
    pub fn thread(&self) -> ThreadId {
        self.version.thread.unwrap_or_else(|| {
            let mut id = [0; 16];
            blake3::Hasher::new_derive_key("itsgoin/dm/1 group")
                .update(&self.signed.bytes)
                .finalize_xof()
                .fill(&mut id);
            ThreadId::from_bytes(id)
        })
    }
}

/// All versions of one group that are known.
#[derive(Clone, Debug)]
pub struct Roster {
    thread: ThreadId,
    versions: BTreeMap<VersionId, VerifiedVersion>,
}

/// Everything that leads to each version.
type Ancestors = BTreeMap<VersionId, BTreeSet<VersionId>>;
/// Where a version stands in the fold, and how senior the admin is whom it makes: smaller comes first.
type Rank = (u32, VersionId);

/// Who is in a group now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    title: String,
    members: BTreeMap<PostingId, Option<Rank>>,
}

impl Membership {
    /// What the group is called.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Everybody in it.
    pub fn members(&self) -> impl Iterator<Item = PostingId> {
        self.members.keys().copied()
    }

    /// Whether somebody is in it.
    #[must_use]
    pub fn has(&self, who: PostingId) -> bool {
        self.members.contains_key(&who)
    }

    /// Whether somebody may change it.
    #[must_use]
    pub fn is_admin(&self, who: PostingId) -> bool {
        self.rank(who).is_some()
    }

    /// Whether one may put the other out: an admin anybody who is none, and admins less senior than itself.
    #[must_use]
    pub fn may_remove(&self, who: PostingId, other: PostingId) -> bool {
        let (own, others) = (self.rank(who), self.rank(other));
        self.has(other) && own.is_some_and(|own| others.is_none_or(|others| own < others))
    }

    fn rank(&self, who: PostingId) -> Option<Rank> {
        self.members.get(&who).copied().flatten()
    }

    /// Takes a version over, if its author may make it; says whether it did.
    fn apply(&mut self, version: &Version, rank: Rank) -> bool {
        let author = version.author;
        let is_admin = self.is_admin(author);
        match &version.change {
            Change::Found { title, members, .. } => {
                self.title.clone_from(title);
                self.members = members.iter().map(|member| (*member, None)).collect();
                self.members.insert(author, Some(rank));
                true
            }
            Change::Add { member } => {
                let fits = is_admin
                    && !self.has(*member)
                    && self.members.len() < GROUP_MEMBERS
                    && usable_key(*member).is_ok();
                if fits {
                    self.members.insert(*member, None);
                }
                fits
            }
            Change::Remove { member } => {
                let leaves = *member == author && self.has(author);
                let fits = leaves || self.may_remove(author, *member);
                if fits {
                    self.members.remove(member);
                }
                fits
            }
            Change::Promote { member } => {
                let fits = is_admin && self.has(*member) && !self.is_admin(*member);
                if fits {
                    self.members.insert(*member, Some(rank));
                }
                fits
            }
            Change::Rename { title } => {
                if is_admin {
                    self.title.clone_from(title);
                }
                is_admin
            }
        }
    }
}

impl Roster {
    /// The versions of a group, none yet.
    #[must_use]
    pub const fn new(thread: ThreadId) -> Self {
        Self { thread, versions: BTreeMap::new() }
    }

    /// Takes a version in; says whether it is new and belongs here. Of more than [`ROSTER_VERSIONS`] none is taken.
    pub fn insert(&mut self, version: VerifiedVersion) -> bool {
        let fits = version.thread() == self.thread && self.versions.len() < ROSTER_VERSIONS;
        fits && self.versions.insert(version.id, version).is_none()
    }

    /// All of them as they travel, parents first.
    #[must_use]
    pub fn signed(&self) -> Vec<SignedVersion> {
        let depths = self.depths();
        let mut all: Vec<&VerifiedVersion> = self.versions.values().collect();
        all.sort_by_key(|version| depths.get(&version.id).copied().unwrap_or(u32::MAX));
        all.into_iter().map(|version| version.signed.clone()).collect()
    }

    /// Whether there is no room for another version.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.versions.len() >= ROSTER_VERSIONS
    }

    /// The version of somebody that follows all that is known.
    #[must_use]
    pub fn next(&self, author: PostingId, change: Change) -> Version {
        let depths = self.depths();
        let followed: BTreeSet<VersionId> = self.versions.values().flat_map(parents).collect();
        let mut heads: Vec<VersionId> = depths.keys().copied().filter(|id| !followed.contains(id)).collect();
        // Of too many the deepest, so that it stands behind all that count.
        heads.sort_by_key(|id| std::cmp::Reverse(depths.get(id).copied()));
        heads.truncate(ROSTER_PARENTS);
        let parents = heads.into_iter().map(ByteArray::from).collect();
        Version { thread: Some(self.thread), parents, author, change }
    }

    /// Who is in the group, by the versions whose ancestors are all known.
    #[must_use]
    pub fn fold(&self) -> Membership {
        let mut order: Vec<Rank> = self.depths().into_iter().map(|(id, depth)| (depth, id)).collect();
        order.sort_unstable();
        let ancestors = self.ancestors(&order);
        let mut void = BTreeSet::new();
        // What the more senior ones do is settled with each round, so the rounds end; the bound is for the reader.
        for _ in 0..=order.len() {
            let (membership, now_void) = self.walk(&order, &ancestors, &void);
            if now_void == void {
                return membership;
            }
            void = now_void;
        }
        self.walk(&order, &ancestors, &void).0
    }

    /// One walk over all versions but void ones, and which are void by what was met.
    fn walk(
        &self,
        order: &[Rank],
        ancestors: &Ancestors,
        void: &BTreeSet<VersionId>,
    ) -> (Membership, BTreeSet<VersionId>) {
        let mut membership = Membership::default();
        let mut now_void = BTreeSet::new();
        for rank in order.iter().filter(|(_, id)| !void.contains(id)) {
            let Some(VerifiedVersion { version, .. }) = self.versions.get(&rank.1) else { continue };
            let removed = match version.change {
                Change::Remove { member } if member != version.author => Some(member),
                _ => None,
            };
            let was_admin = removed.filter(|removed| membership.is_admin(*removed));
            if membership.apply(version, *rank)
                && let Some(removed) = was_admin
            {
                now_void.extend(self.beside(rank.1, removed, ancestors));
            }
        }
        (membership, now_void)
    }

    /// Versions of somebody that neither lead to this one nor follow it.
    fn beside(&self, id: VersionId, author: PostingId, ancestors: &Ancestors) -> Vec<VersionId> {
        let leads = |one: &VersionId, to: &VersionId| ancestors.get(to).is_some_and(|all| all.contains(one));
        let own = self.versions.values().filter(|known| known.version.author == author);
        own.map(|known| known.id).filter(|own| !leads(own, &id) && !leads(&id, own)).collect()
    }

    fn ancestors(&self, order: &[Rank]) -> Ancestors {
        let mut all = Ancestors::new();
        for (_, id) in order {
            let mut own = BTreeSet::new();
            for parent in self.versions.get(id).into_iter().flat_map(parents) {
                own.extend(all.get(&parent).into_iter().flatten().copied());
                own.insert(parent);
            }
            all.insert(*id, own);
        }
        all
    }

    /// How many versions stand before each at most; those with an unknown ancestor are left out.
    fn depths(&self) -> BTreeMap<VersionId, u32> {
        let mut depths: BTreeMap<VersionId, u32> = BTreeMap::new();
        let mut left: Vec<&VerifiedVersion> = self.versions.values().collect();
        loop {
            let before = left.len();
            left.retain(|known| {
                let above = parents(known).map(|parent| depths.get(&parent).copied());
                let Some(above) = above.collect::<Option<Vec<u32>>>() else { return true };
                let depth = above.into_iter().max().map_or(0, |most| most.saturating_add(1));
                depths.insert(known.id, depth);
                false
            });
            if left.len() == before {
                return depths;
            }
        }
    }
}

fn parents(of: &VerifiedVersion) -> impl Iterator<Item = VersionId> {
    of.version.parents.iter().map(|parent| **parent)
}

#[cfg(test)]
mod tests;
