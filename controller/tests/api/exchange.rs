//! Files into the plan and out of it, over the wire: what is told of each line, one change or none, and back again.

mod bad_files;
mod migrating;

use crate::house::*;
use crate::whole::{answer, refused};
use freehold_core::access::Role;
use freehold_proto::v1::exchange_service_client::ExchangeServiceClient;
use freehold_proto::v1::export_request::Kind;
use freehold_proto::v1::field_definition_service_client::FieldDefinitionServiceClient;
use freehold_proto::v1::import_line::Outcome;
use freehold_proto::v1::space_service_client::SpaceServiceClient;
use freehold_proto::v1::*;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// Bytes in a piece: small, so that lines are cut.
const PIECE: usize = 1_000;

pub(crate) fn client(channel: &Channel) -> ExchangeServiceClient<Channel> {
    ExchangeServiceClient::new(channel.clone())
}

/// A file that says itself what it is.
pub(crate) fn csv(text: &str) -> (ImportFile, Vec<u8>) {
    (ImportFile::default(), text.as_bytes().to_vec())
}

pub(crate) type Files = Vec<(ImportFile, Vec<u8>)>;

fn pieces(files: Files) -> Vec<Result<ImportFile, Vec<u8>>> {
    let piece = |(file, data): (ImportFile, Vec<u8>)| {
        let data: Vec<_> = data.chunks(PIECE).map(|piece| Err(piece.to_vec())).collect();
        std::iter::once(Ok(file)).chain(data)
    };
    files.into_iter().flat_map(piece).collect()
}

/// What an import would do, and what is told of its lines.
pub(crate) async fn plan_as(
    channel: &Channel,
    settings: plan_import_request::Settings,
    files: Files,
) -> Result<(ImportPlan, Vec<ImportLine>), Status> {
    use plan_import_request::Part;
    let begin = PlanImportRequest { part: Some(Part::Settings(settings)) };
    let files = pieces(files).into_iter().map(|piece| PlanImportRequest {
        part: Some(match piece {
            Ok(file) => Part::File(file),
            Err(data) => Part::Data(data),
        }),
    });
    let requests: Vec<_> = std::iter::once(begin).chain(files).collect();
    let mut answers = client(channel).plan_import(futures_util::stream::iter(requests)).await?.into_inner();
    let (mut plan, mut lines) = (None, Vec::new());
    while let Some(answer) = answers.message().await? {
        lines.extend(answer.lines);
        plan = plan.or(answer.plan);
    }
    lines.sort_by_key(|line| (line.file, line.line, line.column));
    Ok((plan.expect("a plan comes last"), lines))
}

pub(crate) async fn plan(house: &House, files: Files) -> (ImportPlan, Vec<ImportLine>) {
    let settings = plan_import_request::Settings { tell_changes: true, ..Default::default() };
    plan_as(&house.api, settings, files).await.expect("a plan")
}

/// Applies an import.
pub(crate) async fn apply_as(
    channel: &Channel,
    settings: apply_import_request::Settings,
    files: Files,
) -> Result<ImportResult, Status> {
    use apply_import_request::Part;
    let begin = ApplyImportRequest { part: Some(Part::Settings(settings)) };
    let files = pieces(files).into_iter().map(|piece| ApplyImportRequest {
        part: Some(match piece {
            Ok(file) => Part::File(file),
            Err(data) => Part::Data(data),
        }),
    });
    let requests: Vec<_> = std::iter::once(begin).chain(files).collect();
    let mut answers = client(channel).apply_import(futures_util::stream::iter(requests)).await?.into_inner();
    let mut result = None;
    while let Some(answer) = answers.message().await? {
        result = result.or(answer.result);
    }
    Ok(result.expect("a result comes last"))
}

pub(crate) async fn apply(house: &House, files: Files) -> Result<ImportResult, Status> {
    apply_as(&house.api, apply_import_request::Settings::default(), files).await
}

pub(crate) async fn export(house: &House, kind: Kind, parent: &str) -> String {
    let request = ExportRequest { kind: kind.into(), parent: parent.to_owned(), ..ExportRequest::default() };
    export_of(&house.api, request).await.expect("a file")
}

