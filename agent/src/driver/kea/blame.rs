//! Which resources Kea refuses, in Kea's own words, found without losing a packet.
//!
//! Kea reports one error at a time, most with a position, some with nothing. A suspect (what stands at the position, or a
//! reservation whose address is mentioned) is believed only if its removal changes Kea's answer; without one, halving finds
//! the first resource that turns an accepted configuration into a refused one. Both ask `config-test`, which
//! delays clients and drops none.

use futures_util::future::BoxFuture;
use std::collections::BTreeMap;

use freehold_core::bundle::{Bundle, ResourceKey, ResourceKind};
use freehold_proto::sync::resource_result::Code;

use super::control::{Complaint, ConfigText, ControlError, Verdict};
use super::locate::path_at;
use super::plan::{Fault, Plan};

/// How often to ask Kea at most; with 10,000 reservations one question takes 0.7 s. What is not found now is found the next time.
const QUESTIONS_MAX: usize = 60;

/// Kea's answer to a test, awaited.
type Asked<'a> = BoxFuture<'a, Result<Verdict, ControlError>>;

/// Finds the resources of `bundle` that made Kea say `complaint`.
///
/// `plan` plans a part of the bundle, `ask` has Kea test a plan. Empty if the fault lies in none of them: then it is in
/// what Freehold does not own.
pub async fn culprits<'a>(
    bundle: &Bundle,
    complaint: &Complaint,
    plan: impl Fn(&Bundle) -> Option<Plan>,
    ask: impl Fn(ConfigText) -> Asked<'a>,
) -> Result<Vec<Fault>, ControlError> {
    let mut search = Search { plan, ask, questions: 0 };
    let (mut rest, mut complaint) = (bundle.clone(), complaint.clone());
    let mut faults = Vec::new();
    loop {
        let Some((key, field, after)) = search.next(&rest, &complaint).await? else { return Ok(faults) };
        rest = without(&rest, &key);
        faults.push(Fault { key, code: Code::ServerRefused, field, message: complaint.text });
        match after {
            Verdict::Refused(next) if search.questions < QUESTIONS_MAX => complaint = next,
            _ => return Ok(faults),
        }
    }
}

/// The resource at the place of a complaint, and the place in it. `None` if it is not Freehold's or no place is given.
pub fn located(plan: &Plan, complaint: &Complaint) -> Option<(ResourceKey, String)> {
    let text = ConfigText::of(&plan.config.whole());
    let (key, field) = plan.resource_at(&path_at(text.as_str(), complaint.offset?))?;
    Some((key.clone(), field))
}

struct Search<P, A> {
    plan: P,
    ask: A,
    questions: usize,
}

impl<'a, P, A> Search<P, A>
where
    P: Fn(&Bundle) -> Option<Plan>,
    A: Fn(ConfigText) -> Asked<'a>,
{
    /// A culprit, the field at fault, and what Kea says without it.
    async fn next(
        &mut self,
        rest: &Bundle,
        complaint: &Complaint,
    ) -> Result<Option<(ResourceKey, String, Verdict)>, ControlError> {
        let Some(plan) = (self.plan)(rest) else { return Ok(None) };
        let suspects = [located(&plan, complaint), mentioned(&plan, complaint)];
        for (key, field) in suspects.into_iter().flatten() {
            let after = self.test(&without(rest, &key)).await?;
            if !matches!(&after, Verdict::Refused(same) if same.text_without_place() == complaint.text_without_place())
            {
                return Ok(Some((key, field, after)));
            }
        }
        let Some(key) = self.first_refused(&plan, rest).await? else { return Ok(None) };
        let after = self.test(&without(rest, &key)).await?;
        Ok(Some((key, String::new(), after)))
    }

    /// The first resource with which Kea refuses, found by halving.
    async fn first_refused(&mut self, plan: &Plan, rest: &Bundle) -> Result<Option<ResourceKey>, ControlError> {
        let keys: Vec<_> = plan.keys().collect();
        let first = |count: usize| {
            let some =
                keys[..count].iter().filter_map(|key| Some(((*key).clone(), rest.resources().get(key)?.clone())));
            Bundle::new(some.collect::<BTreeMap<_, _>>())
        };
        if self.test(&first(0)).await? != Verdict::Accepted {
            return Ok(None);
        }
        let (mut accepted, mut refused) = (0, keys.len());
        while accepted + 1 < refused && self.questions < QUESTIONS_MAX {
            let middle = accepted.midpoint(refused);
            match self.test(&first(middle)).await? {
                Verdict::Accepted => accepted = middle,
                Verdict::Refused(_) => refused = middle,
            }
        }
        // Out of questions, nothing is proven.
        Ok((accepted + 1 == refused).then(|| keys[accepted].clone()))
    }

    async fn test(&mut self, bundle: &Bundle) -> Result<Verdict, ControlError> {
        self.questions += 1;
        match (self.plan)(bundle) {
            Some(plan) => (self.ask)(ConfigText::of(&plan.config.whole())).await,
            None => Ok(Verdict::Accepted),
        }
    }
}

