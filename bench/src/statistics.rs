//! Medians, quantiles, and a rank test. Pure functions.

/// Of nothing it is 0.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default();
    match sorted.len() % 2 {
        0 => at(middle.saturating_sub(1)).midpoint(at(middle)),
        _ => at(middle),
    }
}

/// The value that this part of the sorted values does not exceed.
pub fn quantile(sorted: &[f64], part: f64) -> f64 {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    let index = rank.clamp(1, sorted.len().max(1)) - 1;
    sorted.get(index).copied().unwrap_or_default()
}

pub fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// Kruskal and Wallis's H: how far the groups' mean ranks among all values are apart. If the groups
/// do not differ, H is distributed as chi-squared with one degree of freedom less than groups.
pub fn kruskal_wallis(groups: &[Vec<f64>]) -> f64 {
    let mut values: Vec<(f64, usize)> = groups
        .iter()
        .enumerate()
        .flat_map(|(group, values)| values.iter().map(move |value| (*value, group)))
        .collect();
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let count = values.len() as f64;
    let mut rank_sums = vec![0.0; groups.len()];
    let (mut ranks_before, mut ties) = (0, 0.0);
    // Equal values share the mean of their ranks.
    for equal in values.chunk_by(|a, b| a.0 == b.0) {
        let length = equal.len() as f64;
        let rank = ranks_before as f64 + (length + 1.0) / 2.0;
        for (_, group) in equal {
            if let Some(sum) = rank_sums.get_mut(*group) {
                *sum += rank;
            }
        }
        ties += length.powi(3) - length;
        ranks_before += equal.len();
    }
    let sum: f64 = rank_sums
        .iter()
        .zip(groups)
        .filter(|(_, group)| !group.is_empty())
        .map(|(sum, group): (&f64, _)| sum.powi(2) / group.len() as f64)
        .sum();
    let h = 12.0 / (count * (count + 1.0)) * sum - 3.0 * (count + 1.0);
    h / (1.0 - ties / (count.powi(3) - count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_test_gives_what_a_textbook_gives() {
        // scipy.stats.kruskal([1, 3, 5, 7, 9], [2, 4, 6, 8, 10]) and ([1, 1, 1], [2, 2, 2], [2, 2]).
        let apart = [vec![1.0, 3.0, 5.0, 7.0, 9.0], vec![2.0, 4.0, 6.0, 8.0, 10.0]];
        assert!((kruskal_wallis(&apart) - 0.272_727).abs() < 1e-6);
        let tied = [vec![1.0, 1.0, 1.0], vec![2.0, 2.0, 2.0], vec![2.0, 2.0]];
        assert!((kruskal_wallis(&tied) - 7.0).abs() < 1e-6);
    }

    #[test]
    fn medians_and_quantiles() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert_eq!(median([].into_iter()), 0.0);
        let sorted: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&sorted, 0.99), 99.0);
        assert_eq!(quantile(&sorted, 1.0), 100.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
