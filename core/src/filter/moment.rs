//! Points in time as people write them.

use crate::time::Timestamp;

const DAY: i64 = 86_400_000;

/// A point in time: RFC 3339, a date alone (its beginning in UTC), or a distance from `now` such as `-30d`.
pub(super) fn parse(text: &str, now: Timestamp) -> Option<Timestamp> {
    match text.as_bytes().first()? {
        b'+' | b'-' => relative(text, now),
        _ => absolute(text),
    }
}

/// `-30d`: a sign, a whole number, and s, m, h, d or w.
fn relative(text: &str, now: Timestamp) -> Option<Timestamp> {
    let (sign, distance) = text.split_at_checked(1)?;
    let (number, unit) = distance.split_at_checked(distance.len() - distance.chars().next_back()?.len_utf8())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    let number = i64::from(digits(number.as_bytes(), 1, 9)?) * seconds;
    Some(now.plus_seconds(if sign == "-" { -number } else { number }))
}

/// RFC 3339 §5.6, to the millisecond; a leap second is the one after it.
pub(crate) fn absolute(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let (date, rest) = bytes.split_at_checked(10)?;
    let midnight = days(date)?.checked_mul(DAY)?;
    if rest.is_empty() {
        return Some(Timestamp(midnight));
    }
    let (clock, rest) = rest.split_at_checked(9)?;
    let (b'T' | b't', b':', b':') = (clock[0], clock[3], clock[6]) else { return None };
    let (hour, minute, second) =
        (digits(&clock[1..3], 2, 2)?, digits(&clock[4..6], 2, 2)?, digits(&clock[7..9], 2, 2)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (millis, rest) = fraction(rest)?;
    let offset = offset_minutes(rest)?;
    let seconds = i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second) - offset * 60;
    Some(Timestamp(midnight + seconds * 1_000 + millis))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, `YYYY-MM-DD`.
fn days(date: &[u8]) -> Option<i64> {
    let (b'-', b'-') = (date[4], date[7]) else { return None };
    let year = i64::from(digits(&date[..4], 4, 4)?);
    let (month, day) = (digits(&date[5..7], 2, 2)?, digits(&date[8..], 2, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *lengths.get(usize::try_from(month).ok()?.checked_sub(1)?)?;
    if !(1..=length).contains(&day) {
        return None;
    }
    let before: u32 = lengths.iter().take(month as usize - 1).sum();
    let leaps = |year: i64| year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let years = (year - 1970) * 365 + leaps(year - 1) - leaps(1969);
    Some(years + i64::from(before) + i64::from(day) - 1)
}

/// The milliseconds of `.123…`, cut, and what stands behind it.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', rest)) = rest.split_first() else { return Some((0, rest)) };
    let end = rest.iter().position(|b| !b.is_ascii_digit()).unwrap_or(rest.len());
    let (fraction, rest) = rest.split_at(end);
    let digit = |i: usize| fraction.get(i).map_or(0, |b| i64::from(b - b'0'));
    (!fraction.is_empty()).then_some((digit(0) * 100 + digit(1) * 10 + digit(2), rest))
}

/// `Z` or `+01:30`, in minutes.
fn offset_minutes(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (digits(&[*h1, *h2], 2, 2)?, digits(&[*m1, *m2], 2, 2)?);
            let offset = i64::from(hours * 60 + minutes);
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -offset } else { offset })
        }
        _ => None,
    }
}

/// A number of `least` to `most` decimal digits; at most 9.
fn digits(text: &[u8], least: usize, most: usize) -> Option<u32> {
    let fits = (least..=most).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    fits.then(|| text.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_are_read() {
        let now = Timestamp(1_000_000_000_000);
        let table = [
            ("1970-01-01", Some(0)),
            ("1969-12-31T23:59:59.5Z", Some(-500)),
            ("2000-02-29", Some(951_782_400_000)),
            ("2000-03-01T00:00:00Z", Some(951_868_800_000)),
            ("1900-03-01", Some(-2_203_891_200_000)),
            ("0000-01-01", Some(-62_167_219_200_000)),
            ("9999-12-31T23:59:59.999999Z", Some(253_402_300_799_999)),
            ("2012-04-21t11:30:00-04:00", Some(1_335_022_200_000)),
            ("2012-04-21T11:30:00+04:30", Some(1_334_991_600_000)),
            ("2016-12-31T23:59:60Z", Some(1_483_228_800_000)),
            ("-30d", Some(1_000_000_000_000 - 30 * DAY)),
            ("+2w", Some(1_000_000_000_000 + 14 * DAY)),
            ("-90m", Some(1_000_000_000_000 - 5_400_000)),
            ("-0s", Some(1_000_000_000_000)),
            ("+1h", Some(1_000_003_600_000)),
            ("-999999999w", Some(1_000_000_000_000 - 999_999_999 * 7 * DAY)),
            ("1900-02-29", None),
            ("2001-02-29", None),
            ("2000-00-01", None),
            ("2000-13-01", None),
            ("2000-01-32", None),
            ("2000-01-00", None),
            ("2000-1-1", None),
            ("2000-01-01T", None),
            ("2000-01-01T24:00:00Z", None),
            ("2000-01-01T00:60:00Z", None),
            ("2000-01-01T00:00:61Z", None),
            ("2000-01-01T00:00:00", None),
            ("2000-01-01 00:00:00Z", None),
            ("2000-01-01T00:00:00.Z", None),
            ("2000-01-01T00:00:00+1:00", None),
            ("2000-01-01T00:00:00+24:00", None),
            ("+000-01-01", None),
            ("-30", None),
            ("-d", None),
            ("-", None),
            ("30d", None),
            ("--1d", None),
            ("-1y", None),
            ("-1é", None),
            ("-1000000000d", None),
            ("", None),
            ("éééééééééé", None),
        ];
        for (text, millis) in table {
            assert_eq!(parse(text, now), millis.map(Timestamp), "{text}");
        }
    }
}
