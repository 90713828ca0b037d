//! Points in time in files: RFC 3339 (§5.6) in UTC, to the millisecond.

use crate::refusal::{Reason, Refusal};
use crate::text::shown;
use crate::time::Timestamp;

const DAY: i64 = 86_400_000;

/// `2026-11-21T14:05:00.250Z`; the milliseconds only where there are any. Times outside of the years 0000 to 9999
/// are given as the nearest that has four digits.
pub(super) fn write(at: Timestamp) -> String {
    let at = at.0.clamp(days(0, 1, 1) * DAY, days(10_000, 1, 1) * DAY - 1);
    let (day, millis) = (at.div_euclid(DAY), at.rem_euclid(DAY));
    let (year, month, date) = civil(day);
    let (hour, minute, second, fraction) =
        (millis / 3_600_000, millis / 60_000 % 60, millis / 1_000 % 60, millis % 1_000);
    let clock = format!("{year:04}-{month:02}-{date:02}T{hour:02}:{minute:02}:{second:02}");
    if fraction == 0 { format!("{clock}Z") } else { format!("{clock}.{fraction:03}Z") }
}

/// Takes `2026-11-21T14:05:00Z`, with a fraction, with an offset such as `+01:00`, with a space for the `T`; and a date
/// alone, which is its beginning in UTC.
pub(super) fn parse(text: &str) -> Result<Timestamp, Refusal> {
    read(text.as_bytes()).map(Timestamp).ok_or_else(|| {
        Refusal::new(
            Reason::InvalidValue,
            format!("{} is not a time, such as 2026-11-21T14:05:00Z or 2026-11-21", shown(text)),
        )
    })
}

fn read(text: &[u8]) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (b'-', b'-') = (date[4], date[7]) else { return None };
    let (year, month, day) = (number(&date[..4])?, number(&date[5..7])?, number(&date[8..])?);
    let midnight = days(year, month, day);
    if civil(midnight) != (year, month, day) {
        return None;
    }
    if rest.is_empty() {
        return Some(midnight * DAY);
    }
    let (clock, rest) = rest.split_at_checked(9)?;
    let (b'T' | b't' | b' ', b':', b':') = (clock[0], clock[3], clock[6]) else { return None };
    let (hour, minute, second) = (number(&clock[1..3])?, number(&clock[4..6])?, number(&clock[7..])?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let (millis, zone) = fraction(rest)?;
    let clock = (hour * 3_600 + minute * 60 + second) * 1_000 + millis;
    Some(midnight * DAY + clock - offset_minutes(zone)? * 60_000)
}

fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', rest)) = rest.split_first() else { return Some((0, rest)) };
    let end = rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
    let digit = |i: usize| rest[..end].get(i).map_or(0, |b| i64::from(b - b'0'));
    (end > 0).then_some((digit(0) * 100 + digit(1) * 10 + digit(2), &rest[end..]))
}

fn offset_minutes(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let offset = hours * 60 + minutes;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -offset } else { offset })
        }
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + i64::from(b - b'0')))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; years begin in March, so that a leap day is the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The date of a day counted from 1970-01-01: year, month, day.
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
            ("2012-04-21 11:30:00-04:00", 1_335_022_200_000),
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
        fn every_time_of_four_digit_years_reads_back(millis in -62_167_219_200_000i64..253_402_300_800_000) {
            prop_assert_eq!(parse(&write(Timestamp(millis))), Ok(Timestamp(millis)));
        }
    }
}
