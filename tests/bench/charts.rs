//! Charts of cost and memory against the number of bindings.

use std::ops::Range;
use std::path::Path;

use plotters::prelude::*;

use super::run::Run;

/// A line: its name, its colour, and its points.
struct Line {
    name: &'static str,
    colour: RGBColor,
    points: Vec<(f64, f64)>,
}

/// Draws `cost-create.svg` and `cost-memory.svg`. One run makes no line.
pub(crate) fn draw(runs: &[Run], directory: &Path) {
    if runs.len() < 2 {
        return;
    }
    let line = |name, colour, value: fn(&Run) -> f64| {
        let points = runs.iter().map(|run| (bindings(run), value(run)));
        Line {
            name,
            colour,
            points: points.collect(),
        }
    };
    let create = [
        line("until all are Ready (s)", BLUE, |run| run.create.seconds),
        line("floor (s)", BLACK, |run| run.floor.create),
        line("CPU (s)", RED, |run| run.create.cpu),
    ];
    chart(&directory.join("cost-create.svg"), "Create", &create);
    let memory = [
        line("after create (MB)", BLUE, |run| {
            run.memory_after_create.resident
        }),
        line("at rest (MB)", BLACK, |run| run.memory_at_rest.resident),
        line("after restart (MB)", RED, |run| {
            run.memory_after_restart.resident
        }),
    ];
    chart(
        &directory.join("cost-memory.svg"),
        "Resident memory",
        &memory,
    );
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn bindings(run: &Run) -> f64 {
    run.bindings as f64
}

fn chart(file: &Path, title: &str, lines: &[Line]) {
    let root = SVGBackend::new(file, (720, 420)).into_drawing_area();
    root.fill(&WHITE).unwrap();
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let across = range(points().map(|(bindings, _)| *bindings));
    let up = range(points().map(|(_, value)| *value));
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d(across.log_scale(), up.log_scale())
        .unwrap();
    chart.configure_mesh().x_desc("bindings").draw().unwrap();
    for line in lines {
        let colour = line.colour;
        let series = LineSeries::new(line.points.iter().copied(), colour.stroke_width(2));
        chart
            .draw_series(series)
            .unwrap()
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()
        .unwrap();
    root.present().unwrap();
}

/// From a little below the least to a little above the largest.
fn range(values: impl Iterator<Item = f64> + Clone) -> Range<f64> {
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let largest = values.fold(0.0, f64::max);
    (least * 0.8)..(largest * 1.25)
}
