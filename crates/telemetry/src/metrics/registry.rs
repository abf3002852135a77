//! Counters, gauges and histograms in atomics, and families of them by label values.
//!
//! A record costs one lookup by borrowed strings and one or two atomic additions: no allocation, no lock. A family
//! grows by copying its table, which happens once for each series and never again. Values are whole numbers in a
//! fixed unit (nanoseconds, millionths of a dollar), so sums are exact.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use indexmap::{Equivalent, IndexMap};

/// The most series a family has; what comes after them is counted in one series whose labels are all [`OVERFLOW`].
const MAX_SERIES: usize = 4096;

/// The label value of the series that takes what a full family cannot tell apart.
const OVERFLOW: &str = "overflow";

/// The unit a family's values are kept in, and a histogram's buckets in that unit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    /// Things.
    Count,
    /// Millionths of a dollar.
    Dollars,
    /// Nanoseconds.
    Seconds(&'static [u64]),
    /// Tokens.
    Tokens(&'static [u64]),
}

impl Unit {
    /// A histogram's upper bounds, in ascending order.
    pub(crate) const fn bounds(self) -> &'static [u64] {
        match self {
            Self::Count | Self::Dollars => &[],
            Self::Seconds(bounds) | Self::Tokens(bounds) => bounds,
        }
    }

    /// How many decimal places a value has in the unit that is printed.
    pub(crate) const fn places(self) -> u32 {
        match self {
            Self::Count | Self::Tokens(_) => 0,
            Self::Dollars => 6,
            Self::Seconds(_) => 9,
        }
    }
}

/// What a family is called and how it is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) labels: &'static [&'static str],
    pub(crate) unit: Unit,
}

/// One kind of metric.
pub(crate) trait Metric {
    /// One series at zero.
    fn new(unit: Unit) -> Self;
}

/// A number that only grows.
#[derive(Debug)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Metric for Counter {
    fn new(_: Unit) -> Self {
        Self(AtomicU64::new(0))
    }
}

/// A number that is now what it is.
#[derive(Debug)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    pub(crate) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(crate) fn increment(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn decrement(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Metric for Gauge {
    fn new(_: Unit) -> Self {
        Self(AtomicU64::new(0))
    }
}

/// How often values fell between bounds.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [u64],
    /// One more than there are bounds: the last takes what is above all of them. Not cumulative.
    buckets: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    pub(crate) fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.buckets.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub(crate) fn observe_duration(&self, duration: Duration) {
        self.observe(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Each bound with the number of values up to it, the last without a bound.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (Option<u64>, u64)> {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        bounds.zip(&self.buckets).scan(0, |sum, (bound, count)| {
            *sum += count.load(Ordering::Relaxed);
            Some((bound, *sum))
        })
    }

    pub(crate) fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }
}

impl Metric for Histogram {
    fn new(unit: Unit) -> Self {
        let bounds = unit.bounds();
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, buckets, sum: AtomicU64::new(0) }
    }
}

/// All series of one metric.
#[derive(Debug)]
pub(crate) struct Family<M> {
    pub(crate) spec: Spec,
    series: Table<M>,
}

impl<M: Metric> Family<M> {
    /// A family without series; one without labels has its only series from the start.
    pub(crate) fn new(spec: Spec) -> Self {
        let family = Self { spec, series: Table::default() };
        if spec.labels.is_empty() {
            family.series(&[]);
        }
        family
    }

    /// Records in the series with these label values, in the order of the family's labels.
    pub(crate) fn with(&self, values: &[&str], record: impl FnOnce(&M)) {
        debug_assert_eq!(values.len(), self.spec.labels.len(), "{}", self.spec.name);
        match self.series.known.load().get(&Wanted(values)) {
            Some(known) => record(known),
            None => record(&self.series(values)),
        }
    }

