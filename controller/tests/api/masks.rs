//! Changing some fields and leaving the others; and not over somebody else's change.

use crate::house::*;
use crate::whole::{answer, refused};
use freehold_proto::v1::*;
use prost_types::FieldMask;
use tonic::Code;

fn update(scope: Scope, paths: Option<&[&str]>) -> UpdateScopeRequest {
    let mask = |paths: &[&str]| FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() };
    let scope = Scope { name: "scopes/yard".to_owned(), ..scope };
    UpdateScopeRequest { scope: Some(scope), update_mask: paths.map(mask), ..UpdateScopeRequest::default() }
}

async fn change(house: &House, scope: Scope, paths: Option<&[&str]>) -> Scope {
    house.scopes().update_scope(update(scope, paths)).await.expect("changed").into_inner()
}

/// A scope without what every change changes.
fn kept(scope: &Scope) -> Scope {
    Scope { etag: String::new(), update_time: None, sync: Vec::new(), ..scope.clone() }
}

#[tokio::test]
async fn a_mask_says_which_fields_and_none_means_those_that_are_set() {
    let house = House::furnished().await;
    let get = GetScopeRequest { name: "scopes/yard".to_owned() };
    let first = house.scopes().get_scope(get).await.expect("there").into_inner();

    let words = Scope { description: "words".to_owned(), ..Scope::default() };
    let described = change(&house, words.clone(), None).await;
    assert_eq!(kept(&described), kept(&Scope { description: "words".to_owned(), ..first.clone() }));

    let emptied = change(&house, Scope::default(), Some(&["description"])).await;
    assert_eq!(kept(&emptied), kept(&first), "named and not set: emptied");

    let inactive = Scope { status: scope::Status::Inactive.into(), ..words };
    let only_status = change(&house, inactive.clone(), Some(&["status"])).await;
    assert_eq!(kept(&only_status), kept(&Scope { status: scope::Status::Inactive.into(), ..first.clone() }));

    let whole = Scope { ranges: yard().ranges, ..inactive };
    let all = change(&house, whole.clone(), Some(&["*"])).await;
    let replaced = Scope { exclusions: Vec::new(), description: "words".to_owned(), ..only_status };
    assert_eq!(kept(&all), kept(&replaced), "everything is replaced, what is not set is emptied");
}

#[tokio::test]
async fn what_changes_nothing_is_no_change() {
    let house = House::furnished().await;
    let before = house.revision().await;
    let same = change(&house, yard(), Some(&["ranges", "exclusions", "description"])).await;
    assert_eq!(house.revision().await, before);
    assert!(same.etag.parse::<u64>().expect("a revision") < before);
}

#[tokio::test]
async fn an_etag_keeps_one_change_from_undoing_another() {
    let house = House::furnished().await;
    let get = GetScopeRequest { name: "scopes/yard".to_owned() };
    let read = house.scopes().get_scope(get).await.expect("there").into_inner();
    let words =
        |words: &str, etag: &str| Scope { description: words.to_owned(), etag: etag.to_owned(), ..Scope::default() };
    let first = change(&house, words("one", &read.etag), Some(&["description"])).await;
    assert_ne!(first.etag, read.etag);
    let stale = house.scopes().update_scope(update(words("two", &read.etag), Some(&["description"]))).await;
    assert_eq!(answer(&stale.expect_err("somebody was faster")), refused(Code::Aborted, "ETAG_MISMATCH"));
    let second = change(&house, words("two", &first.etag), Some(&["description"])).await;
    assert_eq!(second.description, "two");
    let delete = |etag: &str| DeleteScopeRequest {
        name: "scopes/yard".to_owned(),
        etag: etag.to_owned(),
        force: true,
        ..DeleteScopeRequest::default()
    };
    let stale = house.scopes().delete_scope(delete(&first.etag)).await.expect_err("stale");
    assert_eq!(answer(&stale), refused(Code::Aborted, "ETAG_MISMATCH"));
    house.scopes().delete_scope(delete(&second.etag)).await.expect("deleted");
}
