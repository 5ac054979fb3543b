//! Charts as SVG.

use anyhow::Result;
use plotters::prelude::*;

const SIZE: (u32, u32) = (720, 400);
const MARGIN: u32 = 12;
const CAPTION: (&str, u32) = ("sans-serif", 16);
const X_LABELS: u32 = 36;
const Y_LABELS: u32 = 60;
/// Distinct for the colour-blind too, from Okabe and Ito's palette.
const COLOURS: [RGBColor; 3] = [RGBColor(0, 114, 178), RGBColor(213, 94, 0), RGBColor(0, 158, 115)];

/// Lines over a common axis; charts of one picture stand above each other.
pub struct Chart {
    /// What its values are, with their unit.
    pub caption: &'static str,
    pub x: &'static str,
    /// Powers of two as x are drawn at equal distances.
    pub x_is_logarithmic: bool,
    pub lines: Vec<Line>,
}

pub struct Line {
    pub name: &'static str,
    pub points: Vec<(f64, f64)>,
}

pub fn svg(charts: &[Chart]) -> Result<String> {
    let mut svg = String::new();
    let size = (SIZE.0, SIZE.1 * charts.len() as u32);
    let picture = SVGBackend::with_string(&mut svg, size).into_drawing_area();
    picture.fill(&WHITE)?;
    for (area, chart) in picture.split_evenly((charts.len(), 1)).iter().zip(charts) {
        chart.draw(area)?;
    }
    picture.present()?;
    drop(picture);
    Ok(svg)
}

impl Chart {
    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>) -> Result<()> {
        let points = || self.lines.iter().flat_map(|line| line.points.iter());
        let xs = || points().map(|(x, _)| self.place(*x));
        let (left, right) = (xs().fold(f64::INFINITY, f64::min), xs().fold(0.0, f64::max));
        let top = points().map(|(_, y)| *y).fold(f64::MIN_POSITIVE, f64::max) * 1.1;
        let mut chart = ChartBuilder::on(area)
            .caption(self.caption, CAPTION)
            .margin(MARGIN)
            .x_label_area_size(X_LABELS)
            .y_label_area_size(Y_LABELS)
            .build_cartesian_2d(left..right, 0.0..top)?;
        let label = |x: &f64| match self.x_is_logarithmic {
            true => format!("{:.0}", x.exp2()),
            false => format!("{x:.0}"),
        };
        chart.configure_mesh().x_desc(self.x).x_label_formatter(&label).draw()?;
        for (line, colour) in self.lines.iter().zip(COLOURS) {
            let points = line.points.iter().map(|(x, y)| (self.place(*x), *y));
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(2)).point_size(2))?
                .label(line.name)
                .legend(move |(x, y)| {
                    Rectangle::new([(x, y - 4), (x + 12, y + 4)], colour.filled())
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.8))
            .draw()?;
        Ok(())
    }

    fn place(&self, x: f64) -> f64 {
        if self.x_is_logarithmic { x.log2() } else { x }
    }
}
