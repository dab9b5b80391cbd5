//! How series of numbers go together.

/// Frames that a correlation is measured on at the least; fewer agree by chance.
pub const FEWEST: usize = 20;

/// Frames that a mouth may be early or late, in what is looked at.
pub const MOST_LAG: i32 = 6;

/// Pearson's correlation; nothing where one of the two does not vary.
pub fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let count = a.len().min(b.len());
    let mean = |x: &[f64]| x[..count].iter().sum::<f64>() / count as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut own_a, mut own_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        (both, own_a, own_b) = (both + a * b, own_a + a * a, own_b + b * b);
    }
    (count > 1 && own_a > 1e-12 && own_b > 1e-12).then(|| both / (own_a * own_b).sqrt())
}

/// Spearman's correlation of ranks; equal numbers share the mean of their ranks.
pub fn rank_correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    correlation(&ranks(a), &ranks(b))
}

fn ranks(x: &[f64]) -> Vec<f64> {
    let rank = |value: &f64| {
        let below = x.iter().filter(|other| *other < value).count();
        let equal = x.iter().filter(|other| other.total_cmp(value).is_eq()).count();
        below as f64 + (equal as f64 - 1.0) / 2.0
    };
    x.iter().map(rank).collect()
}

/// How one series follows another.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Follows {
    /// Pearson's correlation as they are.
    pub correlation: f64,
    /// By how many frames the first comes later than the second where they agree best.
    pub lag: i32,
    /// The correlation there.
    pub at_lag: f64,
}

/// How `later` follows `first`, frame by frame. Nothing for less than [`FEWEST`] frames and where one of them never changes.
pub fn follows(later: &[f64], first: &[f64]) -> Option<Follows> {
    let count = later.len().min(first.len());
    let (later, first) = (&later[..count], &first[..count]);
    let most = MOST_LAG as usize;
    if count < FEWEST + 2 * most {
        return None;
    }
    let shifted = |lag: i32| {
        let early = lag.unsigned_abs() as usize;
        let (a, b) = if lag >= 0 {
            (&later[early..], &first[..count - early])
        } else {
            (&later[..count - early], &first[early..])
        };
        correlation(a, b)
    };
    let mut lags: Vec<i32> = (-MOST_LAG..=MOST_LAG).collect();
    // Where two lags are alike, the smaller one is meant.
    lags.sort_by_key(|lag| std::cmp::Reverse(lag.abs()));
    let best = lags.into_iter().filter_map(|lag| Some((shifted(lag)?, lag))).max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(Follows { correlation: correlation(later, first)?, lag: best.1, at_lag: best.0 })
}

/// The value that a share of the numbers does not pass; 0 of none.
pub fn quantile(x: &[f64], share: f64) -> f64 {
    let mut sorted = x.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(at).copied().unwrap_or(0.0)
}

/// The mean; 0 of none.
pub fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn correlations_are_those_of_the_books() {
        let x = [1.0, 2.0, 3.0, 4.0];
        assert!((correlation(&x, &[2.0, 4.0, 6.0, 8.0]).unwrap() - 1.0).abs() < 1e-12);
        assert!((correlation(&x, &[1.0, -1.0, 1.0, -1.0]).unwrap() + 0.447_213_6).abs() < 1e-6);
        assert_eq!(correlation(&x, &[5.0; 4]), None);
        assert!((rank_correlation(&x, &[0.1, 0.2, 5.0, 900.0]).unwrap() - 1.0).abs() < 1e-12);
        assert!((rank_correlation(&x, &[1.0, 1.0, 3.0, 2.0]).unwrap() - 0.737_864_8).abs() < 1e-6);
        assert_eq!((quantile(&[3.0, 1.0, 2.0], 0.5), quantile(&[], 0.5), mean(&[1.0, 2.0])), (2.0, 0.0, 1.5));
    }

    #[test]
    fn what_comes_late_is_found_to() {
        let first: Vec<f64> =
            (0..100).map(|i| (f64::from(i) * 0.9).sin().max(0.0) * (f64::from(i) * 0.13).cos()).collect();
        for lag in [-4_i32, 0, 1, 6] {
            let later: Vec<f64> = (0..100).map(|i| first[(i - lag).clamp(0, 99) as usize]).collect();
            let found = follows(&later, &first).unwrap();
            assert!(found.lag == lag && found.at_lag > 0.999, "{lag}: {found:?}");
        }
        assert_eq!(follows(&first[..31], &first[..31]), None);
        assert_eq!(follows(&[1.0; 100], &first), None);
    }
}
