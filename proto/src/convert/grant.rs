//! Roles within places.

use crate::{stored, v1};
use freehold_core::access::{Grant, Permission};
use freehold_core::refusal::Refusal;

/// The message of a grant, with the permissions that its role has in a place.
pub fn message(grant: &Grant) -> v1::Grant {
    let holds = |permission: &&Permission| permission.has_places() && grant.role.holds(**permission);
    v1::Grant {
        role: grant.role.to_string(),
        place: grant.place.to_string(),
        permissions: Permission::ALL.iter().filter(holds).map(ToString::to_string).collect(),
    }
}

/// The grant of a message.
pub fn parse(message: &v1::Grant) -> Result<Grant, Refusal> {
    Ok(Grant {
        role: message.role.parse().map_err(|refusal: Refusal| refusal.at("role"))?,
        place: message.place.parse().map_err(|refusal: Refusal| refusal.at("place"))?,
    })
}

/// The stored form of a grant.
pub(super) fn stored_message(grant: &Grant) -> stored::Grant {
    stored::Grant { role: grant.role.to_string(), place: grant.place.to_string() }
}

/// The grant of its stored form.
pub(super) fn parse_stored(message: &stored::Grant) -> Result<Grant, Refusal> {
    Ok(Grant { role: message.role.parse()?, place: message.place.parse()? })
}

#[cfg(test)]
mod tests {
    use crate::convert::stored::{decode_record, encode_record};
    use data_encoding::HEXLOWER;
    use freehold_core::access::{Grant, Role};
    use freehold_core::model::{Operator, Stamp};
    use freehold_core::{Record, Revision, Timestamp};
    use std::collections::BTreeSet;
    use std::sync::Arc;

    fn alice(grants: BTreeSet<Grant>) -> Record {
        Record::Operator(Arc::new(Operator {
            name: "operators/alice".parse().expect("a name"),
            roles: [Role::Viewer].into(),
            grants,
            disabled: false,
            certificates: Vec::new(),
            stamp: Stamp { created: Timestamp(1), updated: Timestamp(2), revision: Revision(3) },
        }))
    }

    /// What versions without grants wrote: roles, which hold everywhere.
    const ROLES_ALONE: &str = "4a210a0f6f70657261746f72732f616c69636512067669657765722a06080110021803";
    const WITH_GRANTS: &str = "4a730a0f6f70657261746f72732f616c69636512067669657765722a0608011002180332370a1161736d2d61646d696e6973747261746f7212227370616365732f6265726c696e2f70726566697865732f31302e312e302e302d313632170a06766965776572120d7370616365732f6265726c696e";

    #[test]
    fn the_stored_form_is_frozen() {
        let grant = |role, place: &str| Grant { role, place: place.parse().expect("a place") };
        let granted = alice(BTreeSet::from([
            grant(Role::AsmAdministrator, "spaces/berlin/prefixes/10.1.0.0-16"),
            grant(Role::Viewer, "spaces/berlin"),
        ]));
        for (record, frozen) in [(alice(BTreeSet::new()), ROLES_ALONE), (granted, WITH_GRANTS)] {
            assert_eq!(HEXLOWER.encode(&encode_record(&record)), frozen);
            assert_eq!(decode_record(&HEXLOWER.decode(frozen.as_bytes()).expect("hex")).expect("it reads"), record);
        }
    }
}
