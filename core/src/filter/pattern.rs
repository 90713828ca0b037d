//! Text with wildcards, compared without regard to case.

use std::borrow::Cow;

/// `text` in lower case, letter by letter: what a letter becomes does not depend on its neighbours, so a part of a
/// text is still a part of it afterwards.
pub(super) fn folded(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
    }
}

/// Pieces of text in their order with anything between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// In lower case; never empty.
    pieces: Vec<String>,
}

impl Pattern {
    /// Takes the whole of a text.
    pub(super) fn whole(pieces: &[String]) -> Self {
        Self { pieces: pieces.iter().map(|piece| folded(piece).into_owned()).collect() }
    }

    /// Takes any part of a text.
    pub(super) fn part(pieces: &[String]) -> Self {
        let inner = pieces.iter().map(|piece| folded(piece).into_owned());
        Self { pieces: [String::new()].into_iter().chain(inner).chain([String::new()]).collect() }
    }

    /// Whether `text` is of this form. Costs the length of the text, and a little for each piece.
    pub(super) fn matches(&self, text: &str) -> bool {
        let text = folded(text);
        let (first, rest) = self.pieces.split_first().expect("a literal has a piece");
        let Some((last, inner)) = rest.split_last() else { return text == first.as_str() };
        let Some(mut rest) = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str())) else {
            return false;
        };
        inner.iter().all(|piece| rest.find(piece.as_str()).map(|at| rest = &rest[at + piece.len()..]).is_some())
    }

    /// The only text that it takes, in lower case.
    pub(super) fn exact(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [text] => Some(text),
            _ => None,
        }
    }

    /// What every text that it takes begins with, in lower case.
    pub(super) fn beginning(&self) -> &str {
        self.pieces.first().map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same by trying every place of every piece.
    fn slowly(pieces: &[String], text: &str) -> bool {
        match pieces {
            [] => false,
            [last] => text == last,
            [first, rest @ ..] => {
                let Some(after) = text.strip_prefix(first.as_str()) else { return false };
                (0..=after.len()).any(|skip| slowly(rest, &after[skip..]))
            }
        }
    }

    proptest! {
        #[test]
        fn a_pattern_takes_what_trying_every_place_takes(
            pieces in prop::collection::vec("[ab]{0,2}", 1..5),
            text in "[ab]{0,9}",
        ) {
            prop_assert_eq!(Pattern::whole(&pieces).matches(&text), slowly(&pieces, &text));
        }
    }

    #[test]
    fn a_part_is_still_a_part_in_lower_case() {
        // As words, "ΟΔΟΣ" ends with another letter in lower case than its last letter alone has.
        assert!(Pattern::part(&["ΟΔΟΣ".into()]).matches("ΟΔΟΣΑ") && Pattern::part(&["σ".into()]).matches("ΟΔΟΣ"));
    }
}
