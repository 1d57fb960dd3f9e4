//! Ages as a person reads them beside a post. Claims of strangers may be any number.

use crate::domain::time::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How old something is, in at most ten characters; older than a year, its day.
pub fn age(now: Timestamp, then: Timestamp) -> String {
    match now.since(then).as_secs() {
        0..MINUTE => "now".to_owned(),
        seconds @ MINUTE..HOUR => format!("{}m", seconds / MINUTE),
        seconds @ HOUR..DAY => format!("{}h", seconds / HOUR),
        seconds if seconds < 365 * DAY => format!("{}d", seconds / DAY),
        _ => then.format_date(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
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
