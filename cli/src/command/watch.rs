//! `freehold watch`: changes as they happen, each once, none left out; again from where it was if the connection breaks.

use super::event;
use crate::connect::Api;
use crate::error::Failure;
use crate::output::{Screen, Shown, time};
use freehold_proto::v1;

#[derive(Debug, clap::Args)]
pub(crate) struct Watch {
    /// Begin after this revision, 0 for all of the history; from now on if not given
    #[arg(long, value_name = "REVISION")]
    from: Option<u64>,
    /// Only these kinds: space, prefix, scope, reservation, server, agent, operator, …
    #[arg(long, value_delimiter = ',')]
    kind: Vec<String>,
}

pub(crate) async fn run(watch: &Watch, api: &Api, screen: &mut Screen<'_>) -> Result<(), Failure> {
    let mut last = watch.from;
    loop {
        let request = watch.request(last);
        let mut stream = api.call(request, async |request| api.watch().watch(request).await).await?;
        let mut heard = false;
        let failure = loop {
            match stream.message().await {
                Ok(Some(answer)) => {
                    heard = true;
                    last = Some(answer.revision);
                    if !answer.changes.is_empty() {
                        screen.next(&answer, &lines(&answer))?;
                    }
                }
                Ok(None) => break Failure::Ended { endpoint: api.target().endpoint.clone() },
                Err(status) => break api.failure(status, 1).await,
            }
        };
        // A refusal is final, and a stream that brought nothing is not tried again without end.
        if !heard || matches!(failure, Failure::Call { .. }) {
            return Err(failure);
        }
        screen.note("the connection broke; going on from where it was")?;
    }
}

impl Watch {
    fn request(&self, last: Option<u64>) -> v1::WatchRequest {
        v1::WatchRequest { from_revision: last.unwrap_or_default(), from_now: last.is_none(), kinds: self.kind.clone() }
    }
}

fn lines(answer: &v1::WatchResponse) -> Vec<String> {
    let start = format!("{}  {}", answer.revision, time(answer.time.as_ref()));
    let each = answer.changes.iter().map(event::lines);
    each.flat_map(|lines| {
        let (first, fields) =
            lines.split_first().map(|(first, rest)| (first.clone(), rest.to_vec())).unwrap_or_default();
        std::iter::once(format!("{start}  {first}")).chain(fields)
    })
    .collect()
}

impl Shown for v1::WatchResponse {
    const MESSAGE: &'static str = "freehold.v1.WatchResponse";
    const COLUMNS: &'static [&'static str] = &["REVISION", "TIME", "WHAT"];

    fn row(&self) -> Vec<String> {
        vec![self.revision.to_string(), time(self.time.as_ref()), lines(self).join(", ")]
    }

    fn details(&self) -> Vec<(&'static str, String)> {
        Self::COLUMNS.iter().copied().zip(self.row()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Command as Noun, testing};
    use super::*;

    fn watch(line: &str) -> Watch {
        let Noun::Watch(watch) = testing::parse(line) else { panic!("another command") };
        watch
    }

    #[test]
    fn a_watch_begins_now_and_goes_on_from_where_it_was() {
        let request = |from_revision, from_now, kinds: &[&str]| v1::WatchRequest {
            from_revision,
            from_now,
            kinds: kinds.iter().map(|kind| kind.to_string()).collect(),
        };
        let now = watch("watch");
        assert_eq!(now.request(now.from), request(0, true, &[]));
        assert_eq!(now.request(Some(17)), request(17, false, &[]));
        let all = watch("watch --from 0 --kind scope,server");
        assert_eq!(all.request(all.from), request(0, false, &["scope", "server"]));
    }

    #[test]
    fn a_change_is_a_line_and_its_fields() {
        let answer = v1::WatchResponse {
            revision: 9,
            time: Some(prost_types::Timestamp { seconds: 1_763_705_883, nanos: 0 }),
            changes: vec![v1::ResourceChange {
                kind: "scope".into(),
                resource: "scopes/x".into(),
                before: None,
                after: Some(v1::Snapshot::default()),
            }],
        };
        assert_eq!(lines(&answer), ["9  2025-11-21 06:18:03Z  created scopes/x"]);
    }
}
