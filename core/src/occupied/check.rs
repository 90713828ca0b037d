//! The invariants of a set's tree, each counted and compared again.

use super::AddressSet;
use super::block::Block;
use super::node::{Inner, Node};

impl AddressSet {
    /// Looks at every node again; the error names the first one that is not as it must be.
    ///
    /// For each node: it lies in its parent's slot; its block is aligned and of a known size; its count is
    /// that of its members; it has the one shape that its content can have. Costs the whole tree.
    pub fn check(&self) -> Result<(), String> {
        self.root.as_ref().map_or(Ok(()), |root| check(root, Block::ALL))
    }
}

fn check(node: &Node, within: Block) -> Result<(), String> {
    let block = node.block();
    let wrong = |what: &str| Err(format!("node at {:x}/{}: {what}", block.first, 128 - block.bits));
    if !within.covers(block) {
        return wrong(&format!("outside of its parent's slot {:x}/{}", within.first, 128 - within.bits));
    }
    if block.first != Block::around(block.first, block.bits).first {
        return wrong("not aligned");
    }
    let sizes = match node {
        Node::Full { bits: 0, .. } => 0..=0,
        Node::Full { .. } => 8..=60,
        Node::Leaf { .. } => 8..=8,
        Node::Inner { .. } => 12..=128,
    };
    if !sizes.contains(&block.bits) || !block.bits.is_multiple_of(4) {
        return wrong("no such size");
    }
    match node {
        Node::Full { .. } => Ok(()),
        Node::Leaf { taken, leaf } => match leaf.members.count() {
            0 | 1 | 256 => wrong("a bitmap of none, one, or all"),
            count if count != u32::from(*taken) => wrong(&format!("{count} members, counted as {taken}")),
            _ => Ok(()),
        },
        Node::Inner { taken, inner } => {
            if inner.children().len() != inner.slots().count_ones() as usize {
                return wrong("children and slots differ in number");
            }
            if inner.children().len() < 2 {
                return wrong("one child or none");
            }
            check_children(inner)?;
            let count: u64 = inner.children().iter().map(Node::taken).sum();
            if count != *taken {
                return wrong(&format!("{count} members, counted as {taken}"));
            }
            if block.is_size(count) {
                return wrong("full, but not kept as such");
            }
            Ok(())
        }
    }
}

fn check_children(inner: &Inner) -> Result<(), String> {
    let slots = (0..16).filter(|slot| inner.slots() >> slot & 1 == 1);
    slots.zip(inner.children()).try_for_each(|(slot, child)| check(child, inner.block().part(slot)))
}

#[cfg(test)]
mod tests {
    use super::super::bitmap::Bitmap;
    use super::*;

    fn found(root: Node) -> String {
        AddressSet { root: Some(root) }.check().expect_err("a broken tree")
    }

    fn one(number: u128) -> Node {
        Node::full(Block::around(number, 0))
    }

    #[test]
    fn what_is_wrong_is_found_and_named() {
        let leaf = Node::of_bitmap(0x0a00_0100, Bitmap::span(3, 5));
        let Node::Leaf { leaf: shared, .. } = leaf.clone() else { panic!("three members make a leaf") };
        let miscounted = Node::Leaf { taken: 4, leaf: shared };
        let parent = Block::around(0x0a00_0000, 12);
        let inner = Node::of_children(parent, vec![one(0x0a00_0001), leaf.clone()]);
        let Node::Inner { inner: shared, .. } = inner.clone() else { panic!("two children make an inner node") };
        assert_eq!(AddressSet { root: Some(inner) }.check(), Ok(()));

        assert_eq!(found(miscounted.clone()), "node at a000100/120: 3 members, counted as 4");
        assert_eq!(
            found(Node::of_children(parent, vec![one(0x0a00_0001), miscounted])),
            "node at a000100/120: 3 members, counted as 4"
        );
        assert_eq!(found(Node::Inner { taken: 5, inner: shared }), "node at a000000/116: 4 members, counted as 5");
        assert_eq!(found(Node::of_children(parent, vec![leaf])), "node at a000000/116: one child or none");
        assert_eq!(
            found(Node::of_children(parent, vec![one(0x0a00_0001), one(0x0a00_0002)])),
            "node at a000000/116: children and slots differ in number"
        );
        assert_eq!(
            found(Node::of_children(parent, vec![one(0x0a00_0001), one(0x0b00_0101)])),
            "node at b000101/128: outside of its parent's slot a000100/120"
        );
        assert_eq!(found(Node::Full { first: 5.into(), bits: 8 }), "node at 5/120: not aligned");
        assert_eq!(found(Node::full(Block::around(0, 9))), "node at 0/119: no such size");
    }
}
