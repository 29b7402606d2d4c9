//! The blocks of an outline.

use super::outline::Line;

/// A line with the lines inside it.
#[derive(Debug)]
pub(super) struct Node {
    /// The line's index.
    pub(super) line: usize,
    /// The blocks that it opens; as many as [`Line::parts`] says, though some may be empty.
    pub(super) parts: Vec<Vec<Node>>,
}

/// A block that is still open.
struct Open {
    node: Node,
    /// The part to which lines are added.
    part: usize,
    /// How many of the next lines it holds in any case.
    holds: usize,
}

/// The deepest nesting. A line that would open a deeper block opens an empty one.
const DEPTH_MAX: usize = 9;

/// Finds the blocks in `lines`.
pub(super) fn grow(lines: &[Line]) -> Vec<Node> {
    let mut top = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let held = open.iter().rposition(|block| block.holds > 0).map_or(0, |block| block + 1);
        close(&mut open, &mut top, line.indent.max(held));
        for block in &mut open {
            block.holds = block.holds.saturating_sub(1);
        }
        if let Some(block) = open.last_mut() {
            let last = block.node.parts.len() - 1;
            block.part = last.min(block.part + usize::from(line.next_part));
        }
        let parts = (0..line.parts()).map(|_| Vec::new()).collect();
        let node = Node { line: index, parts };
        if node.parts.is_empty() || open.len() == DEPTH_MAX {
            add(&mut open, &mut top, node);
        } else {
            open.push(Open { node, part: 0, holds: line.holds });
        }
    }
    close(&mut open, &mut top, 0);
    top
}

/// Closes all blocks but the outermost `depth`.
fn close(open: &mut Vec<Open>, top: &mut Vec<Node>, depth: usize) {
    while open.len() > depth {
        if let Some(block) = open.pop() {
            add(open, top, block.node);
        }
    }
}

fn add(open: &mut [Open], top: &mut Vec<Node>, node: Node) {
    match open.last_mut() {
        Some(block) => block.node.parts[block.part].push(node),
        None => top.push(node),
    }
}
