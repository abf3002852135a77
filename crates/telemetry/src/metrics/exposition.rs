//! Metrics as text: Prometheus 0.0.4 (<https://prometheus.io/docs/instrumenting/exposition_formats/>) or
//! `OpenMetrics` 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>), whichever the scraper prefers.

use super::registry::{Counter, Family, Gauge, Histogram, Metric, Spec, Unit, Values};
use crate::json::push_decimal;

/// The media type of the Prometheus text format.
pub const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The media type of `OpenMetrics`.
pub const OPENMETRICS_TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Which of the two is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    OpenMetrics,
    Prometheus,
}

impl Format {
    /// What the `Accept` header prefers; the Prometheus text where it does not say.
    pub(crate) fn negotiate(accept: Option<&str>) -> Self {
        let accept = accept.unwrap_or_default();
        let open_metrics = weight(accept, "application/openmetrics-text");
        let plain = weight(accept, "text/plain").unwrap_or_default();
        match open_metrics {
            Some(weight) if weight > 0 && weight >= plain => Self::OpenMetrics,
            Some(_) | None => Self::Prometheus,
        }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => OPENMETRICS_TEXT,
            Self::Prometheus => PROMETHEUS_TEXT,
        }
    }
}

/// The greatest weight, in thousandths, that `accept` gives this media type (RFC 9110, 12.4.2).
fn weight(accept: &str, media_type: &str) -> Option<u16> {
    let offers = accept.split(',').filter_map(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let named = parts.next()?.eq_ignore_ascii_case(media_type);
        let quality = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        named.then(|| quality.map_or(1000, thousandths))
    });
    offers.max()
}

/// `0.75` as 750; zero where it is not a weight.
fn thousandths(quality: &str) -> u16 {
    let (whole, fraction) = quality.split_once('.').unwrap_or((quality, ""));
    if whole == "1" {
        return 1000;
    }
    format!("{fraction:0<3}").get(..3).and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

/// The text being written.
pub(crate) struct Page {
    format: Format,
    out: String,
}

impl Page {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, out: String::with_capacity(32 * 1024) }
    }

    /// Writes one family.
    pub(crate) fn family<M: Metric + Expose>(&mut self, family: &Family<M>) {
        let spec = &family.spec;
        self.header(spec, M::KIND);
        family.each(|values, metric| metric.expose(spec, values, self));
    }

    /// The whole text.
    pub(crate) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }

    /// `OpenMetrics` names the family without its samples' suffix.
    fn header(&mut self, spec: &Spec, kind: &str) {
        let (name, kind) = match self.format {
            Format::OpenMetrics => match spec.name.strip_suffix("_info") {
                Some(name) => (name, "info"),
                None => (spec.name.strip_suffix("_total").unwrap_or(spec.name), kind),
            },
            Format::Prometheus => (spec.name, kind),
        };
        self.line(&["# HELP ", name, " ", spec.help]);
        self.line(&["# TYPE ", name, " ", kind]);
        if self.format == Format::OpenMetrics && name.ends_with("_seconds") {
            self.line(&["# UNIT ", name, " seconds"]);
        }
    }

    fn line(&mut self, pieces: &[&str]) {
        for piece in pieces {
            self.out.push_str(piece);
        }
        self.out.push('\n');
    }

    /// One sample: the name, its suffix, the labels (those without a value left out), the bound, the value.
    fn sample(&mut self, spec: &Spec, values: &Values, sample: Sample) {
        self.out.push_str(spec.name);
        self.out.push_str(sample.suffix);
        let mut separator = '{';
        for (label, value) in spec.labels.iter().zip(values.iter()).filter(|(_, value)| !value.is_empty()) {
            self.out.push(std::mem::replace(&mut separator, ','));
            self.out.push_str(label);
            self.out.push_str("=\"");
            push_label_value(&mut self.out, value);
            self.out.push('"');
        }
        if let Some(bound) = sample.bound {
            self.out.push(std::mem::replace(&mut separator, ','));
            self.out.push_str("le=\"");
            self.push_bound(bound, spec.unit);
            self.out.push('"');
        }
        if separator == ',' {
            self.out.push('}');
        }
        self.out.push(' ');
        push_decimal(&mut self.out, sample.value, sample.places);
        self.out.push('\n');
    }

    /// `OpenMetrics` wants bounds as floating-point numbers.
    fn push_bound(&mut self, bound: Bound, unit: Unit) {
        let Bound::UpTo(bound) = bound else { return self.out.push_str("+Inf") };
        let start = self.out.len();
        push_decimal(&mut self.out, bound, unit.places());
        let is_whole = self.out.get(start..).is_some_and(|text| !text.contains('.'));
        if self.format == Format::OpenMetrics && is_whole {
            self.out.push_str(".0");
        }
    }
}

