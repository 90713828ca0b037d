//! Input that must be refused, each with its exact code, reason and field, and nothing stored.

mod addresses;
mod bulk;
mod grants;
mod labels;
mod plan;
mod requests;
mod usage;

use crate::house::House;
use crate::whole::call;
use prost::Message;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A request that is wrong, and what must be said about it.
pub(crate) struct Case {
    pub(crate) what: String,
    pub(crate) path: &'static str,
    pub(crate) message: Vec<u8>,
    pub(crate) code: Code,
    pub(crate) reason: &'static str,
    pub(crate) field: &'static str,
}

pub(crate) fn case(
    what: impl Into<String>,
    path: &'static str,
    message: impl Message,
    (code, reason, field): (Code, &'static str, &'static str),
) -> Case {
    Case { what: what.into(), path, message: message.encode_to_vec(), code, reason, field }
}

/// The form of a refusal: code, reason and field out of `ErrorInfo`, and whether `BadRequest` names the same field.
fn told(status: &Status) -> (Code, String, String) {
    let Some(info) = status.get_details_error_info() else {
        return (status.code(), format!("no ErrorInfo: {}", status.message()), String::new());
    };
    assert_eq!(info.domain, "freehold.dev");
    assert!(!status.message().is_empty() && status.message().len() < 1000, "{}", status.message());
    let field = info.metadata.get("field").cloned().unwrap_or_default();
    let violations = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    let named: Vec<_> = violations.into_iter().map(|violation| violation.field).collect();
    assert_eq!(named.join(" "), field);
    (status.code(), info.reason, field)
}

async fn check(house: &House, cases: Vec<Case>) {
    let before = house.revision().await;
    let mut wrong = Vec::new();
    for case in cases {
        let got = call(&house.api, case.path, case.message).await.map(drop).map_err(|status| told(&status));
        let want = Err((case.code, case.reason.to_owned(), case.field.to_owned()));
        if got != want {
            wrong.push(format!("{}: {got:?} instead of {want:?}", case.what));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(house.revision().await, before, "something was stored");
}

#[tokio::test]
async fn what_does_not_fit_the_plan() {
    check(&House::furnished().await, plan::cases()).await;
}

#[tokio::test]
async fn labels_and_prefixes_that_cannot_be_made_so() {
    check(&House::furnished().await, labels::cases()).await;
}

#[tokio::test]
async fn addresses_that_cannot_be_given_out() {
    let house = House::furnished().await;
    let cases = addresses::cases(&house).await;
    check(&house, cases).await;
}

#[tokio::test]
async fn views_and_utilisation_that_cannot_be_asked_for_so() {
    let house = House::furnished().await;
    let cases = usage::cases(&house).await;
    check(&house, cases).await;
}

#[tokio::test]
async fn requests_that_are_not_well_formed() {
    let house = House::furnished().await;
    let cases = requests::cases(&house).await;
    check(&house, cases).await;
}

#[tokio::test]
async fn roles_in_places_that_are_none() {
    check(&House::furnished().await, grants::cases()).await;
}

/// Each is answered within the limit of [`call`], in an unoptimised build on a busy machine too.
#[tokio::test]
async fn too_much_at_once_is_refused_before_it_is_looked_at() {
    check(&House::furnished().await, bulk::cases()).await;
}
