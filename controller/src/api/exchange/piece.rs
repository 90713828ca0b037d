//! What travels between a caller who imports and the controller; the same for a plan and for its apply.

use freehold_core::exchange::Source;
use freehold_core::name::SpaceName;
use freehold_core::refusal::{Reason, Refusal};
use freehold_proto::v1::{
    ApplyImportRequest, ApplyImportResponse, ImportFile, ImportFormat, ImportLine, ImportPlan, ImportProgress,
    ImportResult, PlanImportRequest, PlanImportResponse, apply_import_request, plan_import_request,
};

/// How an import is to be done.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) create_missing: bool,
    pub(super) tell_changes: bool,
    /// The plan that was shown; empty takes any.
    pub(super) digest: String,
    pub(super) request_id: String,
}

/// A piece of an import.
#[derive(Debug)]
pub(super) enum Piece {
    Settings(Settings),
    File(ImportFile),
    Data(Vec<u8>),
}

impl TryFrom<PlanImportRequest> for Piece {
    type Error = Refusal;

    fn try_from(request: PlanImportRequest) -> Result<Self, Refusal> {
        use plan_import_request::Part;
        Ok(match request.part.ok_or_else(empty)? {
            Part::Settings(plan_import_request::Settings { create_missing, tell_changes }) => {
                Piece::Settings(Settings { create_missing, tell_changes, ..Settings::default() })
            }
            Part::File(file) => Piece::File(file),
            Part::Data(data) => Piece::Data(data),
        })
    }
}

impl TryFrom<ApplyImportRequest> for Piece {
    type Error = Refusal;

    fn try_from(request: ApplyImportRequest) -> Result<Self, Refusal> {
        use apply_import_request::Part;
        Ok(match request.part.ok_or_else(empty)? {
            Part::Settings(apply_import_request::Settings { create_missing, digest, request_id }) => {
                Piece::Settings(Settings { create_missing, digest, request_id, ..Settings::default() })
            }
            Part::File(file) => Piece::File(file),
            Part::Data(data) => Piece::Data(data),
        })
    }
}

fn empty() -> Refusal {
    Refusal::new(Reason::FieldRequired, "a piece has settings, a file, or bytes of one").at("part")
}

/// A part of an answer.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) progress: Option<ImportProgress>,
    pub(super) lines: Vec<ImportLine>,
    pub(super) end: Option<End>,
}

/// The last word of an answer.
#[derive(Debug)]
pub(super) enum End {
    Plan(ImportPlan),
    Result(ImportResult),
}

impl From<Part> for PlanImportResponse {
    fn from(Part { progress, lines, end }: Part) -> Self {
        let plan = end.and_then(|end| if let End::Plan(plan) = end { Some(plan) } else { None });
        Self { progress, lines, plan }
    }
}

impl From<Part> for ApplyImportResponse {
    fn from(Part { progress, lines, end }: Part) -> Self {
        let result = end.and_then(|end| if let End::Result(result) = end { Some(result) } else { None });
        Self { progress, lines, result }
    }
}

/// The space of lines of a file that name none.
pub(super) fn space(file: &ImportFile) -> Result<SpaceName, Refusal> {
    let name = if file.space.is_empty() { "spaces/default" } else { &file.space };
    name.parse().map_err(|refusal: Refusal| refusal.at("file.space"))
}

/// What wrote a file; `None` to find out.
pub(super) fn source(file: &ImportFile) -> Result<Option<Source>, Refusal> {
    match ImportFormat::try_from(file.format) {
        Ok(ImportFormat::Unspecified) => Ok(None),
        Ok(ImportFormat::Csv) => Ok(Some(Source::Freehold)),
        Ok(ImportFormat::Netbox) => Ok(Some(Source::NetBox)),
        Ok(ImportFormat::Phpipam) => Ok(Some(Source::PhpIpam)),
        Ok(ImportFormat::WindowsIpam) => Ok(Some(Source::WindowsIpam)),
        Err(_) => {
            let message = format!("there is no format {}", file.format);
            Err(Refusal::new(Reason::InvalidValue, message).at("file.format"))
        }
    }
}