pub(crate) async fn export_of(channel: &Channel, request: ExportRequest) -> Result<String, Status> {
    let mut pieces = client(channel).export(request).await?.into_inner();
    let mut file = Vec::new();
    while let Some(piece) = pieces.message().await? {
        file.extend(piece.data);
    }
    Ok(String::from_utf8(file).expect("UTF-8"))
}

fn counts(plan: &ImportPlan) -> (u64, u64, u64, u64, u64) {
    (plan.created, plan.changed, plan.unchanged, plan.left_out, plan.refused)
}

/// A line without what depends on the words of a message.
fn short(line: &ImportLine) -> (u64, &'static str, &str, String) {
    let what = match line.outcome() {
        Outcome::Refused => format!("{} in {}", line.reason, line.column_name),
        _ => line.columns.join(" "),
    };
    (line.line, line.outcome().as_str_name(), &line.resource, what)
}

fn field(id: &str, kind: field_definition::Kind) -> CreateFieldDefinitionRequest {
    let definition = FieldDefinition {
        value_type: field_definition::ValueType::Text.into(),
        applies_to: vec![kind.into()],
        ..FieldDefinition::default()
    };
    CreateFieldDefinitionRequest {
        field_definition_id: id.to_owned(),
        field_definition: Some(definition),
        ..CreateFieldDefinitionRequest::default()
    }
}

#[tokio::test]
async fn a_plan_tells_every_line_and_changes_nothing_and_an_apply_does_just_that() {
    let house = House::furnished().await;
    let before = house.revision().await;
    let files = || {
        vec![
            csv("prefix,kind,status,title,tags\n\
                 10.0.0.0/8,container,active,Ten,\n\
                 10.1.0.0/24,network,deprecated,,voice\n\
                 10.3.0.0/24,network,planned,New,\n\
                 10.2.0.0/24,,,,\n\
                 10.4.0.0/16,,,,\n\
                 10.4.1.0/24,,,,\n"),
            csv("address,hardware_address,host_name,kind\n\
                 10.3.0.5,02:00:5e:10:00:01,phone-5,claim\n\
                 10.4.1.9,,,claim\n\
                 10.4.1.10,,,dynamic\n"),
        ]
    };
    let (plan, lines) = plan(&house, files()).await;
    assert_eq!(counts(&plan), (5, 2, 1, 1, 0));
    assert_eq!((plan.revision, plan.formats.join(" ")), (before, "freehold-prefixes freehold-addresses".to_owned()));
    let told: Vec<_> = lines.iter().map(short).collect();
    let line = |line, outcome, resource: &'static str, what: &str| (line, outcome, resource, what.to_owned());
    assert_eq!(
        told,
        [
            line(2, "OUTCOME_CHANGED", "spaces/default/prefixes/10.0.0.0-8", "title"),
            line(3, "OUTCOME_CHANGED", "spaces/default/prefixes/10.1.0.0-24", "status tags"),
            line(4, "OUTCOME_CREATED", "spaces/default/prefixes/10.3.0.0-24", ""),
            line(6, "OUTCOME_CREATED", "spaces/default/prefixes/10.4.0.0-16", ""),
            line(7, "OUTCOME_CREATED", "spaces/default/prefixes/10.4.1.0-24", ""),
            line(2, "OUTCOME_CREATED", "spaces/default/addresses/10.3.0.5", ""),
            line(3, "OUTCOME_CREATED", "spaces/default/addresses/10.4.1.9", ""),
            line(4, "OUTCOME_LEFT_OUT", "spaces/default/addresses/10.4.1.10", ""),
        ]
    );
    assert_eq!(house.revision().await, before, "a plan changes nothing");

    let settings = apply_import_request::Settings { digest: plan.digest, ..Default::default() };
    let result = apply_as(&house.api, settings, files()).await.expect("applied");
    // The container around 10.4.1.0/24 was a network until then: it is made once.
    assert_eq!(result, ImportResult { revision: before + 1, created: 5, changed: 2 });
    assert_eq!(house.revision().await, before + 1, "one change");
    assert_eq!(
        export(&house, Kind::Prefixes, "").await,
        "space,prefix,kind,status,title,description,tags\n\
         default,10.0.0.0/8,container,active,Ten,,\n\
         default,10.1.0.0/24,network,deprecated,,,voice\n\
         default,10.2.0.0/24,network,active,,,\n\
         default,10.3.0.0/24,network,planned,New,,\n\
         default,10.4.0.0/16,container,active,,,\n\
         default,10.4.1.0/24,network,active,,,\n"
    );
    assert_eq!(
        export(&house, Kind::Addresses, "spaces/default/prefixes/10.3.0.0-24").await,
        "space,address,kind,hardware_address,client_id,duid,host_name,owner,comment,expires,tags\n\
         default,10.3.0.5,claim,02:00:5e:10:00:01,,,phone-5,,,,\n"
    );
    let (again, _) = self::plan(&house, files()).await;
    assert_eq!(counts(&again), (0, 0, 8, 1, 0), "what was imported is so already");
}

