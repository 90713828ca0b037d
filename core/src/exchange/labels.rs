//! Tags and custom fields as files carry them. What a field may hold is defined in the plan, so here it is plain text.

use crate::refusal::{Reason, Refusal};
use crate::text::{Text, shown};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The id of a custom field: 1 to 63 characters of `a-z`, `0-9`, and inner hyphens and underscores.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldId(Arc<str>);

impl FieldId {
    /// Takes an id as it is.
    pub fn parse(id: &str) -> Result<Self, Refusal> {
        let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = id.as_bytes();
        let fits = (1..=63).contains(&bytes.len())
            && bytes.iter().all(|b| plain(b) || matches!(b, b'-' | b'_'))
            && plain(&bytes[0])
            && plain(&bytes[bytes.len() - 1]);
        if !fits {
            return Err(Refusal::new(
                Reason::InvalidName,
                format!(
                    "{} is not the id of a custom field: use 1 to 63 characters of a-z, 0-9 and inner hyphens or underscores",
                    shown(id)
                ),
            ));
        }
        Ok(Self(Arc::from(id)))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Tags, each a key with a text that may be empty, and custom fields, each with a text that is not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels {
    tags: BTreeMap<Text, Text>,
    fields: BTreeMap<FieldId, String>,
}

impl Labels {
    /// The tags by key.
    pub fn tags(&self) -> &BTreeMap<Text, Text> {
        &self.tags
    }

    /// The custom fields by id.
    pub fn fields(&self) -> &BTreeMap<FieldId, String> {
        &self.fields
    }

    /// Sets a tag; a key is not empty and given once.
    pub fn tag(&mut self, key: Text, value: Text) -> Result<(), Refusal> {
        let refuse = |message: String| Err(Refusal::new(Reason::InvalidText, message));
        if key.as_str().is_empty() {
            return refuse("a tag has no key; write KEY or KEY=TEXT, tags split by semicolons".into());
        }
        if self.tags.contains_key(&key) {
            return refuse(format!("the tag {} is given twice", shown(key.as_str())));
        }
        self.tags.insert(key, value);
        Ok(())
    }

    /// Sets a custom field; an empty text is none.
    pub fn field(&mut self, id: FieldId, text: &str) {
        if !text.is_empty() {
            self.fields.insert(id, text.to_owned());
        }
    }

    /// Adds the tags of a cell: `site=berlin; voice`. A backslash takes the character behind it as it is.
    pub(super) fn read_tags(&mut self, cell: &str) -> Result<(), Refusal> {
        for item in split(cell, ';') {
            if item.trim().is_empty() {
                continue;
            }
            let mut parts = split(item, '=');
            let key = Text::parse(&plain(parts.next().unwrap_or_default()))?;
            let value = parts.next().map(plain).unwrap_or_default();
            if parts.next().is_some() {
                return Err(Refusal::new(
                    Reason::InvalidText,
                    format!("the tag {} has two equals signs; write \\= for one inside of its text", shown(item)),
                ));
            }
            self.tag(key, Text::parse(&value)?)?;
        }
        Ok(())
    }

    /// The tags as a cell.
    pub(super) fn write_tags(&self) -> String {
        let tag = |(key, value): (&Text, &Text)| match value.as_str() {
            "" => escaped(key.as_str()),
            value => format!("{}={}", escaped(key.as_str()), escaped(value)),
        };
        self.tags.iter().map(tag).collect::<Vec<_>>().join("; ")
    }
}

/// Parts between separators that have no backslash before them.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut behind_backslash = false;
    text.split(move |c| {
        let splits = c == separator && !behind_backslash;
        behind_backslash = c == '\\' && !behind_backslash;
        splits
    })
}

/// The text without its backslashes and the spaces around it.
fn plain(part: &str) -> String {
    let mut text = String::new();
    let mut length = 0;
    let mut chars = part.trim_start().chars();
    while let Some(c) = chars.next() {
        let taken = if c == '\\' { chars.next() } else { Some(c) };
        text.extend(taken);
        if c == '\\' || !c.is_whitespace() {
            length = text.len();
        }
    }
    text.truncate(length);
    text
}

fn escaped(text: &str) -> String {
    let last = text.chars().count().saturating_sub(1);
    let mut escaped = String::with_capacity(text.len());
    for (i, c) in text.chars().enumerate() {
        if matches!(c, '\\' | ';' | '=') || ((i == 0 || i == last) && c.is_whitespace()) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// An id out of a heading as people write it: `Asset Tag (neu)` becomes `asset-tag-neu`, `Gebäude` `gebaeude`. Empty if
/// nothing is left.
pub(crate) fn slug(heading: &str) -> String {
    let mut slug = String::new();
    for c in heading.chars().flat_map(char::to_lowercase) {
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            'ä' | 'æ' => slug.push_str("ae"),
            'ö' | 'ø' | 'œ' => slug.push_str("oe"),
            'ü' => slug.push_str("ue"),
            'ß' => slug.push_str("ss"),
            'à' | 'á' | 'â' | 'ã' | 'å' => slug.push('a'),
            'ç' => slug.push('c'),
            'è' | 'é' | 'ê' | 'ë' => slug.push('e'),
            'ì' | 'í' | 'î' | 'ï' => slug.push('i'),
            'ñ' => slug.push('n'),
            'ò' | 'ó' | 'ô' | 'õ' => slug.push('o'),
            'ù' | 'ú' | 'û' => slug.push('u'),
            _ if !slug.is_empty() && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
        if slug.len() >= 63 {
            break;
        }
    }
    slug.truncate(63);
    slug.truncate(slug.trim_end_matches('-').len());
    slug
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tags(cell: &str) -> Result<Vec<(String, String)>, Reason> {
        let mut labels = Labels::default();
        labels.read_tags(cell).map_err(|refusal| refusal.reason)?;
        Ok(labels.tags.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect())
    }

    #[test]
    fn tags_are_read_as_people_write_them() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(tags(" site = berlin ;voice; "), Ok(vec![pair("site", "berlin"), pair("voice", "")]));
        assert_eq!(tags(r"a\;b=c\=d\ "), Ok(vec![pair("a;b", "c=d ")]));
        for bad in ["=x", "a=b=c", "a;a=1", "a=\n"] {
            assert_eq!(tags(bad).map(|_| ()), if bad == "a=\n" { Ok(()) } else { Err(Reason::InvalidText) }, "{bad:?}");
        }
    }

    #[test]
    fn headings_become_ids() {
        for (heading, want) in [
            ("Asset Tag (neu)", "asset-tag-neu"),
            ("Gebäude", "gebaeude"),
            ("65000:1", "65000-1"),
            ("Straße/Süd", "strasse-sued"),
            ("漢字", ""),
        ] {
            assert_eq!(slug(heading), want);
        }
    }

    proptest! {
        #[test]
        fn tags_read_back(pairs in proptest::collection::btree_map("[^\\p{C}\u{2028}\u{2029}]{1,12}", "[^\\p{C}\u{2028}\u{2029}]{0,12}", 0..5)) {
            let mut labels = Labels::default();
            for (key, value) in &pairs {
                labels.tag(Text::parse(key).expect("a text"), Text::parse(value).expect("a text")).expect("a tag");
            }
            let mut read = Labels::default();
            prop_assert_eq!(read.read_tags(&labels.write_tags()), Ok(()));
            prop_assert_eq!(read, labels);
        }

        #[test]
        fn a_slug_is_an_id_or_nothing(heading in any::<String>()) {
            let slug = slug(&heading);
            prop_assert!(slug.is_empty() || (FieldId::parse(&slug).is_ok() && crate::name::SpaceName::from_id(&slug).is_ok()));
        }
    }
}
