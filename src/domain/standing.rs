//! How somebody behaved: a score that falls with offences and recovers with time, and a ban. Who is judged is a node
//! or the public prefix it is seen in. What counts as an offence is not decided here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::ids::NetworkId;
use super::time::Timestamp;
use crate::limits::{BAN_TIME, SCORE_CUT, SCORE_HALF_LIFE};

/// A part of the public internet that one party usually holds: /24 of IPv4, /48 of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Prefix {
    /// The first three bytes.
    V4([u8; 3]),
    /// The first six bytes.
    V6([u8; 6]),
}

impl Prefix {
    /// The prefix of a public address; `None` for addresses that mean something else in every network (loopback,
    /// private, link-local, shared by a provider): whoever is seen there is a neighbour.
    #[must_use]
    pub fn of(address: IpAddr) -> Option<Self> {
        match address.to_canonical() {
            IpAddr::V4(ip) => {
                let octets = ip.octets();
                octets.first_chunk().filter(|_| is_public_v4(ip)).map(|first| Self::V4(*first))
            }
            IpAddr::V6(ip) => {
                let octets = ip.octets();
                octets.first_chunk().filter(|_| is_public_v6(ip)).map(|first| Self::V6(*first))
            }
        }
    }
}

const fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, ..] = ip.octets();
    let is_shared_by_provider = a == 100 && b & 0xc0 == 64;
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_unspecified()
        || ip.is_broadcast()
        || ip.is_multicast()
        || is_shared_by_provider)
}

const fn is_public_v6(ip: Ipv6Addr) -> bool {
    !(ip.is_loopback()
        || ip.is_unspecified()
        || ip.is_multicast()
        || ip.is_unique_local()
        || ip.is_unicast_link_local())
}

/// Who is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// A node, by the id its handshake proves.
    Node(NetworkId),
    /// Everybody in a prefix.
    Prefix(Prefix),
}

impl Subject {
    /// As it stands in the store: 32 bytes of a node, 3 or 6 of a prefix.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Node(id) => id.as_bytes(),
            Self::Prefix(Prefix::V4(bytes)) => bytes,
            Self::Prefix(Prefix::V6(bytes)) => bytes,
        }
    }

    /// From [`Self::as_bytes`]; `None` for any other length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if let Ok(id) = NetworkId::try_from(bytes) {
            return Some(Self::Node(id));
        }
        let v4 = || bytes.try_into().ok().map(Prefix::V4);
        let v6 = || bytes.try_into().ok().map(Prefix::V6);
        v4().or_else(v6).map(Self::Prefix)
    }
}

/// Whether somebody is kept out, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ban {
    /// Not at all.
    None,
    /// For its offences, until then.
    Until(Timestamp),
    /// By a person, until a person lifts it.
    ByPerson,
}

impl Ban {
    /// Whether it holds now.
    #[must_use]
    pub fn holds(self, now: Timestamp) -> bool {
        match self {
            Self::None => false,
            Self::Until(end) => now < end,
            Self::ByPerson => true,
        }
    }
}

/// What an offence led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It is remembered.
    Noted,
    /// The score is at or below [`SCORE_CUT`]: no connection is kept.
    Cut,
    /// The score is at or below the bound for bans.
    Banned,
}

/// A score in thousandths of a point, never above 0, with the time it was taken, and a ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Thousandths of a point, at `scored`.
    pub score_milli: i64,
    /// When.
    pub scored: Timestamp,
    /// Whether it is kept out.
    pub ban: Ban,
}

impl Standing {
    /// Of somebody nothing is known of.
    #[must_use]
    pub const fn clean(now: Timestamp) -> Self {
        Self { score_milli: 0, scored: now, ban: Ban::None }
    }

    /// The score now, in thousandths: half of it is gone every [`SCORE_HALF_LIFE`].
    #[must_use]
    pub fn score_at(&self, now: Timestamp) -> i64 {
        let half_life = i64::try_from(SCORE_HALF_LIFE.as_millis()).unwrap_or(i64::MAX);
        let elapsed = i64::try_from(now.since(self.scored).as_millis()).unwrap_or(i64::MAX);
        let halvings = u32::try_from(elapsed / half_life).unwrap_or(u32::MAX);
        let whole = 2_i64.checked_pow(halvings).map_or(0, |divisor| self.score_milli / divisor);
        // A straight line between two halvings.
        let rest = elapsed % half_life;
        let twice = half_life.saturating_mul(2);
        whole.saturating_mul(twice.saturating_sub(rest)) / twice
    }

    /// Takes these points (below 0) away. At or below `ban_at` points a ban begins that lasts [`BAN_TIME`].
    pub fn offended(&mut self, points: i64, ban_at: i64, now: Timestamp) -> Verdict {
        let score = self.score_at(now).saturating_add(points.saturating_mul(1_000));
        (self.score_milli, self.scored) = (score, now);
        if score <= ban_at.saturating_mul(1_000) {
            self.ban = self.ban.max(Ban::Until(now.after(BAN_TIME)));
            Verdict::Banned
        } else if score <= SCORE_CUT.saturating_mul(1_000) {
            Verdict::Cut
        } else {
            Verdict::Noted
        }
    }

