//! Checks and findings.

use crate::v1;
use freehold_core::refusal::{Reason, Refusal};
use freehold_core::review::{Check, Finding, Severity, Subject};

/// The message of a finding.
pub fn message(finding: &Finding) -> v1::Finding {
    v1::Finding {
        check: finding.check.to_string(),
        severity: severity(finding.severity()).into(),
        resource: finding.place.to_string(),
        related: finding.related.clone(),
        message: finding.message.clone(),
        reason: finding.check.reason().to_owned(),
        fix: finding.check.fix().to_owned(),
    }
}

/// The message of a check.
pub fn check_message(check: Check) -> v1::Check {
    let subject = match check.subject() {
        Subject::Scope => v1::check::Subject::Scope,
        Subject::Server => v1::check::Subject::Server,
        Subject::Configuration => v1::check::Subject::Configuration,
    };
    v1::Check {
        id: check.to_string(),
        severity: severity(check.severity()).into(),
        subject: subject.into(),
        reason: check.reason().to_owned(),
        fix: check.fix().to_owned(),
    }
}

fn severity(severity: Severity) -> v1::Severity {
    match severity {
        Severity::Advice => v1::Severity::Advice,
        Severity::Warning => v1::Severity::Warning,
        Severity::Error => v1::Severity::Error,
    }
}

/// The severity of a message; the least if it is not said.
pub fn parse_severity(number: i32) -> Result<Severity, Refusal> {
    match v1::Severity::try_from(number) {
        Ok(v1::Severity::Unspecified | v1::Severity::Advice) => Ok(Severity::Advice),
        Ok(v1::Severity::Warning) => Ok(Severity::Warning),
        Ok(v1::Severity::Error) => Ok(Severity::Error),
        Err(_) => Err(Refusal::new(Reason::InvalidValue, format!("no severity has the number {number}"))),
    }
}
