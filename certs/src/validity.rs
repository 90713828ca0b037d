//! The span in which a certificate holds, in whole seconds as certificates state it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls_pki_types::UnixTime;
use time::OffsetDateTime;

/// How far a new certificate's beginning lies in the past, so that a host whose clock is a little late accepts it.
pub const BACKDATE: Duration = Duration::from_secs(5 * 60);

/// From when to when a certificate holds, both ends included (RFC 5280, section 4.1.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The first second.
    pub not_before: SystemTime,
    /// The last second.
    pub not_after: SystemTime,
}

/// A time that a certificate cannot state, or this machine cannot count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time is outside the years 1970 to 9999: check the clock of this host")]
pub struct TimeRange;

impl Validity {
    /// A span that begins [`BACKDATE`] before `now` and ends `lifetime` after it.
    pub(crate) fn lasting(now: SystemTime, lifetime: Duration) -> Result<Self, TimeRange> {
        let now = unix_seconds(now)?;
        Ok(Self {
            not_before: from_unix_seconds(now.saturating_sub(BACKDATE.as_secs()))?,
            not_after: from_unix_seconds(now.saturating_add(lifetime.as_secs()))?,
        })
    }

    /// The same span, ending no later than `other` does: an issuer does not outlive itself in what it signs.
    pub(crate) fn within(self, other: Self) -> Self {
        Self { not_after: self.not_after.min(other.not_after), ..self }
    }

    /// Whether `at` lies in the span.
    pub fn holds_at(&self, at: SystemTime) -> bool {
        self.not_before <= at && at <= self.not_after
    }

    /// Reads the span out of a parsed certificate.
    pub(crate) fn of(certificate: &x509_parser::certificate::X509Certificate<'_>) -> Result<Self, TimeRange> {
        let stated = certificate.validity();
        Ok(Self { not_before: from_asn1(stated.not_before)?, not_after: from_asn1(stated.not_after)? })
    }
}

/// The last second that a certificate can state: 9999-12-31T23:59:59Z.
const LAST_SECOND: u64 = 253_402_300_799;

fn from_asn1(time: x509_parser::time::ASN1Time) -> Result<SystemTime, TimeRange> {
    from_unix_seconds(u64::try_from(time.timestamp()).map_err(|_| TimeRange)?)
}

fn from_unix_seconds(seconds: u64) -> Result<SystemTime, TimeRange> {
    if seconds > LAST_SECOND {
        return Err(TimeRange);
    }
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).ok_or(TimeRange)
}

fn unix_seconds(time: SystemTime) -> Result<u64, TimeRange> {
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| TimeRange)?;
    Ok(since.as_secs())
}

/// The form rcgen takes.
pub(crate) fn to_offset(time: SystemTime) -> Result<OffsetDateTime, TimeRange> {
    let seconds = i64::try_from(unix_seconds(time)?).map_err(|_| TimeRange)?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| TimeRange)
}

/// The form rustls takes.
pub(crate) fn to_unix_time(time: SystemTime) -> Result<UnixTime, TimeRange> {
    Ok(UnixTime::since_unix_epoch(Duration::from_secs(unix_seconds(time)?)))
}

/// The form this crate takes, out of rustls' own.
pub(crate) fn from_unix_time(time: UnixTime) -> Result<SystemTime, TimeRange> {
    from_unix_seconds(time.as_secs())
}
