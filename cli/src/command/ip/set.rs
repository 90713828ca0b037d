//! `freehold ip set`: what is said about a held or claimed address.

use super::request::end;
use super::{Client, Which, get, shown};
use crate::command::labels::EditLabels;
use crate::command::{Change, Guard, mask, some_change};
use crate::connect::Api;
use crate::error::Failure;
use crate::output::Screen;
use clap::Args;
use freehold_core::text::HostName;
use freehold_proto::v1;
use std::time::SystemTime;

#[derive(Debug, Args)]
pub(crate) struct Set {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    client: Client,
    /// The client's host name; "" for none
    #[arg(long, value_name = "NAME")]
    host_name: Option<String>,
    /// What it is for; "" for nothing
    #[arg(long)]
    comment: Option<String>,
    /// Whom to ask; "" for nobody
    #[arg(long)]
    owner: Option<String>,
    /// When the claim ends by itself: in 30d, at 2026-11-21T14:05:00Z, or never
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
    #[command(flatten)]
    labels: EditLabels,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    change: Change,
}

impl Set {
    /// `own` is what the address has: labels are put on it and taken off it.
    fn request(
        &self,
        own: &v1::Assignment,
        request_id: String,
        now: SystemTime,
    ) -> Result<v1::UpdateAddressRequest, Failure> {
        let host_name = self.host_name.as_deref().filter(|name| !name.is_empty()).map(HostName::parse).transpose()?;
        let client = self.client.message();
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let expires = self.expires.as_deref().filter(|text| *text != "never");
        let (tags, fields) = match self.labels.is_empty() {
            true => Default::default(),
            false => self.labels.apply(&own.tags, &own.fields)?,
        };
        let named = [
            client.as_ref().map(field),
            self.host_name.as_ref().map(|_| "host_name"),
            self.comment.as_ref().map(|_| "comment"),
            self.owner.as_ref().map(|_| "owner"),
            self.expires.as_ref().map(|_| "expire_time"),
        ]
        .into_iter()
        .flatten();
        let paths: Vec<&str> = named.chain(self.labels.paths()).collect();
        some_change(&paths)?;
        Ok(v1::UpdateAddressRequest {
            name: self.which.name()?,
            details: Some(v1::AddressDetails {
                client,
                host_name: host_name.as_ref().map(ToString::to_string).unwrap_or_default(),
                comment: text(&self.comment),
                owner: text(&self.owner),
                tags,
                fields,
            }),
            expire_time: expires.map(|text| end(text, now)).transpose()?,
            update_mask: mask(paths),
            etag: self.guard.text(),
            request_id,
            validate_only: self.change.validate_only,
        })
    }
}

/// The path of the field that names the client.
fn field(client: &v1::address_details::Client) -> &'static str {
    match client {
        v1::address_details::Client::HardwareAddress(_) => "hardware_address",
        v1::address_details::Client::ClientId(_) => "client_id",
        v1::address_details::Client::Duid(_) => "duid",
    }
}

pub(super) async fn run(set: &Set, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    // Labels are changed as a whole: the etag sees to it that nobody else's are lost.
    let mut own = v1::Assignment::default();
    let mut etag = set.guard.text();
    if !set.labels.is_empty() {
        let now = get(api, set.which.name()?).await?;
        own = shown::assignment(&now).cloned().unwrap_or_default();
        if etag.is_empty() {
            etag = now.etag;
        }
    }
    let request = v1::UpdateAddressRequest { etag, ..set.request(&own, api.request_id(), SystemTime::now())? };
    let address = api.call(request, async |request| api.addresses().update_address(request).await).await?;
    screen.changed(&address, set.change.validate_only)
}

#[cfg(test)]
mod tests {
    use super::super::Command;
    use super::*;
    use crate::command::{Command as Noun, testing};
    use freehold_proto::v1::address_details::Client;
    use std::time::Duration;

    fn request(line: &str) -> Result<v1::UpdateAddressRequest, Failure> {
        let Noun::Ip(Command::Set(set)) = testing::parse(line) else { panic!("another command") };
        let own = v1::Assignment { tags: vec!["old".into(), "pci".into()], ..Default::default() };
        set.request(&own, "id".into(), SystemTime::UNIX_EPOCH + Duration::from_secs(1000))
    }

    #[test]
    fn only_what_is_said_is_changed() {
        let line = "ip set 10.1.2.3 --hardware 0200.5E10.0001 --owner it --expires 30d --etag 7";
        assert_eq!(
            request(line).expect("a request"),
            v1::UpdateAddressRequest {
                name: "spaces/default/addresses/10.1.2.3".into(),
                details: Some(v1::AddressDetails {
                    client: Some(Client::HardwareAddress("02:00:5e:10:00:01".into())),
                    owner: "it".into(),
                    ..Default::default()
                }),
                expire_time: Some(prost_types::Timestamp { seconds: 1000 + 30 * 86_400, nanos: 0 }),
                update_mask: mask(vec!["hardware_address", "owner", "expire_time"]),
                etag: "7".into(),
                request_id: "id".into(),
                validate_only: false,
            }
        );
        let never = request("ip set 10.1.2.3 --expires never").expect("a request");
        assert_eq!((never.expire_time, never.update_mask), (None, mask(vec!["expire_time"])));
        let tagged = request("ip set 10.1.2.3 --tag voice --untag old").expect("a request");
        let details = v1::AddressDetails { tags: vec!["pci".into(), "voice".into()], ..Default::default() };
        assert_eq!((tagged.details, tagged.update_mask), (Some(details), mask(vec!["tags"])));
        assert!(request("ip set 10.1.2.3").is_err());
    }
}
