//! A binary heap that orders as Python's `heapq` does, ties included.

use std::collections::VecDeque;

/// Adds `item`, which rises to its place.
///
/// Source: CPython 3.13, `heapq.heappush`.
pub(super) fn push<T: PartialOrd>(heap: &mut VecDeque<T>, item: T) {
    heap.push_back(item);
    rise(heap, 0, heap.len() - 1);
}

/// Takes the least item. Of several that are equal this need not be the oldest.
///
/// Source: CPython 3.13, `heapq.heappop`.
pub(super) fn pop<T: PartialOrd>(heap: &mut VecDeque<T>) -> Option<T> {
    let last = heap.len().checked_sub(1)?;
    heap.swap(0, last);
    let least = heap.pop_back();
    if last > 0 {
        sink(heap);
    }
    least
}

/// Lets the item at `position` rise, at most to `top`.
fn rise<T: PartialOrd>(heap: &mut VecDeque<T>, top: usize, mut position: usize) {
    while position > top {
        let parent = (position - 1) / 2;
        if heap[position] < heap[parent] {
            heap.swap(position, parent);
            position = parent;
        } else {
            return;
        }
    }
}

/// Lets the first item sink all the way to a leaf, past the lesser of its children (the right one
/// if they are equal), and then rise again: what `heapq` does, since few items belong in the
/// middle.
fn sink<T: PartialOrd>(heap: &mut VecDeque<T>) {
    let mut position = 0;
    loop {
        let (left, right) = (2 * position + 1, 2 * position + 2);
        if left >= heap.len() {
            break;
        }
        let right_first = right < heap.len() && !is_less(heap, left, right);
        let child = if right_first { right } else { left };
        heap.swap(position, child);
        position = child;
    }
    rise(heap, 0, position);
}

fn is_less<T: PartialOrd>(heap: &VecDeque<T>, a: usize, b: usize) -> bool {
    heap[a] < heap[b]
}
