use super::PARTS_MAX;
use crate::change::Change;
use crate::command::PrefixDraft;
use crate::decide::{Moment, lookup, prefix};
use crate::model::PrefixKind;
use crate::name::PrefixName;
use crate::net::{Cidr, width};
use crate::refusal::{Reason, Refusal};
use crate::state::State;
use crate::subnet;

/// Makes the first `count` free blocks of `length` bits in a container prefixes like `draft`: all of them or none.
pub(in crate::decide) fn carve(
    state: &State,
    at: Moment,
    parent: &PrefixName,
    length: u8,
    count: u32,
    draft: &PrefixDraft,
) -> Result<Vec<Change>, Refusal> {
    if count == 0 || u64::from(count) > PARTS_MAX {
        let message = format!("{count} prefixes at once; ask for 1 to {PARTS_MAX}");
        return Err(Refusal::new(Reason::TooMany, message).at("count"));
    }
    let found = find_free(state, parent, length, count as usize)?;
    if found.len() < count as usize {
        return Err(none_free(state, parent, length, count, found.len()));
    }
    let made = found.into_iter().map(|cidr| {
        let name = PrefixName { space: parent.space.clone(), cidr };
        prefix::made(state, at, &name, draft, Vec::new())
    });
    made.collect()
}

/// The first free blocks of `length` bits in the container `parent`, at most `most`.
pub(in crate::decide) fn find_free(
    state: &State,
    parent: &PrefixName,
    length: u8,
    most: usize,
) -> Result<Vec<Cidr>, Refusal> {
    let container = lookup::prefix(state, parent).map_err(|refusal| refusal.at("parent"))?;
    if container.kind == PrefixKind::Network {
        let message =
            format!("{parent} is a network and holds addresses, not prefixes; convert it to a container first");
        return Err(Refusal::new(Reason::NotAContainer, message).at("parent").about(parent));
    }
    longer(parent.cidr, length)?;
    Ok(subnet::free_blocks(parent.cidr, taken(state, parent), length).take(most).collect())
}

/// What in `parent` is a prefix of the plan already, or delegated by a scope, in order.
fn taken(state: &State, parent: &PrefixName) -> impl Iterator<Item = Cidr> {
    let pools = state.prefix_pools_overlapping(&parent.space, parent.cidr).map(|(block, _)| block);
    let reserved = state.reserved_prefixes_overlapping(&parent.space, parent.cidr).map(|(prefix, _)| prefix);
    let mut delegated: Vec<Cidr> = pools.chain(reserved).collect();
    delegated.sort();
    let (mut delegated, mut children) = (delegated.into_iter().peekable(), state.children_of(parent).peekable());
    std::iter::from_fn(move || match (delegated.peek(), children.peek()) {
        (Some(block), Some(child)) if *block < child.name.cidr => delegated.next(),
        (_, Some(_)) => children.next().map(|child| child.name.cidr),
        (_, None) => delegated.next(),
    })
}

/// Refuses a length of parts that is not longer than that of the whole.
pub(super) fn longer(whole: Cidr, length: u8) -> Result<(), Refusal> {
    let most = width(whole.family());
    if whole.prefix_len() < length && length <= most {
        return Ok(());
    }
    let message = match whole.prefix_len() == most {
        true => format!("{whole} is one address and has no parts"),
        false => {
            format!("a part of {whole} cannot be a /{length}; give a length from {} to {most}", whole.prefix_len() + 1)
        }
    };
    Err(Refusal::new(Reason::InvalidLength, message).at("length"))
}

fn none_free(state: &State, parent: &PrefixName, length: u8, wanted: u32, found: usize) -> Refusal {
    let hint = match subnet::largest_free(parent.cidr, taken(state, parent)) {
        Some(largest) if found == 0 => format!("the largest free block is {largest}"),
        Some(_) => format!("{found} are free"),
        None => "all of it is taken".to_owned(),
    };
    let message = format!("{parent} has not {wanted} free /{length}: {hint}");
    Refusal::new(Reason::NoFreeSubnet, message).at("length").about(parent)
}