#[tokio::test]
async fn one_bad_line_in_ten_thousand_changes_nothing_and_is_named() {
    let house = House::furnished().await;
    house.prefix("10.9.0.0/16", prefix::Kind::Network).await;
    let before = house.revision().await;
    let mut text = String::from("address,comment\n");
    for i in 0..10_000u32 {
        let last = if i == 7_776 { "10.9.300.1".to_owned() } else { format!("10.9.{}.{}", i / 250 + 1, i % 250 + 1) };
        text.push_str(&format!("{last},no {i}\n"));
    }
    let (plan, lines) = plan_as(&house.api, Default::default(), vec![csv(&text)]).await.expect("a plan");
    assert_eq!(counts(&plan), (9_999, 0, 0, 0, 1));
    assert_eq!(
        lines.iter().map(short).collect::<Vec<_>>(),
        [(7_778, "OUTCOME_REFUSED", "", "INVALID_ADDRESS in address".to_owned())]
    );
    let status = apply(&house, vec![csv(&text)]).await.expect_err("refused");
    assert_eq!(answer(&status), refused(Code::FailedPrecondition, "IMPORT_REFUSED"));
    assert!(
        status
            .message()
            .starts_with("a line cannot be imported, so nothing was; file 1, line 7778, column 1 (address): "),
        "{}",
        status.message()
    );
    assert_eq!(house.revision().await, before);

    let mended = text.replace("10.9.300.1", "10.9.200.1");
    let result = apply(&house, vec![csv(&mended)]).await.expect("applied");
    assert_eq!(result, ImportResult { revision: before + 1, created: 10_000, changed: 0 });
    let claimed = export(&house, Kind::Addresses, "spaces/default/prefixes/10.9.0.0-16").await;
    assert_eq!(claimed.lines().count(), 10_001);
}

#[tokio::test]
async fn a_repeated_apply_happens_once_also_over_a_restart() {
    let mut house = House::furnished().await;
    let settings = || apply_import_request::Settings { request_id: "import-1".to_owned(), ..Default::default() };
    let file = || vec![csv("prefix,title\n10.7.0.0/24,Seven\n10.8.0.0/24,Eight\n")];
    let first = apply_as(&house.api, settings(), file()).await.expect("applied");
    let revision = house.revision().await;
    assert_eq!(first, ImportResult { revision, created: 2, changed: 0 });
    for _ in 0..2 {
        assert_eq!(apply_as(&house.api, settings(), file()).await.expect("the same"), first);
        house.restart().await;
    }
    assert_eq!(house.revision().await, revision);
    let other = apply_as(&house.api, settings(), vec![csv("prefix\n10.7.1.0/24\n")]).await.expect_err("another import");
    assert_eq!(answer(&other), refused(Code::FailedPrecondition, "REQUEST_ID_REUSED"));
}

#[tokio::test]
async fn what_was_changed_since_the_plan_was_shown_is_not_overwritten() {
    let house = House::furnished().await;
    let file = || vec![csv("prefix,title\n10.1.0.0/24,From the file\n")];
    let (plan, _) = plan(&house, file()).await;
    // Elsewhere: the plan is the same.
    house.prefix("10.5.0.0/24", prefix::Kind::Network).await;
    let (same, _) = self::plan(&house, file()).await;
    assert_eq!(same.digest, plan.digest);
    let prefix = Prefix { name: YARD.to_owned(), title: "By hand".to_owned(), ..Prefix::default() };
    let update = UpdatePrefixRequest { prefix: Some(prefix), ..UpdatePrefixRequest::default() };
    house.prefixes().update_prefix(update).await.expect("changed");
    let settings = apply_import_request::Settings { digest: plan.digest, ..Default::default() };
    let status = apply_as(&house.api, settings, file()).await.expect_err("another plan");
    assert_eq!(answer(&status), refused(Code::Aborted, "PLAN_CHANGED"));
    let (new, _) = self::plan(&house, file()).await;
    let settings = apply_import_request::Settings { digest: new.digest, ..Default::default() };
    let result = apply_as(&house.api, settings, file()).await.expect("what was shown");
    assert_eq!((result.created, result.changed), (0, 1));
}

