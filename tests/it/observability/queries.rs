//! Which metrics and labels a query names, and that they exist.

use bindery::metrics::{ALL, Declared, Kind};
use regex::Regex;

/// What Prometheus itself adds, and what histograms have.
const OF_PROMETHEUS: [&str; 3] = ["cluster", "instance", "le"];

/// The metrics of a query. Before a parenthesis stands a function.
fn metrics_in(query: &str) -> Vec<&str> {
    let words = Regex::new(r"([a-z]+_[a-z_]+)(\(?)").unwrap();
    let found = words.captures_iter(query).map(|word| word.extract());
    found
        .filter(|(_, [_, opening])| opening.is_empty())
        .map(|(_, [name, _])| name)
        .collect()
}

/// The labels that a query wants of a metric that it names: those in the braces behind it.
fn wanted_labels<'a>(query: &'a str, metric: &str) -> Vec<&'a str> {
    let places = query.match_indices(metric);
    let behind = places.filter_map(|(at, _)| query[at + metric.len()..].strip_prefix('{'));
    behind
        .filter_map(|rest| rest.split_once('}'))
        .flat_map(|(matchers, _)| matchers.split(','))
        .map(|matcher| {
            let end = matcher.find(['=', '!']).unwrap();
            matcher[..end].trim()
        })
        .collect()
}

/// The labels that a query groups or joins by.
fn grouping_labels(query: &str) -> Vec<&str> {
    let groups = [" by (", " on ("]
        .into_iter()
        .flat_map(|word| query.split(word).skip(1));
    groups
        .filter_map(|rest| rest.split_once(')'))
        .flat_map(|(labels, _)| labels.split(','))
        .map(str::trim)
        .filter(|label| !label.is_empty())
        .collect()
}

/// The declared metric that a series of this name belongs to: histograms have three.
fn declared(series: &str) -> Option<&'static Declared> {
    ALL.iter().find(|metric| {
        let rest = series.strip_prefix(metric.scraped().as_str());
        match (metric.kind, rest) {
            (_, None) => false,
            (Kind::Histogram, Some(rest)) => ["_bucket", "_sum", "_count"].contains(&rest),
            (Kind::Counter | Kind::Gauge, Some(rest)) => rest.is_empty(),
        }
    })
}

/// Panics if a query names a metric or a label that does not exist.
pub(super) fn assert_queries_what_exists(query: &str) {
    // Words of the query language, and what Grafana fills in.
    let query = &query
        .replace("group_left", "")
        .replace("$__rate_interval", "5m");
    let metrics = metrics_in(query);
    assert!(!metrics.is_empty(), "{query}");
    let mut labels: Vec<&str> = OF_PROMETHEUS.into();
    for metric in metrics {
        let found = declared(metric).unwrap_or_else(|| panic!("{metric} in {query}"));
        for label in wanted_labels(query, metric) {
            assert!(found.labels.contains(&label), "{metric}{{{label}}}");
        }
        labels.extend(found.labels);
    }
    for label in grouping_labels(query) {
        assert!(labels.contains(&label), "{label} in {query}");
    }
}

#[test]
fn a_query_is_read_as_prometheus_reads_it() {
    let query =
        r#"sum by (kind) (rate(bindery_objects{kind="A", ready!="True"}[5m])) > on (cluster) 1"#;
    assert_eq!(metrics_in(query), ["bindery_objects"]);
    assert_eq!(wanted_labels(query, "bindery_objects"), ["kind", "ready"]);
    assert_eq!(grouping_labels(query), ["kind", "cluster"]);
    let bucket = "controller_runtime_reconcile_time_seconds_bucket";
    assert_eq!(declared(bucket).unwrap().kind, Kind::Histogram);
    assert!(declared("bindery_objects_bucket").is_none());
}
