//! Lengths of time as people type them: `30s`, `1h`, `1h30m`, `7d`, or plain seconds.

use std::time::Duration;

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// Reads a length of time in whole seconds: numbers with a unit, the longest unit first, or a number of seconds.
pub fn parse(text: &str) -> Result<Duration, String> {
    total(text).map(Duration::from_secs).ok_or_else(|| {
        format!("{:?} is not a length of time, such as 30s, 1h, 1h30m or 7d", text.chars().take(80).collect::<String>())
    })
}

/// The same, where the wire has seconds of 32 bits.
pub fn parse_seconds(text: &str) -> Result<u32, String> {
    let length = parse(text)?;
    u32::try_from(length.as_secs()).map_err(|_| format!("{text} is longer than any lease"))
}

/// Writes seconds the way [`parse`] reads them: `1h30m`.
pub fn show(seconds: u64) -> String {
    let mut rest = seconds;
    let mut text = String::new();
    for (unit, length) in UNITS {
        if rest >= length {
            text += &format!("{}{unit}", rest / length);
            rest %= length;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

fn total(text: &str) -> Option<u64> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    let mut sum: u64 = 0;
    let mut units = UNITS.iter();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..end].parse().ok()?;
        let unit = rest[end..].chars().next()?;
        let (_, length) = units.find(|(known, _)| *known == unit)?;
        sum = sum.checked_add(number.checked_mul(*length)?)?;
        rest = &rest[end + unit.len_utf8()..];
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_and_written_the_same_way() {
        for (text, seconds) in
            [("30s", 30), ("1h", 3600), ("1h30m", 5400), ("7d", 604_800), ("1d1h1m1s", 90_061), ("0s", 0)]
        {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)));
            assert_eq!(show(seconds), text);
        }
        assert_eq!(parse("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_seconds("1h"), Ok(3600));
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in
            ["", "h", "1x", "-1s", "1m1h", "1h1h", "1 h", "1.5h", "99999999999999999999", "9999999999999999999d", "1é"]
        {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(parse_seconds("100000d"), Err("100000d is longer than any lease".to_owned()));
    }
}