const FIELDS: [(&str, field_definition::Kind); 3] = [
    ("of-prefixes", field_definition::Kind::Prefix),
    ("of-reservations", field_definition::Kind::Reservation),
    ("of-scopes", field_definition::Kind::Scope),
];

#[tokio::test]
async fn what_is_exported_and_imported_again_changes_nothing() {
    let house = House::furnished().await;
    let fields = FieldDefinitionServiceClient::new(house.api.clone());
    for (id, kind) in FIELDS {
        let request = field(id, kind);
        fields.clone().create_field_definition(request).await.expect("a field");
    }
    let files = vec![
        csv("prefix,kind,status,title,description,tags,field:of-prefixes\n\
             10.6.0.0/24,network,reserved,\"a, \"\"b\"\"\",=1+1,voice; pci-dss,'quoted\n\
             2001:db8::/64,network,active,,-,,\n"),
        csv(
            "scope,network,ranges,exclusions,valid_seconds,renew_seconds,status,tags,option:routers,option:150,field:of-scopes\n\
             six,10.6.0.0/24,10.6.0.10-10.6.0.99; 10.6.0.120,\"10.6.0.20-10.6.0.29 old printers\n10.6.0.50\",7200,900,inactive,voice,10.6.0.1,0a010205,x\n",
        ),
        csv("scope,address,hardware_address,host_name,description,tags,field:of-reservations\n\
             six,10.6.0.60,02:00:00:00:00:60,printer,Floor 3,a; b,y\n"),
        csv("address,hardware_address,duid,host_name,owner,comment,expires\n\
             10.6.0.5,02:00:00:00:00:05,,five,Me,\"a; b\",2099-01-01T00:00:00Z\n\
             2001:db8::5,,00:03:00:01:02:00:5e:10:00:01,,,,\n"),
    ];
    apply(&house, files).await.expect("applied");
    let before = house.revision().await;
    for kind in [Kind::Prefixes, Kind::Addresses, Kind::Ranges, Kind::Reservations, Kind::Scopes, Kind::Leases] {
        let file = export(&house, kind, "").await;
        let (plan, lines) = plan(&house, vec![csv(&file)]).await;
        let rows = plan.unchanged;
        assert_eq!((counts(&plan), lines), ((0, 0, rows, 0, 0), vec![]), "{file}");
        assert!(rows > 0 || kind == Kind::Leases, "{file}");
        let result = apply(&house, vec![csv(&file)]).await.expect("nothing to do");
        assert_eq!(result, ImportResult { revision: before, created: 0, changed: 0 });
        assert_eq!(export(&house, kind, "").await, file, "the same twice");
    }
    assert_eq!(house.revision().await, before);

    // The whole plan, in an empty house.
    let other = House::open().await;
    for (id, kind) in FIELDS {
        let request = field(id, kind);
        FieldDefinitionServiceClient::new(other.api.clone()).create_field_definition(request).await.expect("a field");
    }
    let mut files = Vec::new();
    let kinds = [Kind::Prefixes, Kind::Scopes, Kind::Reservations, Kind::Addresses];
    for kind in kinds {
        files.push(csv(&export(&house, kind, "").await));
    }
    apply(&other, files).await.expect("applied");
    for kind in kinds.into_iter().chain([Kind::Ranges]) {
        assert_eq!(export(&other, kind, "").await, export(&house, kind, "").await);
    }
}

