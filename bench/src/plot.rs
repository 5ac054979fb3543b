//! Throughput over connections as a small SVG.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cell::Cell;
use crate::table::number;
use crate::traffic::Traffic;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 50.0;
/// Distinct for the colour-blind too, from Okabe and Ito's palette.
const COLOURS: [&str; 3] = ["#0072b2", "#d55e00", "#009e73"];
const TICKS: u32 = 4;
const LEGEND_LINE: f64 = 18.0;

/// One endpoint over one number of connections.
#[derive(Serialize)]
pub struct Row {
    pub endpoint: Traffic,
    pub connections: u16,
    #[serde(flatten)]
    pub cell: Cell,
}

/// Where values go on the picture.
struct Scale {
    least_connections: f64,
    most_connections: f64,
    most_requests: f64,
}

pub fn svg(rows: &[Row]) -> String {
    let scale = Scale::of(rows);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    draw_axes(&mut svg, &scale, rows);
    let mut legend_y = TOP;
    for (endpoint, colour) in Traffic::ALL.into_iter().zip(COLOURS) {
        legend_y += LEGEND_LINE;
        draw_line(&mut svg, &scale, rows, (endpoint, colour, legend_y));
    }
    svg.push_str("</svg>\n");
    svg
}

impl Scale {
    fn of(rows: &[Row]) -> Self {
        let connections = || rows.iter().map(|row| f64::from(row.connections));
        let requests = rows.iter().map(|row| row.cell.requests_per_second);
        Self {
            least_connections: connections().fold(f64::INFINITY, f64::min),
            most_connections: connections().fold(1.0, f64::max),
            most_requests: requests.fold(1.0, f64::max) * 1.1,
        }
    }

    /// Logarithmic, as the numbers of connections usually are.
    fn x(&self, connections: f64) -> f64 {
        let width = (self.most_connections / self.least_connections).ln().max(f64::MIN_POSITIVE);
        let part = (connections / self.least_connections).ln() / width;
        LEFT + part * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, requests: f64) -> f64 {
        HEIGHT - BOTTOM - requests / self.most_requests * (HEIGHT - TOP - BOTTOM)
    }
}

/// A string takes everything, here and below.
fn draw_axes(svg: &mut String, scale: &Scale, rows: &[Row]) {
    for tick in 0..=TICKS {
        let requests = scale.most_requests * f64::from(tick) / f64::from(TICKS);
        let (y, right) = (scale.y(requests), WIDTH - RIGHT);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{requests:.0}</text>",
            LEFT - 8.0,
            y + 4.0
        );
    }
    let mut connections: Vec<u16> = rows.iter().map(|row| row.connections).collect();
    connections.sort_unstable();
    connections.dedup();
    for count in connections {
        let (x, y) = (scale.x(f64::from(count)), HEIGHT - BOTTOM + 18.0);
        let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{count}</text>");
    }
    let (x, y) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 12.0);
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">connections</text>");
    let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"18\" text-anchor=\"end\">requests/s</text>");
}

fn draw_line(
    svg: &mut String,
    scale: &Scale,
    rows: &[Row],
    (endpoint, colour, legend_y): (Traffic, &str, f64),
) {
    let (mut points, mut dots) = (String::new(), String::new());
    for row in rows.iter().filter(|row| row.endpoint == endpoint) {
        let requests = row.cell.requests_per_second;
        let (x, y) = (scale.x(f64::from(row.connections)), scale.y(requests));
        let _ = write!(points, "{x:.1},{y:.1} ");
        let _ = writeln!(
            dots,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\">\
             <title>{}</title></circle>",
            number(requests)
        );
    }
    let _ = write!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\n{dots}\
         <text x=\"{}\" y=\"{legend_y}\" fill=\"{colour}\">{}</text>\n",
        points.trim_end(),
        WIDTH - RIGHT + 16.0,
        endpoint.path()
    );
}
