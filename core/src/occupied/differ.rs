//! Where two sets differ: what they share is passed over, so it costs what differs and the way there.

use super::AddressSet;
use super::block::Block;
use super::node::Node;
use std::ops::RangeInclusive;
use std::sync::Arc;

impl AddressSet {
    /// Stretches of numbers, in no order, outside of which the two sets have the same members. In each of them at least one member
    /// differs; it is of 256 numbers, or of one, or full in one of the sets and empty in the other.
    pub fn differ(&self, other: &Self) -> Vec<RangeInclusive<u128>> {
        let mut found = Vec::new();
        compare(self.root.as_ref(), other.root.as_ref(), &mut found);
        found.into_iter().map(|block| block.first..=block.last()).collect()
    }
}

fn compare(one: Option<&Node>, other: Option<&Node>, found: &mut Vec<Block>) {
    match (one, other) {
        (None, None) => {}
        (Some(node), None) | (None, Some(node)) => all_of(node, found),
        (Some(one), Some(other)) if is_shared(one, other) => {}
        (Some(one), Some(other)) => {
            let (here, there) = (one.block(), other.block());
            if here == there {
                same_block(one, other, found);
            } else if here.covers(there) {
                part_of(one, other, found);
            } else if there.covers(here) {
                part_of(other, one, found);
            } else {
                all_of(one, found);
                all_of(other, found);
            }
        }
    }
}

fn is_shared(one: &Node, other: &Node) -> bool {
    match (one, other) {
        (Node::Full { .. }, Node::Full { .. }) => one == other,
        (Node::Leaf { leaf: one, .. }, Node::Leaf { leaf: other, .. }) => Arc::ptr_eq(one, other),
        (Node::Inner { inner: one, .. }, Node::Inner { inner: other, .. }) => Arc::ptr_eq(one, other),
        _ => false,
    }
}

/// Two nodes of one block.
fn same_block(one: &Node, other: &Node, found: &mut Vec<Block>) {
    let block = one.block();
    if block.bits <= 8 {
        if one != other {
            found.push(block);
        }
        return;
    }
    for slot in 0..16 {
        compare(child(one, slot).as_ref(), child(other, slot).as_ref(), found);
    }
}

/// A node, and one that lies in a part of its block.
fn part_of(large: &Node, small: &Node, found: &mut Vec<Block>) {
    let block = large.block();
    if block.bits <= 8 {
        found.push(block);
        return;
    }
    let within = block.slot(small.block().first);
    for slot in 0..16 {
        compare(child(large, slot).as_ref(), Some(small).filter(|_| slot == within), found);
    }
}

/// What a node of more than 256 numbers has in a slot.
fn child(node: &Node, slot: u8) -> Option<Node> {
    match node {
        Node::Full { .. } => Some(Node::full(node.block().part(slot))),
        Node::Inner { inner, .. } => inner.in_slot(slot).cloned(),
        Node::Leaf { .. } => None,
    }
}

fn all_of(node: &Node, found: &mut Vec<Block>) {
    match node {
        Node::Inner { inner, .. } => inner.children().iter().for_each(|child| all_of(child, found)),
        Node::Full { .. } | Node::Leaf { .. } => found.push(node.block()),
    }
}
