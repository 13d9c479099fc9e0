//! The result: what was measured, the peer's figure from the same run, their ratio, the target.

use std::fmt;

/// Rows in the order in which they were measured.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
}

/// One figure.
pub(super) struct Row {
    name: String,
    unit: &'static str,
    measured: f64,
    peer: Option<(String, f64)>,
    targets: Vec<Target>,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// The measured figure is at most this.
    AtMost(f64),
    /// The peer's figure is at least so many times the measured one.
    TimesBelowPeer(f64),
}

impl Row {
    pub(super) fn new(name: impl Into<String>, unit: &'static str, measured: f64) -> Self {
        Self {
            name: name.into(),
            unit,
            measured,
            peer: None,
            targets: Vec::new(),
        }
    }

    pub(super) fn peer(mut self, name: impl Into<String>, figure: f64) -> Self {
        self.peer = Some((name.into(), figure));
        self
    }

    pub(super) fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    fn ratio(&self) -> Option<f64> {
        self.peer.as_ref().map(|(_, figure)| figure / self.measured)
    }

    fn meets(&self, target: Target) -> bool {
        match target {
            Target::AtMost(most) => self.measured <= most,
            Target::TimesBelowPeer(times) => self.ratio().is_some_and(|ratio| ratio >= times),
        }
    }

    fn cells(&self) -> [String; 6] {
        let peer = self.peer.as_ref().map_or_else(
            || "-".to_owned(),
            |(name, figure)| format!("{} {} ({name})", figure_text(*figure), self.unit),
        );
        let ratio = self.ratio().map_or_else(
            || "-".to_owned(),
            |ratio| format!("{}x", figure_text(ratio)),
        );
        let targets: Vec<String> = self
            .targets
            .iter()
            .map(|target| match target {
                Target::AtMost(most) => format!("<= {} {}", figure_text(*most), self.unit),
                Target::TimesBelowPeer(times) => format!(">= {}x", figure_text(*times)),
            })
            .collect();
        let verdict = match self.targets.as_slice() {
            [] => "-",
            targets if targets.iter().all(|&target| self.meets(target)) => "met",
            _ => "MISSED",
        };
        [
            self.name.clone(),
            format!("{} {}", figure_text(self.measured), self.unit),
            peer,
            ratio,
            if targets.is_empty() {
                "-".to_owned()
            } else {
                targets.join(", ")
            },
            verdict.to_owned(),
        ]
    }
}

impl Table {
    pub(super) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// How many rows miss a target.
    pub(super) fn missed(&self) -> usize {
        self.rows
            .iter()
            .filter(|row| !row.targets.iter().all(|&target| row.meets(target)))
            .count()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["", "measured", "peer", "ratio", "target", ""].map(str::to_owned);
        let lines: Vec<[String; 6]> = std::iter::once(head)
            .chain(self.rows.iter().map(Row::cells))
            .collect();
        let width = |column: usize| {
            lines
                .iter()
                .map(|line| line[column].len())
                .max()
                .unwrap_or_default()
        };
        let widths: [usize; 6] = std::array::from_fn(width);
        for line in &lines {
            for (cell, width) in line.iter().zip(widths) {
                write!(out, "{cell:<width$}  ")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// Three significant digits or so, as a person would write them.
fn figure_text(figure: f64) -> String {
    match figure.abs() {
        size if size >= 100.0 => format!("{figure:.0}"),
        size if size >= 10.0 => format!("{figure:.1}"),
        size if size >= 1.0 => format!("{figure:.2}"),
        _ => format!("{figure:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_judged() {
        let mut table = Table::default();
        table.push(Row::new("a", "ms", 5.0).target(Target::AtMost(5.0)));
        assert_eq!(table.missed(), 0);
        table.push(Row::new("b", "ms", 5.1).target(Target::AtMost(5.0)));
        table.push(
            Row::new("c", "ms", 5.0)
                .peer("p", 990.0)
                .target(Target::TimesBelowPeer(200.0)),
        );
        table.push(Row::new("d", "ms", 5.0).target(Target::TimesBelowPeer(2.0)));
        assert_eq!(table.missed(), 3);
    }

    #[test]
    fn a_row_shows_everything() {
        let mut table = Table::default();
        table.push(
            Row::new("restart", "ms", 2.5)
                .peer("supervisord", 1010.0)
                .target(Target::AtMost(5.0))
                .target(Target::TimesBelowPeer(200.0)),
        );
        let text = table.to_string();
        assert!(
            text.contains(
                "restart  2.50 ms   1010 ms (supervisord)  404x   <= 5.00 ms, >= 200x  met"
            ),
            "{text}"
        );
    }
}