#[tokio::test]
async fn an_export_is_of_a_space_a_prefix_or_what_a_filter_takes() {
    let house = House::furnished().await;
    let spaces = SpaceServiceClient::new(house.api.clone());
    let create = CreateSpaceRequest { space_id: "lab".to_owned(), ..CreateSpaceRequest::default() };
    spaces.clone().create_space(create).await.expect("a space");
    let lab = ImportFile { space: "spaces/lab".to_owned(), ..ImportFile::default() };
    apply(&house, vec![(lab, b"prefix\n10.1.0.0/24\n".to_vec())]).await.expect("applied");
    let header = "space,prefix,kind,status,title,description,tags\n";
    assert_eq!(
        export(&house, Kind::Prefixes, "spaces/lab").await,
        format!("{header}lab,10.1.0.0/24,network,active,,,\n")
    );
    let yard = format!("{header}default,10.1.0.0/24,network,active,,,\n");
    assert_eq!(export(&house, Kind::Prefixes, YARD).await, yard);
    let request = ExportRequest {
        kind: Kind::Prefixes.into(),
        filter: "kind = container".to_owned(),
        ..ExportRequest::default()
    };
    let file = export_of(&house.api, request).await.expect("a file");
    assert_eq!(file, format!("{header}default,10.0.0.0/8,container,active,,,\n"));
    assert_eq!(
        export(&house, Kind::Ranges, DEFAULT).await,
        "space,scope,start,end,kind,comment,tags\n\
         default,yard,10.1.0.10,10.1.0.200,pool,,\n\
         default,yard,10.1.0.50,10.1.0.60,exclusion,,\n"
    );
}

#[tokio::test]
async fn who_imports_needs_the_right_to_write_all_of_it_and_who_exports_to_read_it() {
    let house = House::furnished().await;
    let reader = house.channel(Some(&house.operator("reader", Role::Viewer).await)).await;
    let auditor = house.channel(Some(&house.operator("auditor", Role::Auditor).await)).await;
    let prefixes = || vec![csv("prefix\n10.7.0.0/24\n")];
    let denied = refused(Code::PermissionDenied, "PERMISSION_DENIED");
    let before = house.revision().await;
    let status = plan_as(&reader, Default::default(), prefixes()).await.expect_err("no right");
    assert_eq!(answer(&status), denied);
    assert!(status.message().ends_with("it needs the permission prefixes.write"), "{}", status.message());
    let status = apply_as(&reader, Default::default(), prefixes()).await.expect_err("no right");
    assert_eq!(answer(&status), denied);
    let request = ExportRequest { kind: Kind::Prefixes.into(), ..ExportRequest::default() };
    let status = export_of(&auditor, request.clone()).await.expect_err("no right");
    assert_eq!(answer(&status), denied);
    assert_eq!(house.revision().await, before + 3, "each refused attempt is on record");
    export_of(&reader, request).await.expect("it may read");
}

/// An import is one entry, and may change more than an answer has room for.
#[tokio::test]
async fn a_large_import_is_told_in_parts() {
    let house = House::furnished().await;
    let before = house.revision().await;
    let mut file = String::from("prefix,kind\n");
    for n in 0..2_500u32 {
        file.push_str(&format!("172.16.{}.{}/28,network\n", n / 16, n % 16 * 16));
    }
    let result = apply(&house, vec![csv(&file)]).await.expect("applied");
    assert_eq!(result, ImportResult { revision: before + 1, created: 2_500, changed: 0 });

    let request = GetEventRequest { name: format!("events/{}", before + 1) };
    let event = event_service_client::EventServiceClient::new(house.api.clone()).get_event(request).await;
    let event = event.expect("an event").into_inner();
    assert_eq!((event.changes.len(), event.change_count), (1_000, 2_500));
    assert_eq!(event.method, "/freehold.v1.ExchangeService/ApplyImport");

    let watch = WatchRequest { from_revision: before, ..WatchRequest::default() };
    let mut client = watch_service_client::WatchServiceClient::new(house.api.clone());
    let mut answers = client.watch(watch).await.expect("a watch").into_inner();
    let mut told = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    while told.len() < 4 {
        let answer = answers.message().await.expect("open").expect("an answer");
        told.push((answer.revision, answer.changes.len()));
        names.extend(answer.changes.into_iter().map(|change| change.resource));
    }
    assert_eq!(told, [(before, 0), (before, 1_000), (before, 1_000), (before + 1, 500)]);
    assert_eq!(names.len(), 2_500, "each once");
}
