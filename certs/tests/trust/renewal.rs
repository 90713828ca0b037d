//! When to renew, and how late is too late.

use std::time::Duration;

use freehold_certs::renewal;
use freehold_certs::validity::Validity;
use proptest::prelude::*;

use crate::ca::{DAY, now};

fn lasting(days: u32) -> Validity {
    Validity { not_before: now(), not_after: now() + days * DAY }
}

#[test]
fn an_agent_renews_from_day_ten_give_or_take_a_tenth() {
    let table = [(0, 9 * DAY), (u32::MAX / 2, 10 * DAY), (u32::MAX, 11 * DAY)];
    for (jitter, after) in table {
        let from = renewal::renew_from(lasting(30), jitter);
        let error = from.duration_since(now() + after).unwrap_or_else(|early| early.duration());
        assert!(error < Duration::from_secs(1), "jitter {jitter}: off by {error:?}");
    }
}

#[test]
fn an_intermediate_renews_half_way() {
    assert_eq!(renewal::renew_intermediate_from(lasting(730)), now() + 365 * DAY);
}

proptest! {
    #[test]
    fn renewal_lies_in_the_life_for_any_span(before in 0..4_000_000_000_u64, after in 0..4_000_000_000_u64, jitter: u32) {
        let epoch = std::time::UNIX_EPOCH;
        let validity = Validity {
            not_before: epoch + Duration::from_secs(before),
            not_after: epoch + Duration::from_secs(after),
        };
        let from = renewal::renew_from(validity, jitter);
        prop_assert!(from >= validity.not_before);
        prop_assert!(from <= validity.not_after.max(validity.not_before));
    }
}
