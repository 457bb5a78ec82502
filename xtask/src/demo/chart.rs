//! The picture of step 2: pods, concurrency and requests per second over time, one below the other.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::scale::Second;

const SIZE: (u32, u32) = (900, 720);

/// A line in a panel: its name, its colour, its points.
type Line = (&'static str, RGBColor, Vec<(f64, f64)>);

const BLUE: RGBColor = RGBColor(31, 119, 180);
const GREY: RGBColor = RGBColor(150, 150, 150);

/// Draws `seconds` into the file `path`.
pub(super) fn draw(seconds: &[Second], path: &Path) -> Result<()> {
    let series = |value: &dyn Fn(&Second) -> Option<f64>| -> Vec<(f64, f64)> {
        seconds
            .iter()
            .filter_map(|second| Some((second.at, value(second)?)))
            .collect()
    };
    let panels: [(&str, Vec<Line>); 3] = [
        (
            "pods",
            vec![
                (
                    "wanted",
                    GREY,
                    series(&|second| second.pods_wanted.map(|wanted| wanted as f64)),
                ),
                (
                    "ready",
                    BLUE,
                    series(&|second| Some(second.pods_ready as f64)),
                ),
            ],
        ),
        (
            "concurrency",
            vec![(
                "seen by the autoscaler",
                BLUE,
                series(&|second| second.concurrency),
            )],
        ),
        (
            "requests per second",
            vec![(
                "answered",
                BLUE,
                series(&|second| Some(second.requests_per_second)),
            )],
        ),
    ];
    let end = seconds.last().map_or(1.0, |second| second.at).max(1.0);

    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    let drawn = || -> Result<(), Box<dyn std::error::Error>> {
        area.fill(&WHITE)?;
        for (panel, (title, lines)) in area.split_evenly((panels.len(), 1)).iter().zip(&panels) {
            draw_panel(panel, title, lines, end)?;
        }
        area.present()?;
        Ok(())
    };
    drawn().map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))
}

fn draw_panel<'a>(
    area: &DrawingArea<SVGBackend<'a>, plotters::coord::Shift>,
    title: &str,
    lines: &[Line],
    end: f64,
) -> Result<(), Box<dyn std::error::Error + 'a>> {
    let top = lines
        .iter()
        .flat_map(|(_, _, points)| points)
        .map(|point| point.1)
        .fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(8)
        .x_label_area_size(38)
        .y_label_area_size(44)
        .build_cartesian_2d(0.0..end, 0.0..top * 1.1)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("seconds")
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .draw()?;
    for (name, colour, points) in lines {
        let colour = *colour;
        chart
            .draw_series(LineSeries::new(
                points.iter().copied(),
                colour.stroke_width(2),
            ))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
    }
    chart
        .configure_series_labels()
        .border_style(GREY)
        .background_style(WHITE)
        .draw()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_any_figures_still_gives_a_picture() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("scale.svg");
        draw(&[], &path).unwrap();
        assert!(
            std::fs::read_to_string(path)
                .unwrap()
                .contains("requests per second")
        );
    }
}
