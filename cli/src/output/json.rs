//! Canonical protobuf JSON of any message of the API, by its descriptor.

use super::Shown;
use crate::error::Failure;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;
use std::sync::LazyLock;

static DESCRIPTORS: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(freehold_proto::DESCRIPTORS).expect("the build compiled them"));

/// A message as JSON.
pub fn value<T: Shown>(item: &T) -> Result<Value, Failure> {
    message(T::MESSAGE, item)
}

/// A message of this full name as JSON.
pub fn message(name: &str, item: &impl Message) -> Result<Value, Failure> {
    let descriptor = DESCRIPTORS.get_message_by_name(name).expect("every message that is shown is in the .proto files");
    let odd = |what: &dyn std::fmt::Display| Failure::Odd(format!("the answer cannot be written as JSON: {what}"));
    let dynamic = DynamicMessage::decode(descriptor, item.encode_to_vec().as_slice()).map_err(|error| odd(&error))?;
    serde_json::to_value(&dynamic).map_err(|error| odd(&error))
}

/// JSON over several lines, for files and eyes.
pub fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use freehold_proto::v1;

    #[test]
    fn a_message_becomes_canonical_json() {
        let scope = v1::Scope {
            name: "scopes/voice".into(),
            subnet_id: 7,
            options: vec![v1::DhcpOption {
                code: 150,
                name: String::new(),
                value: Some(v1::dhcp_option::Value::Bytes(vec![10, 0, 0, 1])),
            }],
            status: v1::scope::Status::Active.into(),
            sync: vec![v1::SyncStatus { desired_revision: 42, ..Default::default() }],
            create_time: Some(prost_types::Timestamp { seconds: 1_763_705_883, nanos: 0 }),
            ..Default::default()
        };
        assert_eq!(
            value(&scope).map(|json| json.to_string()).expect("JSON"),
            r#"{"name":"scopes/voice","subnetId":7,"options":[{"code":150,"bytes":"CgAAAQ=="}],"status":"STATUS_ACTIVE","sync":[{"desiredRevision":"42"}],"createTime":"2025-11-21T06:18:03Z"}"#
        );
    }
}
