//! The tree: shared nodes in one shape for one content, and the two ways to change it.
//!
//! A node stands for a block in which it has at least one member. Members that are alone in their
//! leaf's block are kept in place of a pointer, as are blocks that are full at any level; a leaf has
//! 2 to 255 members, an inner node at least two children, and is not full. Hence a content has one
//! tree only, and comparing trees is comparing contents, shared parts at once.

use super::bitmap::Bitmap;
use super::block::Block;
use std::sync::Arc;

/// A `u128` in two halves: it asks for less alignment, which keeps a [`Node`] at 24 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Halves([u64; 2]);

impl From<u128> for Halves {
    fn from(number: u128) -> Self {
        Self([(number >> 64) as u64, number as u64])
    }
}

impl From<Halves> for u128 {
    fn from(Halves([high, low]): Halves) -> Self {
        u128::from(high) << 64 | u128::from(low)
    }
}

/// Some members, all in one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    /// Every number of a block; one alone is a block of 0 bits.
    Full { first: Halves, bits: u8 },
    /// 2 to 255 members of a block of 8 bits.
    Leaf { taken: u8, leaf: Arc<Leaf> },
    /// The members of two or more parts of a block of 12 or more bits.
    Inner { taken: u64, inner: Arc<Inner> },
}

const _: () = assert!(size_of::<Node>() == 24, "a node's size is most of what a member costs in a sparse set");

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    first: Halves,
    pub(super) members: Bitmap,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inner {
    first: Halves,
    bits: u8,
    /// Which slots have a child.
    slots: u16,
    /// The children in the order of their slots.
    children: Vec<Node>,
}

impl Node {
    pub(super) fn full(block: Block) -> Self {
        Node::Full { first: block.first.into(), bits: block.bits }
    }

    /// The node of these members of a block of 8 bits; there is at least one.
    pub(super) fn of_bitmap(first: u128, members: Bitmap) -> Self {
        match members.count() {
            1 => Self::full(Block::around(first | u128::from(members.first().expect("one member")), 0)),
            256 => Self::full(Block::around(first, 8)),
            count => Node::Leaf { taken: count as u8, leaf: Arc::new(Leaf { first: first.into(), members }) },
        }
    }

    /// The node of these children, one or more parts of `block`, ascending, each with less than all of it.
    pub(super) fn of_children(block: Block, children: Vec<Node>) -> Self {
        let taken = children.iter().map(Node::taken).sum();
        let slots = children.iter().fold(0, |slots, child| slots | 1 << block.slot(child.block().first));
        if block.is_size(taken) {
            return Self::full(block);
        }
        let inner = Inner { first: block.first.into(), bits: block.bits, slots, children };
        Node::Inner { taken, inner: Arc::new(inner) }
    }

    /// The smallest block of its kind that has all its members.
    pub(super) fn block(&self) -> Block {
        match self {
            Node::Full { first, bits } => Block { first: (*first).into(), bits: *bits },
            Node::Leaf { leaf, .. } => leaf.block(),
            Node::Inner { inner, .. } => inner.block(),
        }
    }

    /// How many members it has.
    pub(super) fn taken(&self) -> u64 {
        match self {
            Node::Full { bits, .. } => 1u64.checked_shl((*bits).into()).expect("members came one by one: below 2^64"),
            Node::Leaf { taken, .. } => (*taken).into(),
            Node::Inner { taken, .. } => *taken,
        }
    }

    pub(super) fn contains(&self, number: u128) -> bool {
        let mut node = self;
        loop {
            match node {
                Node::Full { .. } => return node.block().contains(number),
                Node::Leaf { leaf, .. } => return leaf.block().contains(number) && leaf.members.has(number as u8),
                Node::Inner { inner, .. } => match inner.child(number) {
                    Some(child) => node = child,
                    None => return false,
                },
            }
        }
    }

    /// Takes a number in that is not a member yet.
    pub(super) fn insert(&mut self, number: u128) {
        let block = self.block();
        if !block.contains(number) {
            return self.join(number);
        }
        if block.is_size(self.taken() + 1) {
            *self = Self::full(block);
            return;
        }
        match self {
            Node::Full { .. } => {}
            Node::Leaf { taken, leaf } => {
                *taken += 1;
                Arc::make_mut(leaf).members.set(number as u8);
            }
            Node::Inner { taken, inner } => {
                *taken += 1;
                Arc::make_mut(inner).insert(number);
            }
        }
    }

