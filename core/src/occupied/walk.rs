//! One walk for all questions: a range in ascending pieces, each free, taken, counted, or of 256 numbers.
//!
//! The walk goes down the trees of all sets side by side. Where only one of them has members it offers
//! that subtree with its count, and where one is full there is nothing more to ask; so it goes deep only
//! where the question needs it, or where two sets have members side by side.

use super::bitmap::Bitmap;
use super::block::Block;
use super::node::Node;

/// What the walk knows of the numbers from one to another.
pub(super) enum Piece {
    /// None is a member.
    Free,
    /// All are members.
    Taken,
    /// So many are members, at least one and not all.
    Counted(u64),
    /// Those in `taken` are members, of those in `asked`, each counted from `first`, the start of a leaf's block.
    Mixed { first: u128, taken: Bitmap, asked: Bitmap },
}

/// What to do after a piece.
pub(super) enum Step {
    /// The walk is over, with this number.
    Found(u128),
    /// On to what follows.
    Next,
    /// The same piece again, in smaller ones; said to a counted one only.
    Closer,
}

/// What the sets have within a block.
#[derive(Clone, Copy)]
pub(super) struct Area<'a, const N: usize> {
    block: Block,
    /// Nodes that lie in the block.
    nodes: [Option<&'a Node>; N],
}

impl<'a, const N: usize> Area<'a, N> {
    pub(super) fn all(roots: [Option<&'a Node>; N]) -> Self {
        Self { block: Block::ALL, nodes: roots }
    }

    /// Asks about the numbers from `lo` to `hi`, which lie in the block, until one is found.
    pub(super) fn walk<F: FnMut(u128, u128, Piece) -> Step>(self, lo: u128, hi: u128, ask: &mut F) -> Option<u128> {
        self.at_once(lo, hi, ask).unwrap_or_else(|| self.walk_closer(lo, hi, ask))
    }

    /// The same where not all can be asked about at once.
    fn walk_closer<F: FnMut(u128, u128, Piece) -> Step>(&self, lo: u128, hi: u128, ask: &mut F) -> Option<u128> {
        let held = self.held();
        if held == self.block {
            return self.walk_parts(lo, hi, ask);
        }
        let (first, last) = (held.first, held.last());
        if hi < first || lo > last {
            return found(ask(lo, hi, Piece::Free));
        }
        let inside = Self { block: held, ..*self };
        let before = if lo < first { found(ask(lo, first - 1, Piece::Free)) } else { None };
        let (from, to) = (lo.max(first), hi.min(last));
        before
            .or_else(|| inside.at_once(from, to, ask).unwrap_or_else(|| inside.walk_parts(from, to, ask)))
            .or_else(|| if hi > last { found(ask(last + 1, hi, Piece::Free)) } else { None })
    }

    /// The same part by part, where the block is the smallest that has all members and not full.
    fn walk_parts<F: FnMut(u128, u128, Piece) -> Step>(&self, lo: u128, hi: u128, ask: &mut F) -> Option<u128> {
        if self.block.bits == 8 {
            let (taken, asked) = (self.bitmap(), Bitmap::span(lo as u8, hi as u8));
            return found(ask(lo, hi, Piece::Mixed { first: self.block.first, taken, asked }));
        }
        let from = self.block.slot(lo);
        let mut branches = self.nodes.map(|node| Branch::of(node, self.block, from));
        (from..=self.block.slot(hi)).find_map(|slot| {
            let block = self.block.part(slot);
            let part = Self { block, nodes: branches.each_mut().map(|branch| branch.next(block)) };
            part.walk(lo.max(block.first), hi.min(block.last()), ask)
        })
    }

    /// Asks about all at once where that can be; `None` if it has to be in smaller pieces.
    #[inline]
    fn at_once<F: FnMut(u128, u128, Piece) -> Step>(&self, lo: u128, hi: u128, ask: &mut F) -> Option<Option<u128>> {
        let mut nodes = self.nodes.iter().flatten();
        let Some(node) = nodes.next() else { return Some(found(ask(lo, hi, Piece::Free))) };
        if self.is_full() {
            return Some(found(ask(lo, hi, Piece::Taken)));
        }
        if nodes.next().is_some() || lo != self.block.first || hi != self.block.last() {
            return None;
        }
        match ask(lo, hi, Piece::Counted(node.taken())) {
            Step::Closer => None,
            step => Some(found(step)),
        }
    }

    fn is_full(&self) -> bool {
        self.nodes.iter().flatten().any(|node| matches!(node, Node::Full { bits, .. } if *bits == self.block.bits))
    }

    /// The smallest block that has all members.
    fn held(&self) -> Block {
        let blocks = self.nodes.iter().flatten().map(|node| node.block());
        blocks.reduce(Block::join).expect("a block without members is asked about at once")
    }

    /// The members of a block of 8 bits.
    fn bitmap(&self) -> Bitmap {
        self.nodes.iter().flatten().fold(Bitmap::EMPTY, |members, node| members | node.bitmap(self.block))
    }
}

/// What one node has in the parts of a block, the smallest that has all members, part after part.
enum Branch<'a> {
    /// The node's block is the same: it has children, a bit of `slots` for each part still to come.
    Same { slots: u16, children: &'a [Node] },
    /// The node, if there is one, lies in one part.
    Other(Option<&'a Node>),
}

impl<'a> Branch<'a> {
    fn of(node: Option<&'a Node>, block: Block, from: u8) -> Self {
        match node {
            Some(Node::Inner { inner, .. }) if inner.block() == block => {
                Branch::Same { slots: inner.slots() >> from, children: inner.children_from(from) }
            }
            other => Branch::Other(other),
        }
    }

    /// The node for the next part, which is this block.
    fn next(&mut self, part: Block) -> Option<&'a Node> {
        match self {
            Branch::Same { slots, children } => {
                let there = *slots & 1 == 1;
                *slots >>= 1;
                there.then(|| children.split_off_first().expect("a child for each slot"))
            }
            Branch::Other(node) => node.filter(|node| part.covers(node.block())),
        }
    }
}

impl Node {
    /// Its members in a block of 8 bits.
    pub(super) fn bitmap(&self, block: Block) -> Bitmap {
        let mut node = self;
        loop {
            match node {
                Node::Full { bits: 0, first } => {
                    let number = u128::from(*first);
                    let inside = block.contains(number);
                    return if inside { Bitmap::span(number as u8, number as u8) } else { Bitmap::EMPTY };
                }
                Node::Full { .. } => {
                    return if node.block().covers(block) { Bitmap::FULL } else { Bitmap::EMPTY };
                }
                Node::Leaf { leaf, .. } => {
                    return if leaf.block() == block { leaf.members } else { Bitmap::EMPTY };
                }
                Node::Inner { inner, .. } => match inner.in_slot(inner.block().slot(block.first)) {
                    Some(child) => node = child,
                    None => return Bitmap::EMPTY,
                },
            }
        }
    }
}

fn found(step: Step) -> Option<u128> {
    match step {
        Step::Found(number) => Some(number),
        Step::Next | Step::Closer => None,
    }
}
