//! Update masks (AIP-134).

use super::call::at_most;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::text::shown;
use prost_types::FieldMask;

/// Paths in a mask: more than any resource has fields.
const PATHS_MAX: usize = 64;

/// Which fields an update is about.
#[derive(Debug)]
pub(super) struct Mask<'a> {
    paths: Option<&'a [String]>,
}

impl<'a> Mask<'a> {
    /// Takes a mask of paths that are all in `fields`; without one, every field that is set is meant, and `*` means
    /// all of them. `fixed` are fields that exist but cannot be changed.
    pub(super) fn parse(mask: Option<&'a FieldMask>, fields: &[&str], fixed: &[&str]) -> Result<Self, Refusal> {
        let Some(mask) = mask.filter(|mask| !mask.paths.is_empty()) else {
            return Ok(Self { paths: None });
        };
        at_most(mask.paths.len(), PATHS_MAX, "update_mask.paths")?;
        for (i, path) in mask.paths.iter().enumerate() {
            let at = format!("update_mask.paths[{i}]");
            if fixed.contains(&path.as_str()) {
                return Err(Refusal::new(Reason::FieldImmutable, format!("{path:?} cannot be changed")).at(at));
            }
            if path != "*" && !fields.contains(&path.as_str()) {
                return Err(Refusal::new(
                    Reason::UnknownMaskPath,
                    format!("{} is not a field that can be changed; there are {}", shown(path), fields.join(", ")),
                )
                .at(at));
            }
        }
        Ok(Self { paths: Some(&mask.paths) })
    }

    /// Whether `field` is to be changed; `set` says whether the message has a value for it.
    pub(super) fn has(&self, field: &str, set: bool) -> bool {
        match self.paths {
            Some(paths) => paths.iter().any(|path| path == field || path == "*"),
            None => set,
        }
    }

    /// The value of `field`, parsed, if it is to be changed.
    pub(super) fn take<T>(
        &self,
        field: &str,
        set: bool,
        parse: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        self.has(field, set).then(parse).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(paths: &[&str]) -> FieldMask {
        FieldMask { paths: paths.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn paths_are_fields_that_can_be_changed() {
        let reason = |paths: &[&str]| {
            Mask::parse(Some(&mask(paths)), &["title"], &["cidr"]).map(|_| ()).map_err(|r| (r.reason, r.field))
        };
        assert_eq!(reason(&["title"]), Ok(()));
        assert_eq!(reason(&["*"]), Ok(()));
        assert_eq!(reason(&["title", "cidr"]), Err((Reason::FieldImmutable, "update_mask.paths[1]".into())));
        assert_eq!(reason(&["titel"]), Err((Reason::UnknownMaskPath, "update_mask.paths[0]".into())));
    }

    #[test]
    fn without_a_mask_the_fields_that_are_set_are_meant() {
        let none = Mask::parse(None, &["title"], &[]).expect("a mask");
        assert!(none.has("title", true) && !none.has("title", false));
        let paths = mask(&["title"]);
        let some = Mask::parse(Some(&paths), &["title", "description"], &[]).expect("a mask");
        assert!(some.has("title", false) && !some.has("description", true));
    }
}
