//! Import and export.

use super::*;
use crate::exchange::{apply_as, csv, export_of, plan_as};
use freehold_proto::v1::export_request::Kind;

#[tokio::test]
async fn an_export_has_what_is_inside_alone() {
    let house = divided().await;
    let viewer = delegate(&house, "vera", Role::Viewer).await;
    let of = |kind: Kind, parent: &str| ExportRequest {
        kind: kind.into(),
        parent: parent.to_owned(),
        ..ExportRequest::default()
    };
    for (kind, own) in [
        (Kind::Prefixes, "default,10.1.0.0/24,"),
        (Kind::Addresses, "default,10.1.0.5,"),
        (Kind::Ranges, "default,yard,"),
        (Kind::Reservations, "yard,10.1.0.70,"),
        (Kind::Scopes, "yard,default,10.1.0.0/24,"),
        (Kind::Leases, ""),
    ] {
        for parent in ["", DEFAULT, "spaces/default/prefixes/10.0.0.0-8"] {
            let file = export_of(&viewer, of(kind, parent)).await.expect("a file");
            let lines: Vec<_> = file.lines().skip(1).collect();
            assert!(lines.iter().all(|line| line.starts_with(own)), "{kind:?} of {parent}: {file}");
            assert_eq!(lines.is_empty(), own.is_empty(), "{kind:?} of {parent}: {file}");
        }
        for parent in [FREE, "spaces/elsewhere"] {
            let status = export_of(&viewer, of(kind, parent)).await.expect_err("outside");
            assert_eq!(answer(&status), denied(), "{kind:?} of {parent}");
        }
    }
}

#[tokio::test]
async fn an_import_makes_and_changes_what_is_inside_alone() {
    let house = divided().await;
    let asm = delegate(&house, "asm", Role::AsmAdministrator).await;
    let before = house.revision().await;
    let outside =
        || vec![csv("prefix,kind,title\n10.1.8.0/24,network,Ours\n10.2.0.0/24,network,\n10.3.0.0/24,network,New\n")];
    let settings = plan_import_request::Settings { tell_changes: true, ..Default::default() };
    let (plan, lines) = plan_as(&asm, settings, outside()).await.expect("a plan");
    let told: Vec<_> = lines.iter().map(|line| (line.line, line.reason.as_str())).collect();
    // Whether 10.2.0.0/24 is there, and whether it is so already, is not told.
    assert_eq!(told, [(2, ""), (3, "PERMISSION_DENIED"), (4, "PERMISSION_DENIED")]);
    assert_eq!((plan.created, plan.unchanged, plan.refused), (1, 0, 2));
    let status = apply_as(&asm, Default::default(), outside()).await.expect_err("outside");
    assert_eq!(answer(&status), denied());
    assert_eq!(house.revision().await, before + 1, "nothing is done, and that it was tried is on record");

    let inside = vec![csv("prefix,kind,title\n10.1.8.0/24,network,Ours\n")];
    let result = apply_as(&asm, Default::default(), inside).await.expect("applied");
    assert_eq!((result.created, result.changed), (1, 0));
    let scopes = vec![csv("scope,network,ranges\nown,10.1.8.0/24,10.1.8.10-10.1.8.20\n")];
    let status = apply_as(&asm, Default::default(), scopes).await.expect_err("another right");
    assert_eq!(answer(&status), denied());

    // By rows that lie inside nothing outside is changed: the scope of that name lies elsewhere.
    let dhcp = delegate(&house, "dhcp", Role::DhcpAdministrator).await;
    let trick = vec![csv("scope,network,ranges\nshed,10.1.8.0/24,10.1.8.10-10.1.8.20\n")];
    let status = apply_as(&dhcp, Default::default(), trick).await.expect_err("outside");
    assert_eq!(answer(&status), denied());
    for (outside, what) in [
        // Each is there as the line says.
        ("start,end,kind\n10.2.0.10,10.2.0.200,pool\n", "a range"),
        ("scope,start,end,kind\nshed,10.1.8.10,10.1.8.20,pool\n", "a range of a scope"),
        ("scope,address,hardware_address\nshed,10.2.0.70,02:00:00:00:00:71\n", "a reservation"),
        ("scope,address,hardware_address\nnowhere,10.2.0.70,02:00:00:00:00:71\n", "a reservation of no scope"),
        ("address,kind,comment\n10.2.0.5,claim,secret\n", "a claim"),
    ] {
        let settings = plan_import_request::Settings { tell_changes: true, ..Default::default() };
        let (plan, lines) = plan_as(&dhcp, settings, vec![csv(outside)]).await.expect("a plan");
        let told: Vec<_> = lines.iter().map(|line| line.reason.as_str()).collect();
        assert_eq!((plan.unchanged, told), (0, vec!["PERMISSION_DENIED"]), "{what}");
    }
    let own = vec![csv("scope,network,ranges\nown,10.1.8.0/24,10.1.8.10-10.1.8.20\n")];
    assert_eq!(apply_as(&dhcp, Default::default(), own).await.expect("applied").created, 1);
}
