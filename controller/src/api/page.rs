//! Pages of lists (AIP-158). A token says where the page before ended, so a list that changes between
//! two pages shows nothing twice and leaves nothing out that was there all along.

use data_encoding::BASE64URL_NOPAD;
use freehold_core::refusal::{Reason, Refusal};
use sha2::{Digest, Sha256};
use tonic::Status;

/// Rows in a page if the caller does not say.
const SIZE_DEFAULT: usize = 100;
/// Rows in a page at most.
const SIZE_MAX: usize = 1000;
/// Rows looked at for one page of a filtered list at most.
const LOOKED_AT_MAX: usize = 20_000;
/// Bytes that tie a token to its list.
const TIE: usize = 8;

/// Which page of a list is wanted.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) size: usize,
    pub(super) after: Option<String>,
    tie: [u8; TIE],
}

impl Page {
    /// Takes a request's page. `list` names the list and what it is filtered by: a token of another is refused.
    pub(super) fn parse(size: i32, token: &str, list: &str) -> Result<Self, Status> {
        let mut tie = [0; TIE];
        tie.copy_from_slice(&Sha256::digest(list)[..TIE]);
        let size = match usize::try_from(size) {
            Ok(0) => SIZE_DEFAULT,
            Ok(size) => size.min(SIZE_MAX),
            Err(_) => {
                let refusal =
                    Refusal::new(Reason::InvalidValue, "a page cannot have fewer than no rows").at("page_size");
                return Err(super::call::refuse(refusal));
            }
        };
        let after = (!token.is_empty()).then(|| decode(token, tie)).transpose()?;
        Ok(Self { size, after, tie })
    }

    /// Where the page before ended, as the name of its last row.
    pub(super) fn after<N: std::str::FromStr<Err = Refusal>>(&self) -> Result<Option<N>, Status> {
        self.after.as_deref().map(str::parse).transpose().map_err(|_| invalid())
    }

    /// Cuts `rows`, of which there should be one more than a page has if there are more, and gives the next token.
    pub(super) fn cut<T>(&self, mut rows: Vec<T>, name: impl Fn(&T) -> String) -> (Vec<T>, String) {
        let more = rows.len() > self.size;
        rows.truncate(self.size);
        let token = rows.last().filter(|_| more).map(|last| self.token(&name(last))).unwrap_or_default();
        (rows, token)
    }

    /// The page of those of `rows` that are taken, and the token of the next. It looks at so many only, whatever comes of it.
    pub(super) fn filtered<R, T>(
        &self,
        rows: impl Iterator<Item = R>,
        takes: impl Fn(&R) -> bool,
        name: impl Fn(&R) -> String,
        shown: impl Fn(&R) -> T,
    ) -> (Vec<T>, String) {
        let (mut found, mut last) = (Vec::new(), None);
        for (looked_at, row) in rows.enumerate() {
            if looked_at == LOOKED_AT_MAX {
                return (found, last.map(|last: R| self.token(&name(&last))).unwrap_or_default());
            }
            if takes(&row) {
                if found.len() == self.size {
                    return (found, last.map(|last: R| self.token(&name(&last))).unwrap_or_default());
                }
                found.push(shown(&row));
            }
            last = Some(row);
        }
        (found, String::new())
    }

    /// The token of a page that ended after `last`.
    pub(super) fn token(&self, last: &str) -> String {
        BASE64URL_NOPAD.encode(&[&self.tie, last.as_bytes()].concat())
    }
}

fn decode(token: &str, tie: [u8; TIE]) -> Result<String, Status> {
    let bytes = BASE64URL_NOPAD.decode(token.as_bytes()).map_err(|_| invalid())?;
    let rest = bytes.strip_prefix(&tie).ok_or_else(invalid)?;
    String::from_utf8(rest.to_vec()).map_err(|_| invalid())
}

pub(super) fn invalid() -> Status {
    let refusal = Refusal::new(
        Reason::InvalidPageToken,
        "the page token is not one that this list gave, or the list is filtered otherwise; begin again without one",
    );
    super::call::refuse(refusal.at("page_token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_its_list() {
        let page = Page::parse(2, "", "a").expect("a page");
        let (rows, token) = page.cut(vec!["x", "y", "z"], |row| row.to_string());
        assert_eq!(rows, ["x", "y"]);
        let next = Page::parse(2, &token, "a").expect("a page");
        assert_eq!(next.after.as_deref(), Some("y"));
        assert!(Page::parse(2, &token, "b").is_err());
        assert!(Page::parse(2, "not a token", "a").is_err());
        assert_eq!(page.cut(vec!["x", "y"], |row| row.to_string()).1, "");
    }

    #[test]
    fn sizes_are_bounded() {
        let size = |size| Page::parse(size, "", "a").map(|page| page.size).ok();
        assert_eq!([size(0), size(5), size(5000), size(-1)], [Some(100), Some(5), Some(1000), None]);
    }
}
