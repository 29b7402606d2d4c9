//! Drawing one of many by their weights, at the cost of a few steps.

/// Weights of tasks by their number, in a Fenwick tree: setting one and drawing one take as many
/// steps as the number of tasks has binary digits.
#[derive(Debug, Default)]
pub(super) struct Weights {
    each: Vec<u64>,
    /// Position `i` (from 1) holds the sum of the `i & -i` weights that end there.
    sums: Vec<u64>,
    total: u64,
}

impl Weights {
    pub(super) fn clear(&mut self) {
        self.each.clear();
        self.sums.clear();
        self.total = 0;
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn get(&self, number: u32) -> u64 {
        self.each.get(number as usize).copied().unwrap_or(0)
    }

    pub(super) fn set(&mut self, number: u32, weight: u64) {
        let number = number as usize;
        if self.each.len() <= number {
            self.grow(number + 1);
        }
        let old = std::mem::replace(&mut self.each[number], weight);
        self.total = self.total - old + weight;
        let mut at = number + 1;
        while at <= self.sums.len() {
            self.sums[at - 1] = self.sums[at - 1] - old + weight;
            at += at & at.wrapping_neg();
        }
    }

    /// The number whose share of `0..total` holds `at`.
    pub(super) fn at(&self, mut at: u64) -> u32 {
        let mut before = 0;
        let mut step = self.sums.len().next_power_of_two();
        while step > 0 {
            let next = before + step;
            if next <= self.sums.len() && self.sums[next - 1] <= at {
                at -= self.sums[next - 1];
                before = next;
            }
            step /= 2;
        }
        before as u32
    }

    fn grow(&mut self, least: usize) {
        let length = least.next_power_of_two().max(16);
        self.each.resize(length, 0);
        self.sums = self.each.clone();
        for at in 1..=length {
            let above = at + (at & at.wrapping_neg());
            if above <= length {
                self.sums[above - 1] += self.sums[at - 1];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_share() {
        let mut weights = Weights::default();
        for (number, weight) in [(3, 2), (0, 1), (40, 5), (7, 0), (3, 4)] {
            weights.set(number, weight);
        }
        assert_eq!((weights.total(), weights.get(3), weights.get(99)), (10, 4, 0));
        let drawn: Vec<u32> = (0..10).map(|at| weights.at(at)).collect();
        assert_eq!(drawn, [0, 3, 3, 3, 3, 40, 40, 40, 40, 40]);
        weights.clear();
        assert_eq!(weights.total(), 0);
    }
}
