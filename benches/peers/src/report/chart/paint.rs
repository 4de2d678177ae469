//! The sheet that charts are painted on, and the colour of each system.

use svg::Document;
use svg::node::element::{Circle, Line, Polyline, Rectangle, Text};

use crate::systems::Engine;

/// The width of every chart.
pub(super) const WIDTH: f64 = 760.0;
/// What is left free at each edge.
pub(super) const MARGIN: f64 = 16.0;

pub(super) const INK: &str = "#1f2933";
pub(super) const PALE_INK: &str = "#616e7c";
pub(super) const GRID: &str = "#e4e7eb";
pub(super) const FLOOR: &str = "#9aa5b1";

/// The colour of a system: ours stand out.
pub(super) fn colour(engine: Engine) -> &'static str {
    match engine {
        Engine::Sessiondb => "#d9480f",
        Engine::Exclusive => "#ffa26b",
        Engine::Jsonl => "#8896a5",
        Engine::Sqlite => "#2f5d8a",
        Engine::Lmdb => "#6fa3d0",
        Engine::Fjall => "#52606d",
        Engine::Redb => "#5f8f96",
    }
}

/// About how wide a text is.
pub(super) fn width_of(text: &str, size: f64) -> f64 {
    crate::figures::count(text.chars().count()) * size * 0.58
}

/// Where a text is held.
#[derive(Clone, Copy)]
pub(super) enum Hold {
    Start,
    Middle,
    End,
}

/// How a text looks.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) size: f64,
    pub(super) colour: &'static str,
    pub(super) bold: bool,
    pub(super) hold: Hold,
}

impl Style {
    /// Plain text of that size.
    pub(super) fn of(size: f64) -> Self {
        Self {
            size,
            colour: INK,
            bold: false,
            hold: Hold::Start,
        }
    }

    pub(super) fn bold(mut self) -> Self {
        self.bold = true;
        self
    }

    pub(super) fn pale(mut self) -> Self {
        self.colour = PALE_INK;
        self
    }

    pub(super) fn held(mut self, hold: Hold) -> Self {
        self.hold = hold;
        self
    }
}

/// A white sheet, so that what is on it can be read on a dark page too.
pub(super) struct Sheet(Document);

impl Sheet {
    /// A sheet of that height with a title.
    pub(super) fn new(height: f64, title: &str) -> Self {
        let document = Document::new()
            .set("viewBox", (0.0, 0.0, WIDTH, round(height)))
            .set("width", WIDTH)
            .set("height", round(height))
            .set(
                "font-family",
                "system-ui, Helvetica, Arial, 'DejaVu Sans', sans-serif",
            )
            .set("role", "img");
        let mut sheet = Self(document);
        sheet.bar(0.0, 0.0, (WIDTH, height), "#ffffff");
        sheet.text(MARGIN, 26.0, Style::of(15.0).bold(), title);
        sheet
    }

    /// Writes a text whose base line is at `y`.
    pub(super) fn text(&mut self, x: f64, y: f64, style: Style, text: impl Into<String>) {
        let anchor = match style.hold {
            Hold::Start => "start",
            Hold::Middle => "middle",
            Hold::End => "end",
        };
        let element = Text::new(text)
            .set("x", round(x))
            .set("y", round(y))
            .set("font-size", style.size)
            .set("font-weight", if style.bold { "600" } else { "400" })
            .set("text-anchor", anchor)
            .set("fill", style.colour);
        self.put(element);
    }

    /// A filled rectangle of width and height.
    pub(super) fn bar(&mut self, x: f64, y: f64, (width, height): (f64, f64), colour: &str) {
        let element = Rectangle::new()
            .set("x", round(x))
            .set("y", round(y))
            .set("width", round(width))
            .set("height", round(height))
            .set("fill", colour);
        self.put(element);
    }

    /// A straight line.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), colour: &str) {
        let element = Line::new()
            .set("x1", round(from.0))
            .set("y1", round(from.1))
            .set("x2", round(to.0))
            .set("y2", round(to.1))
            .set("stroke", colour)
            .set("stroke-width", 1);
        self.put(element);
    }

    /// A line through points, with a dot at each.
    pub(super) fn curve(&mut self, points: &[(f64, f64)], width: f64, colour: &str) {
        let pairs = points
            .iter()
            .map(|(x, y)| format!("{},{}", round(*x), round(*y)));
        let element = Polyline::new()
            .set("points", pairs.collect::<Vec<_>>().join(" "))
            .set("fill", "none")
            .set("stroke", colour)
            .set("stroke-width", width);
        self.put(element);
        for (x, y) in points {
            let dot = Circle::new()
                .set("cx", round(*x))
                .set("cy", round(*y))
                .set("r", width + 0.8)
                .set("fill", colour);
            self.put(dot);
        }
    }

    /// The text of the file.
    pub(super) fn finish(self) -> String {
        format!("{}\n", self.0)
    }

    fn put(&mut self, element: impl Into<Box<dyn svg::Node>>) {
        svg::Node::append(&mut self.0, element);
    }
}

/// Tenths of a pixel are enough, and keep the files short.
fn round(pixels: f64) -> f64 {
    (pixels * 10.0).round() / 10.0
}