    /// Whether nothing of it matters any more: the ban is over and less than a tenth of a point is left.
    #[must_use]
    pub fn is_spent(&self, now: Timestamp) -> bool {
        const NOTHING: i64 = -100;
        !self.ban.holds(now) && self.score_at(now) > NOTHING
    }

    /// Our clock was set back to `now`: nothing was scored later, and no ban lasts longer than one that begins now.
    pub fn clock_stepped_back(&mut self, now: Timestamp) {
        self.scored = self.scored.min(now);
        if let Ban::Until(end) = &mut self.ban {
            *end = (*end).min(now.after(BAN_TIME));
        }
    }

    /// How long the ban still lasts; `None` without one, or without an end.
    #[must_use]
    pub fn banned_for(&self, now: Timestamp) -> Option<Duration> {
        match self.ban {
            Ban::Until(end) if now < end => Some(end.since(now)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Banned, Cut, Noted};
    use super::*;
    use crate::limits::SCORE_BAN;

    const NOW: Timestamp = Timestamp::from_millis(1_795_269_720_000);

    #[test]
    fn only_public_addresses_have_a_prefix() {
        let prefix = |text: &str| Prefix::of(text.parse().unwrap());
        assert_eq!(prefix("198.41.0.4"), Some(Prefix::V4([198, 41, 0])));
        assert_eq!(prefix("::ffff:198.41.0.4"), Some(Prefix::V4([198, 41, 0])), "the same host");
        assert_eq!(prefix("2001:503:ba3e::2:30"), Some(Prefix::V6([0x20, 1, 5, 3, 0xba, 0x3e])));
        let exempt = [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.251",
            "::1",
            "fe80::1",
            "fd00::1",
            "::",
            "ff02::fb",
            "::ffff:10.0.0.1",
        ];
        for address in exempt {
            assert_eq!(prefix(address), None, "{address}");
        }
    }

    #[test]
    fn subjects_survive_their_bytes() {
        let subjects = [
            Subject::Node(NetworkId::from_bytes([7; 32])),
            Subject::Prefix(Prefix::V4([1, 2, 3])),
            Subject::Prefix(Prefix::V6([1, 2, 3, 4, 5, 6])),
        ];
        for subject in subjects {
            assert_eq!(Subject::from_bytes(subject.as_bytes()), Some(subject));
        }
        assert_eq!(Subject::from_bytes(&[1, 2]), None);
    }

    #[test]
    fn half_of_a_score_is_gone_after_every_half_life_and_in_between_it_only_rises() {
        let mut standing = Standing::clean(NOW);
        standing.offended(-40, SCORE_BAN, NOW);
        let after = |lives: u32| standing.score_at(NOW.after(SCORE_HALF_LIFE * lives));
        assert_eq!([after(0), after(1), after(2), after(3)], [-40_000, -20_000, -10_000, -5_000]);
        assert_eq!(after(60), 0);
        let minutes = (0..60).map(|minute| standing.score_at(NOW.after(Duration::from_mins(minute))));
        let minutes: Vec<i64> = minutes.collect();
        assert!(minutes.windows(2).all(|pair| pair[0] < pair[1]), "{minutes:?}");
    }

    #[test]
    fn offences_are_noted_then_cut_then_banned_and_a_ban_ends() {
        let mut standing = Standing::clean(NOW);
        let verdicts: Vec<Verdict> = (0..5).map(|_| standing.offended(-10, SCORE_BAN, NOW)).collect();
        assert_eq!(verdicts, [Noted, Cut, Cut, Cut, Banned]);
        let end = NOW.after(BAN_TIME);
        assert!(standing.ban.holds(NOW) && standing.ban.holds(end.before(Duration::from_millis(1))));
        assert!(!standing.ban.holds(end));
        assert_eq!(standing.banned_for(NOW), Some(BAN_TIME));
        assert!(standing.is_spent(end) && !standing.is_spent(NOW));
    }

    #[test]
    fn slow_offences_never_lead_to_a_ban() {
        let mut standing = Standing::clean(NOW);
        for number in 0..1_000_u32 {
            let now = NOW.after(SCORE_HALF_LIFE * number);
            assert!(standing.offended(-10, SCORE_BAN, now) < Verdict::Banned);
        }
    }

    #[test]
    fn a_ban_by_a_person_outlasts_everything_and_a_clock_set_back_prolongs_nothing() {
        let mut standing = Standing { ban: Ban::ByPerson, ..Standing::clean(NOW) };
        standing.offended(-60, SCORE_BAN, NOW);
        assert_eq!(standing.ban, Ban::ByPerson);
        standing.ban = Ban::Until(NOW.after(BAN_TIME));
        let yesterday = NOW.before(Duration::from_hours(24));
        standing.clock_stepped_back(yesterday);
        assert_eq!(standing.banned_for(yesterday), Some(BAN_TIME));
        assert!(standing.score_at(yesterday.after(SCORE_HALF_LIFE)) > -60_000);
    }
}
