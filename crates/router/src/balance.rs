//! Smooth weighted round robin: the algorithm of nginx's upstream module. Over any run of requests each target
//! gets its share, and the turns of a heavy target are spread out instead of bunched.

/// Picks the next of several weighted entries; `state` is one number per entry, zero at first.
///
/// Only entries for which `is_available` holds take part; the others keep their state. `None` if there are none.
pub(crate) fn pick(
    weights: impl Iterator<Item = u32> + Clone,
    state: &mut [i64],
    is_available: impl Fn(usize) -> bool,
) -> Option<usize> {
    let mut total = 0;
    let mut best: Option<(usize, i64)> = None;
    for ((index, weight), current) in weights.enumerate().zip(state.iter_mut()) {
        if !is_available(index) {
            continue;
        }
        total += i64::from(weight);
        *current += i64::from(weight);
        if best.is_none_or(|(_, most)| *current > most) {
            best = Some((index, *current));
        }
    }
    let (index, _) = best?;
    if let Some(current) = state.get_mut(index) {
        *current -= total;
    }
    Some(index)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn turns_of_a_heavy_target_are_spread_out() {
        let mut state = [0; 3];
        let picks: Vec<_> =
            (0..7).filter_map(|_| pick([5, 1, 1].into_iter(), &mut state, |_| true)).collect();
        assert_eq!(picks, [0, 0, 1, 0, 2, 0, 0]);
    }

    proptest! {
        #[test]
        fn every_target_gets_its_share_of_each_round(weights in proptest::collection::vec(1_u32..20, 1..6)) {
            let mut state = vec![0; weights.len()];
            let total: u32 = weights.iter().sum();
            let mut counts = vec![0_u32; weights.len()];
            for _ in 0..total {
                let index = pick(weights.iter().copied(), &mut state, |_| true).unwrap();
                counts[index] += 1;
            }
            prop_assert_eq!(counts, weights);
        }

        #[test]
        fn a_target_out_of_service_is_never_picked(out in 0_usize..4, rounds in 1_usize..50) {
            let mut state = [0; 4];
            for _ in 0..rounds {
                prop_assert_ne!(pick([3, 1, 4, 1].into_iter(), &mut state, |index| index != out), Some(out));
            }
        }
    }
}
