//! What a big plan costs: a container with 10,000 networks, in IPv4 and in IPv6. Prints microseconds each.
//!
//! ```text
//! cargo run --release -p freehold-core --example plan_cost
//! ```

use freehold_core::change::{Actor, Entry, Outcome};
use freehold_core::command::{PrefixDraft, PrefixPatch};
use freehold_core::decide::find_free_subnets;
use freehold_core::labels::Labels;
use freehold_core::model::PrefixKind;
use freehold_core::name::{PrefixName, SpaceName};
use freehold_core::text::Text;
use freehold_core::{Command, State, Timestamp, decide};
use std::time::Instant;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const CHILDREN: u32 = 10_000;

fn carried_out(state: &mut State, command: &Command) {
    let changes = decide(state, command, NOW).expect("allowed");
    state.apply(&Entry {
        revision: state.revision().next(),
        at: NOW,
        actor: Actor::default(),
        method: String::new(),
        request: None,
        outcome: Outcome::Done(changes),
    });
}

fn microseconds(times: u32, mut what: impl FnMut()) -> f64 {
    let begun = Instant::now();
    (0..times).for_each(|_| what());
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(times)
}

fn main() {
    let space: SpaceName = "spaces/default".parse().expect("a name");
    for (container, length) in [("10.0.0.0/8", 24u8), ("2001:db8::/32", 64)] {
        let parent = PrefixName { space: space.clone(), cidr: container.parse().expect("a CIDR") };
        let mut state = State::default();
        let (title, description) = (Text::default(), Text::default());
        carried_out(
            &mut state,
            &Command::CreateSpace { name: space.clone(), title, description, labels: Labels::NONE },
        );
        let draft = PrefixDraft::of(PrefixKind::Container);
        carried_out(&mut state, &Command::CreatePrefix { name: parent.clone(), draft });
        let draft = PrefixDraft::of(PrefixKind::Network);
        let carve = |count| Command::CarvePrefixes { parent: parent.clone(), length, count, draft: draft.clone() };
        let fill = microseconds(CHILDREN / 1000, || carried_out(&mut state, &carve(1000)));
        println!("{container} with {CHILDREN} networks");
        println!("  carve 1000               {fill:>10.1} us");
        let full = state.clone();
        println!(
            "  find one behind them all {:>10.1} us",
            microseconds(100, || {
                assert_eq!(find_free_subnets(&full, &parent, length, 1).map(|found| found.len()), Ok(1));
            })
        );
        println!("  carve one                {:>10.1} us", microseconds(100, || carried_out(&mut state, &carve(1))));
        println!(
            "  a page of 100 of a tree  {:>10.1} us",
            microseconds(100, || {
                assert_eq!(full.tree(&space, None, 2, None).take(100).count(), 100);
            })
        );
        println!(
            "  the root alone           {:>10.1} us",
            microseconds(100, || {
                assert_eq!(full.tree(&space, None, 1, None).count(), 1);
            })
        );
        let mut n = 0;
        println!(
            "  change the container     {:>10.1} us",
            microseconds(100, || {
                n += 1;
                let title = Some(Text::parse(&n.to_string()).expect("text"));
                let patch = PrefixPatch { title, ..PrefixPatch::default() };
                carried_out(&mut state, &Command::UpdatePrefix { name: parent.clone(), etag: None, patch });
            })
        );
    }
}