/// The reservation whose address a complaint names.
fn mentioned(plan: &Plan, complaint: &Complaint) -> Option<(ResourceKey, String)> {
    let named = |key: &&ResourceKey| {
        let address = key.id.split_once('/').map_or("", |(_, address)| address);
        let is_v6 = address.contains(':');
        let in_address =
            |c: char| if is_v6 { c.is_ascii_hexdigit() || c == ':' } else { c.is_ascii_digit() || c == '.' };
        let words = complaint.text.split(|c| !in_address(c));
        key.kind == ResourceKind::Reservation
            // An address may end in colons itself.
            && words.flat_map(|word| [word, word.trim_end_matches('.'), word.strip_suffix(':').unwrap_or(word)]).any(|word| word == address)
    };
    plan.keys().find(named).map(|key| (key.clone(), "address".to_owned()))
}

/// `bundle` without a resource and what depends on it.
fn without(bundle: &Bundle, key: &ResourceKey) -> Bundle {
    bundle.with_refusals(|other, _| (other == key).then_some(None))
}

impl Complaint {
    /// Kea's words without the position, which moves when something else goes.
    fn text_without_place(&self) -> &str {
        self.text.split("(<wire>").next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::Config;
    use super::super::plan::plan;
    use super::super::plan::tests::{bundle, host, scope};
    use super::*;
    use freehold_proto::sync::reservation_resource::Client;
    use serde_json::{Value, json};
    use std::cell::Cell;

    /// A Kea that dislikes what `dislikes` says of a subnet or a reservation, and tells the first of them.
    async fn check(
        dislikes: impl Fn(&Value) -> Option<&'static str>,
        with_place: bool,
        foreign: Value,
        expected: &[&str],
        questions_max: usize,
    ) {
        let hosts: Vec<_> = (1..100)
            .map(|n| host(["a", "b"][n % 2], &format!("10.77.9.{n}"), Client::Hardware(vec![2, n as u8])))
            .collect();
        let bundle = bundle(
            &[scope("a", 1, "10.77.0.0/16"), scope("b", 2, "10.78.0.0/16"), scope("c", 3, "10.79.0.0/16")],
            &hosts,
        );
        let running = Config::new(super::super::protocol::Protocol::V4, json!({"Dhcp4": {"subnet4": foreign}}));
        let questions = Cell::new(0);
        let judge = |text: &ConfigText| {
            questions.set(questions.get() + 1);
            let config: Value = serde_json::from_str(text.as_str()).unwrap();
            for subnet in config["Dhcp4"]["subnet4"].as_array().unwrap() {
                let hosts = subnet["reservations"].as_array().cloned().unwrap_or_default();
                for part in std::iter::once(subnet).chain(&hosts) {
                    if let Some(words) = dislikes(part) {
                        let offset = text.as_str().find(&part.to_string()).filter(|_| with_place);
                        return Verdict::Refused(Complaint { text: words.to_owned(), offset });
                    }
                }
            }
            Verdict::Accepted
        };
        let plan_it = |part: &Bundle| plan(part, &running).ok();
        let Verdict::Refused(first) = judge(&ConfigText::of(&plan_it(&bundle).unwrap().config.whole())) else {
            panic!("accepted")
        };
        let found =
            culprits(&bundle, &first, plan_it, |text| Box::pin(std::future::ready(Ok(judge(&text))))).await.unwrap();
        assert_eq!(found.iter().map(|fault| fault.key.to_string()).collect::<Vec<_>>(), expected);
        assert!(questions.get() <= questions_max, "{} questions", questions.get());
    }

    #[tokio::test]
    async fn culprits_are_found_with_and_without_a_place() {
        let some = |part: &Value| match (part["id"].as_u64(), part["ip-address"].as_str()) {
            (Some(3), _) => Some("bad timers"),
            (_, Some("10.77.9.42")) => Some("bad client"),
            (_, Some("10.77.9.77")) => Some("'10.77.9.77' is not within the subnet"),
            _ => None,
        };
        let expected = ["reservation a/10.77.9.42", "reservation b/10.77.9.77", "scope c"];
        check(some, true, json!([]), &expected, 4).await;
        check(some, false, json!([]), &expected, 24).await;
    }

    #[tokio::test]
    async fn a_scope_takes_its_reservations_with_it() {
        let dislikes = |part: &Value| match part["id"].as_u64() {
            Some(1) => Some("bad"),
            _ => None,
        };
        check(dislikes, false, json!([]), &["scope a"], 12).await;
    }

    #[tokio::test]
    async fn a_fault_of_the_operators_own_is_blamed_on_nobody_else() {
        let dislikes = |part: &Value| (part["id"] == 900).then_some("interface eth7 doesn't exist, 10.77.9.1");
        check(dislikes, true, json!([{"id": 900, "subnet": "10.200.0.0/16"}]), &[], 4).await;
    }
}
