//! What can be asked of a Kea: its version, its leases, its counters. Each command once, with its answer as a type.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::control::{ControlError, ControlSocket, LOOKUP_TIME_MAX, Outcome};

/// A part of `status-get`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Status {
    pub pid: u32,
    /// Seconds since start.
    pub uptime: u64,
    /// Seconds since the last configuration.
    #[serde(default)]
    pub reload: u64,
}

/// A row of `stat-lease4-get` or `stat-lease6-get`. Kea counts reservations' and holds' leases as assigned too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetCounters {
    pub subnet_id: u32,
    pub total: u64,
    pub cumulative_assigned: u64,
    pub assigned: u64,
    pub declined: u64,
    /// Prefixes that are delegated; IPv6 only.
    pub delegated: u64,
}

/// A lease as the lease commands show it. `state` as in the lease file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ListedLease {
    #[serde(rename = "ip-address")]
    pub address: IpAddr,
    /// Of a delegated prefix; else none.
    #[serde(default)]
    pub prefix_len: Option<u8>,
    #[serde(default)]
    pub duid: String,
    #[serde(default)]
    pub iaid: u32,
    #[serde(default)]
    pub hw_address: String,
    #[serde(default)]
    pub client_id: String,
    #[serde(default)]
    pub hostname: String,
    /// Client last transaction time, seconds since 1970.
    pub cltt: i64,
    /// Valid lifetime in seconds from `cltt`.
    #[serde(rename = "valid-lft")]
    pub valid_seconds: u32,
    pub subnet_id: u32,
    pub state: u32,
    #[serde(default)]
    pub fqdn_fwd: bool,
    #[serde(default)]
    pub fqdn_rev: bool,
    #[serde(default)]
    pub user_context: Option<Map<String, Value>>,
}

impl ControlSocket {
    /// The commands this Kea knows.
    pub async fn list_commands(&self) -> Result<BTreeSet<String>, ControlError> {
        let answer = self.ask("list-commands", None).await?;
        self.arguments("list-commands", answer)
    }

    /// The version as Kea spells it, `2.2.0`.
    pub async fn version(&self) -> Result<String, ControlError> {
        Ok(self.ask("version-get", None).await?.text)
    }

    /// Process id, uptime and time since the last configuration.
    pub async fn status(&self) -> Result<Status, ControlError> {
        let answer = self.ask("status-get", None).await?;
        self.arguments("status-get", answer)
    }

    /// Up to `limit` leases after address `after` (`None` = from the first), in address order; empty at the end.
    pub async fn lease_page(&self, after: Option<IpAddr>, limit: u16) -> Result<Vec<ListedLease>, ControlError> {
        #[derive(Deserialize)]
        struct Page {
            leases: Vec<ListedLease>,
        }
        let from = after.map_or_else(|| "start".to_owned(), |address| address.to_string());
        let command = self.protocol().commands().lease_page;
        let request = json!({"command": command, "arguments": {"from": from, "limit": limit}});
        let answer = self.exchange(command, &request.to_string(), LOOKUP_TIME_MAX).await?;
        if answer.outcome == Outcome::Empty {
            return Ok(Vec::new());
        }
        let answer = self.success(command, answer)?;
        Ok(self.arguments::<Page>(command, answer)?.leases)
    }

    /// Address counters of every subnet, by subnet id.
    pub async fn subnet_counters(&self) -> Result<Vec<SubnetCounters>, ControlError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        struct Envelope {
            result_set: Table,
        }
        #[derive(Deserialize)]
        struct Table {
            columns: Vec<String>,
            rows: Vec<Vec<serde_json::Number>>,
        }
        let command = self.protocol().commands().counters;
        let request = json!({"command": command});
        let answer = self.exchange(command, &request.to_string(), LOOKUP_TIME_MAX).await?;
        if answer.outcome == Outcome::Empty {
            return Ok(Vec::new());
        }
        let answer = self.success(command, answer)?;
        let table = self.arguments::<Envelope>(command, answer)?.result_set;
        table
            .rows
            .iter()
            .map(|row| {
                let cell = |names: &[&str]| {
                    let at = table.columns.iter().position(|column| names.contains(&column.as_str()));
                    at.and_then(|at| row.get(at)).map(counted)
                };
                Some(SubnetCounters {
                    subnet_id: u32::try_from(cell(&["subnet-id"])?).ok()?,
                    total: cell(&["total-addresses", "total-nas"])?,
                    cumulative_assigned: cell(&["cumulative-assigned-addresses", "cumulative-assigned-nas"])?,
                    assigned: cell(&["assigned-addresses", "assigned-nas"])?,
                    declined: cell(&["declined-addresses", "declined-nas"])?,
                    delegated: cell(&["assigned-pds"]).unwrap_or(0),
                })
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| self.form(command, format!("columns {:?}", table.columns), None))
    }

    /// The newest value of every statistic that is a whole number, by name.
    pub async fn statistics(&self) -> Result<BTreeMap<String, i64>, ControlError> {
        let answer = self.ask("statistic-get-all", None).await?;
        let samples: BTreeMap<String, Vec<(Value, String)>> = self.arguments("statistic-get-all", answer)?;
        Ok(samples.into_iter().filter_map(|(name, samples)| Some((name, samples.first()?.0.as_i64()?))).collect())
    }

    /// Stops answering clients; Kea starts again by itself after `seconds`.
    pub async fn disable_dhcp(&self, seconds: u32) -> Result<(), ControlError> {
        self.ask("dhcp-disable", Some(json!({"max-period": seconds}))).await.map(drop)
    }
}

/// A counter. Kea keeps these as signed numbers and has been seen below zero after a lease4-wipe; of a subnet of IPv6 there may be more addresses than it can count.
fn counted(value: &serde_json::Number) -> u64 {
    match value.as_i64() {
        Some(number) => u64::try_from(number).unwrap_or(0),
        None => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::super::control::tests::served;
    use super::*;

    #[tokio::test]
    async fn a_page_of_leases_and_the_end_of_the_pages() {
        let (_folder, socket, server) = served(
            r#"{"arguments":{"count":1,"leases":[{"client-id":"01:02","cltt":10,"fqdn-fwd":false,"fqdn-rev":true,
                "hostname":"h","hw-address":"02:00:00:00:00:09","ip-address":"10.77.1.0","state":0,"subnet-id":7,"valid-lft":600}]},
                "result":0,"text":"1 IPv4 lease(s) found."}"#,
        )
        .await;
        let page = socket.lease_page(Some(IpAddr::from([10, 77, 0, 9])), 250).await.unwrap();
        assert_eq!(
            page,
            [ListedLease {
                address: IpAddr::from([10, 77, 1, 0]),
                prefix_len: None,
                duid: String::new(),
                iaid: 0,
                hw_address: "02:00:00:00:00:09".into(),
                client_id: "01:02".into(),
                hostname: "h".into(),
                cltt: 10,
                valid_seconds: 600,
                subnet_id: 7,
                state: 0,
                fqdn_fwd: false,
                fqdn_rev: true,
                user_context: None,
            }]
        );
        assert_eq!(
            server.await.unwrap(),
            json!({"command": "lease4-get-page", "arguments": {"from": "10.77.0.9", "limit": 250}})
        );
        let (_folder, socket, _server) =
            served(r#"{"arguments":{"count":0,"leases":[]},"result":3,"text":"0 IPv4 lease(s) found."}"#).await;
        assert_eq!(socket.lease_page(None, 250).await.unwrap(), []);
    }
}
