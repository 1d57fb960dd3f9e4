//! Wall-clock time as the protocol knows it: milliseconds since the Unix epoch. Reading a clock is not done here.

use std::time::Duration;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 UTC. Claims of strangers may be any value, so arithmetic saturates.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Encode, Decode,
)]
#[serde(transparent)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] i64);

impl Timestamp {
    /// The epoch itself; also 'never' where a column needs a value.
    pub const ZERO: Self = Self(0);

    /// The end of time.
    pub const NEVER: Self = Self(i64::MAX);

    /// From milliseconds since the epoch.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// The same without a sign; 0 for a time before the epoch.
    #[must_use]
    pub fn as_unsigned_millis(self) -> u64 {
        u64::try_from(self.0).unwrap_or(0)
    }

    /// Minutes since the epoch, rounded down.
    #[must_use]
    pub const fn as_minutes(self) -> i64 {
        self.0.div_euclid(60_000)
    }

    /// This much later, at most the end of time.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// This much earlier, at most the beginning of time.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// `2026-11-22 14:02 UTC`; a time that no calendar can show is said to be that.
    #[must_use]
    pub fn format_utc(self) -> String {
        let minutes = self.as_minutes().rem_euclid(24 * 60);
        format!("{} {:02}:{:02} UTC", self.format_date(), minutes / 60, minutes % 60)
    }

    /// `2026-11-22`.
    #[must_use]
    pub fn format_date(self) -> String {
        let (year, month, day) = civil(self.0.div_euclid(86_400_000));
        if (0..=9999).contains(&year) {
            format!("{year:04}-{month:02}-{day:02}")
        } else {
            "no date".to_owned()
        }
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(Self(self.0.saturating_sub(earlier.0)).as_unsigned_millis())
    }
}

/// The duration in whole milliseconds, saturating.
fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Year, month and day of the proleptic Gregorian calendar, by days since 1970-01-01. Years are counted from March,
/// so that the leap day is the last one; 400 years are always 146,097 days.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_follow_the_calendar_and_survive_any_number() {
        let utc = |millis| Timestamp::from_millis(millis).format_utc();
        assert_eq!(utc(0), "1970-01-01 00:00 UTC");
        assert_eq!(utc(951_825_599_000), "2000-02-29 11:59 UTC");
        assert_eq!(utc(1_795_269_720_000), "2026-11-21 14:02 UTC");
        assert_eq!(utc(-1), "1969-12-31 23:59 UTC");
        assert!(utc(i64::MAX).starts_with("no date") && utc(i64::MIN).starts_with("no date"));
    }

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let end = Timestamp::from_millis(i64::MAX);
        assert_eq!(end.after(Duration::from_secs(1)), end);
        assert_eq!(Timestamp::ZERO.since(end), Duration::ZERO);
        assert_eq!(Timestamp::from_millis(i64::MIN).before(Duration::from_secs(1)).as_millis(), i64::MIN);
    }
}
