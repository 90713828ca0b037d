//! Building a set from ascending numbers, node by node from the left, each made once.

use super::AddressSet;
use super::bitmap::Bitmap;
use super::block::Block;
use super::node::Node;

/// The tree of all numbers so far, but for its right edge.
struct Builder {
    /// The leaf's block that numbers are going into, and those that came.
    leaf: Block,
    members: Bitmap,
    /// Inner nodes that may get more children, each within the one before it.
    open: Vec<Open>,
    /// The children so far of all of them, in order.
    children: Vec<Node>,
}

/// An inner node that may get more children.
struct Open {
    block: Block,
    /// Where its children start.
    from: usize,
}

/// Takes numbers in any order; ascending ones cost the least.
impl FromIterator<u128> for AddressSet {
    fn from_iter<I: IntoIterator<Item = u128>>(numbers: I) -> Self {
        let mut numbers = numbers.into_iter();
        let Some(first) = numbers.next() else { return Self::new() };
        let leaf = Block::around(first, 8);
        let mut builder = Builder { leaf, members: Bitmap::EMPTY, open: Vec::new(), children: Vec::new() };
        builder.members.set(first as u8);
        let mut late = Vec::new();
        for number in numbers {
            if builder.leaf.contains(number) {
                builder.members.set(number as u8);
            } else if number > builder.leaf.first {
                builder.turn(Block::around(number, 8));
                builder.members.set(number as u8);
            } else {
                late.push(number);
            }
        }
        let mut set = Self { root: Some(builder.finish()) };
        for number in late {
            set.insert(number);
        }
        set
    }
}

impl Builder {
    /// Ends the leaf's block and goes on to `next`, a later one.
    fn turn(&mut self, next: Block) {
        let mut node = Node::of_bitmap(self.leaf.first, self.members);
        let join = self.leaf.join(next);
        while let Some(open) = self.open.pop_if(|open| open.block.bits < join.bits) {
            node = self.close(open, node);
        }
        if self.open.last().is_none_or(|open| open.block != join) {
            self.open.push(Open { block: join, from: self.children.len() });
        }
        self.children.push(node);
        (self.leaf, self.members) = (next, Bitmap::EMPTY);
    }

    /// Makes the inner node, of which `last` is the last child.
    fn close(&mut self, open: Open, last: Node) -> Node {
        self.children.push(last);
        Node::of_children(open.block, self.children.drain(open.from..).collect())
    }

    fn finish(mut self) -> Node {
        let mut node = Node::of_bitmap(self.leaf.first, self.members);
        while let Some(open) = self.open.pop() {
            node = self.close(open, node);
        }
        node
    }
}
