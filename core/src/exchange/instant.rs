//! Points in time in files: RFC 3339 (§5.6) in UTC, to the millisecond.

use crate::filter::moment;
use crate::refusal::{Reason, Refusal};
use crate::text::shown;
use crate::time::Timestamp;

const DAY: i64 = 86_400_000;
/// The first and the last millisecond of the years of four digits.
const FIRST: i64 = -62_167_219_200_000;
const LAST: i64 = 253_402_300_799_999;

/// `2026-11-21T14:05:00.250Z`; the milliseconds only where there are any. Times outside of the years 0000 to 9999
/// are given as the nearest that has four digits.
pub(super) fn write(at: Timestamp) -> String {
    let at = at.0.clamp(FIRST, LAST);
    let (day, millis) = (at.div_euclid(DAY), at.rem_euclid(DAY));
    let (year, month, date) = civil(day);
    let (hour, minute, second, fraction) =
        (millis / 3_600_000, millis / 60_000 % 60, millis / 1_000 % 60, millis % 1_000);
    let clock = format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}");
    if fraction == 0 { format!("{clock}Z") } else { format!("{clock}.{fraction:03}Z") }
}

/// Takes what RFC 3339 has, and a date alone, which is its beginning in UTC.
pub(super) fn parse(text: &str) -> Result<Timestamp, Refusal> {
    moment::absolute(text).ok_or_else(|| {
        Refusal::new(
            Reason::InvalidValue,
            format!("{} is not a time, such as 2026-11-21T14:05:00Z or 2026-11-21", shown(text)),
        )
    })
}

/// The date of a day counted from 1970-01-01: year, month, day. Years begin in March, so that a leap day is the last one.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_and_written() {
        for (text, millis) in [
            ("1970-01-01", 0),
            ("1969-12-31T23:59:59.5Z", -500),
            ("2000-02-29", 951_782_400_000),
            ("2012-04-21T11:30:00-04:00", 1_335_022_200_000),
        ] {
            assert_eq!(parse(text), Ok(Timestamp(millis)), "{text}");
        }
        assert_eq!(write(Timestamp(951_782_400_007)), "2000-02-29T00:00:00.007Z");
        for bad in [
            "",
            "2026",
            "2026-02-30",
            "2026-13-01",
            "31.12.2026",
            "2026-01-01T24:00:00Z",
            "2026-01-01T10:00",
            "2026-01-01T10:00:00",
        ] {
            assert_eq!(parse(bad).map_err(|r| r.reason), Err(Reason::InvalidValue), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_time_of_four_digit_years_reads_back(millis in FIRST..=LAST) {
            prop_assert_eq!(parse(&write(Timestamp(millis))), Ok(Timestamp(millis)));
        }
    }
}
