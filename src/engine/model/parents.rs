//! The order in which segments are taken where one may share entries with another.

use std::collections::BTreeSet;

/// The items in their order, but for parents, which come before the items that have them. A parent
/// that is not among the items does not count.
pub(crate) fn parents_first<T: Ord + Copy>(
    items: impl IntoIterator<Item = T>,
    parent_of: impl Fn(T) -> Option<T>,
) -> Vec<T> {
    let mut open: BTreeSet<T> = items.into_iter().collect();
    let mut order = Vec::with_capacity(open.len());
    while let Some(item) = open.pop_first() {
        // Down to the parent that has been taken or has none, and back up.
        let mut chain = vec![item];
        while let Some(parent) = chain.last().and_then(|item| parent_of(*item))
            && open.remove(&parent)
        {
            chain.push(parent);
        }
        order.extend(chain.into_iter().rev());
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_come_before_those_that_have_them() {
        // 1 on 4 on 3, 2 on one that is not there, 5 and 6 on each other, which only damage does.
        let parent_of = |item| match item {
            1 => Some(4),
            4 => Some(3),
            2 => Some(9),
            5 => Some(6),
            6 => Some(5),
            _ => None,
        };
        assert_eq!(parents_first(1..=6, parent_of), [3, 4, 1, 2, 6, 5]);
    }
}
