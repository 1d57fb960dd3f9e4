//! Times as a person reads them: an age beside a post, a date in UTC above it. Claims of strangers may be any number.

use crate::domain::time::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const DAY_MS: i64 = 86_400_000;

/// How old something is, in at most ten characters; older than a year, its day.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    match now.since(then).as_secs() {
        0..MINUTE => "now".to_owned(),
        seconds @ MINUTE..HOUR => format!("{}m", seconds / MINUTE),
        seconds @ HOUR..DAY => format!("{}h", seconds / HOUR),
        seconds if seconds < 365 * DAY => format!("{}d", seconds / DAY),
        _ => date(then),
    }
}

/// `2026-11-22 14:02 UTC`.
pub fn date_time(time: Timestamp) -> String {
    let minutes = time.as_minutes().rem_euclid(24 * 60);
    format!("{} {:02}:{:02} UTC", date(time), minutes / 60, minutes % 60)
}

/// `2026-11-22`; a time that no calendar on a screen can show is said to be that.
pub fn date(time: Timestamp) -> String {
    let (year, month, day) = civil(time.as_millis().div_euclid(DAY_MS));
    if (0..=9999).contains(&year) { format!("{year:04}-{month:02}-{day:02}") } else { "no date".to_owned() }
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
    use std::time::Duration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn known_days_have_their_dates() {
        assert_eq!(date_time(at(0)), "1970-01-01 00:00 UTC");
        assert_eq!(date_time(at(951_827_696)), "2000-02-29 12:34 UTC");
        assert_eq!(date_time(at(1_795_269_720)), "2026-11-21 14:02 UTC");
        assert_eq!(date_time(at(-1)), "1969-12-31 23:59 UTC");
        assert_eq!(date_time(Timestamp::from_millis(i64::MAX)).split(' ').next(), Some("no"));
        assert!(date_time(Timestamp::from_millis(i64::MIN)).starts_with("no date"));
    }

    #[test]
    fn ages_grow_and_never_go_below_now() {
        let now = at(1_795_269_720);
        let before = |seconds| age(now, now.before(Duration::from_secs(seconds)));
        assert_eq!(before(59), "now");
        assert_eq!(before(60), "1m");
        assert_eq!(before(3_600), "1h");
        assert_eq!(before(86_400 * 364), "364d");
        assert_eq!(before(86_400 * 366), "2025-11-20");
        assert_eq!(age(now, now.after(Duration::from_secs(90))), "now");
    }
}