    /// The series with these label values, to keep.
    pub(crate) fn series(&self, values: &[&str]) -> Arc<M> {
        if let Some(known) = self.series.known.load().get(&Wanted(values)) {
            return Arc::clone(known);
        }
        let make = || M::new(self.spec.unit);
        let others = || self.series.add(&vec![OVERFLOW; values.len()], usize::MAX, make);
        self.series.add(values, MAX_SERIES, make).or_else(others).unwrap_or_else(|| Arc::new(make()))
    }

    /// Every series as it is now.
    pub(crate) fn each(&self, mut visit: impl FnMut(&Values, &M)) {
        for (values, metric) in self.series.known.load().iter() {
            visit(values, metric);
        }
    }
}

type Known<T> = IndexMap<Values, Arc<T>, foldhash::fast::RandomState>;

/// What is recorded in, by label values: one series, or several that are recorded in together.
#[derive(Debug)]
pub(crate) struct Table<T> {
    known: ArcSwap<Known<T>>,
    /// Held while the table grows, so that no two callers add at once.
    growth: Mutex<()>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { known: ArcSwap::from_pointee(Known::default()), growth: Mutex::new(()) }
    }
}

impl<T> Table<T> {
    /// Records in the entry of these label values. A full table makes one for this time.
    pub(crate) fn with(&self, values: &[&str], make: impl Fn() -> T, record: impl FnOnce(&T)) {
        if let Some(known) = self.known.load().get(&Wanted(values)) {
            return record(known);
        }
        record(&self.add(values, MAX_SERIES, &make).unwrap_or_else(|| Arc::new(make())));
    }

    /// The entry of these label values, which is made if there is none and there are fewer than `most`.
    fn add(&self, values: &[&str], most: usize, make: impl Fn() -> T) -> Option<Arc<T>> {
        let _growing = self.growth.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.known.load_full();
        let values = Wanted(values);
        if let Some(known) = known.get(&values) {
            return Some(Arc::clone(known));
        }
        if known.len() >= most {
            return None;
        }
        let added = Arc::new(make());
        let mut grown = Known::clone(&known);
        grown.insert(values.to_values(), Arc::clone(&added));
        self.known.store(Arc::new(grown));
        Some(added)
    }
}

/// The label values of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Values(Arc<[Box<str>]>);

impl Values {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }
}

impl Hash for Values {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.iter().for_each(|value| value.hash(state));
    }
}

/// The same, borrowed: it hashes as [`Values`] does.
struct Wanted<'a>(&'a [&'a str]);

impl Wanted<'_> {
    fn to_values(&self) -> Values {
        Values(self.0.iter().map(|value| Box::from(*value)).collect())
    }
}

impl Hash for Wanted<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.iter().for_each(|value| value.hash(state));
    }
}

impl Equivalent<Values> for Wanted<'_> {
    fn equivalent(&self, key: &Values) -> bool {
        self.0.iter().copied().eq(key.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: Spec =
        Spec { name: "things_total", help: "Things.", labels: &["kind"], unit: Unit::Tokens(&[1, 4, 16]) };

    #[test]
    fn a_full_family_counts_the_rest_in_one_series() {
        let family = Family::<Counter>::new(SPEC);
        for number in 0..MAX_SERIES + 10 {
            family.with(&[&number.to_string()], |counter| counter.add(1));
        }
        family.with(&["0"], |counter| counter.add(1));
        let mut series = Vec::new();
        family.each(|values, counter| series.push((values.iter().collect::<String>(), counter.value())));
        assert_eq!(series.len(), MAX_SERIES + 1);
        assert_eq!(series[0], ("0".to_owned(), 2));
        assert_eq!(series[MAX_SERIES], (OVERFLOW.to_owned(), 10));
    }

    #[test]
    fn a_value_on_a_bound_falls_into_that_bounds_bucket() {
        let histogram = Histogram::new(SPEC.unit);
        for value in [0, 1, 2, 4, 5, 17] {
            histogram.observe(value);
        }
        let buckets: Vec<_> = histogram.cumulative().collect();
        assert_eq!(buckets, [(Some(1), 2), (Some(4), 4), (Some(16), 5), (None, 6)]);
        assert_eq!(histogram.sum(), 29);
    }
}
