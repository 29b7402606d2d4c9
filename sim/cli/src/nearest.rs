//! What somebody may have meant who mistyped a name.

/// How many names a tip offers.
const OFFERED_MAX: usize = 3;

/// Returns the names that are nearest to `typed`, the nearest first; none if all are far.
///
/// A name is near if it goes on after what was typed, or if every third letter may be wrong.
pub(crate) fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let typed: Vec<char> = typed.to_lowercase().chars().collect();
    let far = ((typed.len() + 1) / 3).max(1);
    let mut near: Vec<(bool, usize, &str)> = names
        .filter_map(|name| {
            let letters: Vec<char> = name.chars().collect();
            let differs = !letters.starts_with(&typed) || typed.is_empty();
            let edits = edits(&typed, &letters);
            (!differs || edits <= far).then_some((differs, edits, name))
        })
        .collect();
    // A stable sort: equals stay in the order of the table.
    near.sort_by_key(|(differs, edits, _)| (*differs, *edits));
    near.truncate(OFFERED_MAX);
    near.into_iter().map(|(_, _, name)| name).collect()
}

/// Returns how many letters must be added, removed, replaced or swapped with their neighbour to
/// make `to` of `from`: the optimal string alignment distance.
fn edits(from: &[char], to: &[char]) -> usize {
    // Entry [i][j] is for the first i letters of `from` and the first j of `to`.
    let mut table = vec![vec![0; to.len() + 1]; from.len() + 1];
    for i in 0..=from.len() {
        for j in 0..=to.len() {
            table[i][j] = match (i, j) {
                (0, _) | (_, 0) => i + j,
                _ => {
                    let replaced = table[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
                    replaced.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1)
                }
            };
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                table[i][j] = table[i][j].min(table[i - 2][j - 2] + 1);
            }
        }
    }
    table[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (from, to, count) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("gather", "gather", 0),
            ("gahter", "gather", 1),
            ("kitten", "sitting", 3),
            ("受信", "送信", 1),
        ] {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(edits(&letters(from), &letters(to)), count, "{from} -> {to}");
        }
    }

    #[test]
    fn the_nearest_names_come_first() {
        let names = ["wait-for", "gather-tasks", "gather", "gil", "cancel", "gather-errors"];
        for (typed, expected) in [
            ("gahter", &["gather"] as &[_]),
            ("gather-task", &["gather-tasks"]),
            ("gath", &["gather", "gather-tasks", "gather-errors"]),
            ("Wait_For", &["wait-for"]),
            ("gli", &["gil"]),
            ("g", &["gil", "gather", "gather-tasks"]),
            ("semaphore", &[]),
            ("", &[]),
        ] {
            assert_eq!(nearest(typed, names.into_iter()), expected, "{typed}");
        }
    }
}