/// One line's numbers.
#[derive(Clone, Copy)]
struct Sample {
    suffix: &'static str,
    /// A bucket's bound, if it is one.
    bound: Option<Bound>,
    value: u64,
    places: u32,
}

/// The upper end of a histogram's bucket.
#[derive(Clone, Copy)]
enum Bound {
    Infinite,
    UpTo(u64),
}

impl Sample {
    const fn plain(value: u64, places: u32) -> Self {
        Self { suffix: "", bound: None, value, places }
    }
}

/// Metrics that know their lines.
pub(crate) trait Expose {
    /// The word after `# TYPE`.
    const KIND: &'static str;

    /// Writes the lines of one series.
    fn expose(&self, spec: &Spec, values: &Values, page: &mut Page);
}

impl Expose for Counter {
    const KIND: &'static str = "counter";

    fn expose(&self, spec: &Spec, values: &Values, page: &mut Page) {
        page.sample(spec, values, Sample::plain(self.value(), spec.unit.places()));
    }
}

impl Expose for Gauge {
    const KIND: &'static str = "gauge";

    fn expose(&self, spec: &Spec, values: &Values, page: &mut Page) {
        page.sample(spec, values, Sample::plain(self.value(), spec.unit.places()));
    }
}

impl Expose for Histogram {
    const KIND: &'static str = "histogram";

    fn expose(&self, spec: &Spec, values: &Values, page: &mut Page) {
        let mut count = 0;
        for (bound, cumulative) in self.cumulative() {
            count = cumulative;
            let bound = bound.map_or(Bound::Infinite, Bound::UpTo);
            let sample = Sample { suffix: "_bucket", bound: Some(bound), value: cumulative, places: 0 };
            page.sample(spec, values, sample);
        }
        let sum = Sample { suffix: "_sum", bound: None, value: self.sum(), places: spec.unit.places() };
        page.sample(spec, values, sum);
        page.sample(spec, values, Sample { suffix: "_count", bound: None, value: count, places: 0 });
    }
}

fn push_label_value(out: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            plain => out.push(plain),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: Option<&str>, expect: Format) {
        assert_eq!(Format::negotiate(accept), expect, "{accept:?}");
    }

    #[test]
    fn the_format_is_the_one_the_scraper_prefers() {
        check(None, Format::Prometheus);
        check(Some("*/*"), Format::Prometheus);
        check(Some("application/openmetrics-text"), Format::OpenMetrics);
        check(
            Some("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1"),
            Format::OpenMetrics,
        );
        check(Some("text/plain;q=0.9, application/openmetrics-text; q=0.25"), Format::Prometheus);
        check(Some("application/openmetrics-text;q=0"), Format::Prometheus);
    }

    #[test]
    fn label_values_cannot_end_their_quotes() {
        const SPEC: Spec = Spec { name: "x_total", help: "X.", labels: &["a", "b"], unit: Unit::Dollars };
        let family = Family::<Counter>::new(SPEC);
        family.with(&["a\"b\\c\nd", ""], |counter| counter.add(1_500_000));
        let mut page = Page::new(Format::OpenMetrics);
        page.family(&family);
        assert_eq!(
            page.finish(),
            "# HELP x X.\n# TYPE x counter\nx_total{a=\"a\\\"b\\\\c\\nd\"} 1.5\n# EOF\n"
        );
    }
}
