//! Roles within places that are none.

use super::{Case, case};
use crate::house::*;
use freehold_proto::v1::*;
use tonic::Code::{InvalidArgument, NotFound};

const CREATE: &str = "/freehold.v1.OperatorService/CreateOperator";

fn granted(role: &str, place: &str) -> CreateOperatorRequest {
    let grant = Grant { role: role.to_owned(), place: place.to_owned(), ..Grant::default() };
    CreateOperatorRequest {
        operator_id: "new".to_owned(),
        operator: Some(Operator { grants: vec![grant], ..Operator::default() }),
        ..CreateOperatorRequest::default()
    }
}

pub(super) fn cases() -> Vec<Case> {
    vec![
        case(
            "a role that there is not, in a place",
            CREATE,
            granted("god", DEFAULT),
            (InvalidArgument, "INVALID_VALUE", "operator.grants[0].role"),
        ),
        case(
            "a role in no place",
            CREATE,
            granted("viewer", ""),
            (InvalidArgument, "INVALID_NAME", "operator.grants[0].place"),
        ),
        case(
            "a role in a scope",
            CREATE,
            granted("viewer", "scopes/yard"),
            (InvalidArgument, "INVALID_NAME", "operator.grants[0].place"),
        ),
        case(
            "a role in a prefix with bits behind its length",
            CREATE,
            granted("viewer", "spaces/default/prefixes/10.0.0.1-8"),
            (InvalidArgument, "INVALID_CIDR", "operator.grants[0].place"),
        ),
        case(
            "a role in a space that there is not",
            CREATE,
            granted("viewer", "spaces/nowhere/prefixes/10.0.0.0-8"),
            (NotFound, "SPACE_NOT_FOUND", "operator.grants"),
        ),
        case(
            "a role in a space that there is not, for somebody who is there",
            "/freehold.v1.OperatorService/UpdateOperator",
            UpdateOperatorRequest {
                operator: granted("viewer", "spaces/nowhere")
                    .operator
                    .map(|operator| Operator { name: "operators/admin".to_owned(), ..operator }),
                ..UpdateOperatorRequest::default()
            },
            (NotFound, "SPACE_NOT_FOUND", "operator.grants"),
        ),
    ]
}