    /// Takes in a number outside of its block: the two become parts of a larger one.
    fn join(&mut self, number: u128) {
        let block = self.block().join(Block::around(number, 0));
        *self = if block.bits == 8 {
            let mut members = Bitmap::EMPTY;
            members.set(number as u8);
            members.set(self.block().first as u8);
            Self::of_bitmap(block.first, members)
        } else {
            let (old, new) = (self.clone(), Self::full(Block::around(number, 0)));
            let ascending = old.block().first < number;
            Self::of_children(block, if ascending { vec![old, new] } else { vec![new, old] })
        };
    }

    /// Gives the tree without `number`, a member; nothing if it was the last one.
    pub(super) fn without(self, number: u128) -> Option<Self> {
        let block = self.block();
        match self {
            Node::Full { bits: 0, .. } => None,
            Node::Full { bits: 8, .. } => Some(Self::of_bitmap(block.first, !one(number))),
            Node::Full { .. } => {
                let mut children: Vec<Node> = (0..16).map(|slot| Self::full(block.part(slot))).collect();
                let slot = usize::from(block.slot(number));
                children[slot] = children[slot].clone().without(number).expect("a full part has more than one member");
                Some(Self::of_children(block, children))
            }
            Node::Leaf { taken: 2, leaf } => Some(Self::of_bitmap(block.first, leaf.members & !one(number))),
            Node::Leaf { taken, mut leaf } => {
                Arc::make_mut(&mut leaf).members.clear(number as u8);
                Some(Node::Leaf { taken: taken - 1, leaf })
            }
            Node::Inner { taken, mut inner } => {
                let changed = Arc::make_mut(&mut inner);
                changed.remove(number);
                if changed.children.len() == 1 {
                    return changed.children.pop();
                }
                Some(Node::Inner { taken: taken - 1, inner })
            }
        }
    }
}

fn one(number: u128) -> Bitmap {
    Bitmap::span(number as u8, number as u8)
}

impl Leaf {
    pub(super) fn block(&self) -> Block {
        Block { first: self.first.into(), bits: 8 }
    }
}

impl Inner {
    pub(super) fn block(&self) -> Block {
        Block { first: self.first.into(), bits: self.bits }
    }

    /// The children in the order of their slots.
    pub(super) fn children(&self) -> &[Node] {
        &self.children
    }

    /// The children in that slot and later ones.
    pub(super) fn children_from(&self, slot: u8) -> &[Node] {
        &self.children[self.place(slot)..]
    }

    /// Which slots have a child, the lowest bit for slot 0.
    pub(super) fn slots(&self) -> u16 {
        self.slots
    }

    /// The child in the slot of `number`, which may lie elsewhere.
    fn child(&self, number: u128) -> Option<&Node> {
        self.in_slot(self.block().slot(number))
    }

    pub(super) fn in_slot(&self, slot: u8) -> Option<&Node> {
        (self.slots >> slot & 1 == 1).then(|| &self.children[self.place(slot)])
    }

    /// Where the child of that slot stands, or would.
    fn place(&self, slot: u8) -> usize {
        (self.slots & ((1 << slot) - 1)).count_ones() as usize
    }

    fn insert(&mut self, number: u128) {
        let slot = self.block().slot(number);
        let place = self.place(slot);
        if self.slots >> slot & 1 == 1 {
            self.children[place].insert(number);
        } else {
            self.slots |= 1 << slot;
            self.children.reserve_exact(1);
            self.children.insert(place, Node::full(Block::around(number, 0)));
        }
    }

    fn remove(&mut self, number: u128) {
        let slot = self.block().slot(number);
        let place = self.place(slot);
        let nothing = Node::full(Block::around(number, 0));
        match std::mem::replace(&mut self.children[place], nothing).without(number) {
            Some(child) => self.children[place] = child,
            None => {
                self.children.remove(place);
                self.slots &= !(1 << slot);
            }
        }
    }
}
