//! How something grows: with the machines, and with all of their sessions.

use std::fmt;

use crate::world::{Size, real};

/// So much, and so much more for each machine and for each session, as least squares of what it is off by in parts of what was
/// measured.
pub(crate) struct Fit {
    terms: [f64; 3],
    /// By which part it is off at most.
    off: f64,
}

impl Fit {
    pub(crate) fn of(points: &[(Size, f64)]) -> Self {
        let mut rows = [[0.0; 4]; 3];
        for (size, value) in points {
            let weight = 1.0 / value.abs().max(1.0);
            let basis = basis(*size).map(|term| term * weight);
            for (row, of) in rows.iter_mut().zip(basis) {
                let all = basis.into_iter().chain([value * weight]);
                for (cell, with) in row.iter_mut().zip(all) {
                    *cell += of * with;
                }
            }
        }
        let terms = solve(rows);
        let mut fit = Self { terms, off: 0.0 };
        for (size, value) in points {
            let off = (fit.at(*size) - value).abs() / value.abs().max(1.0);
            fit.off = fit.off.max(off);
        }
        fit
    }

    pub(crate) fn at(&self, size: Size) -> f64 {
        let terms = self.terms.iter().zip(basis(size));
        terms.map(|(term, of)| term * of).sum::<f64>().max(0.0)
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [fixed, machine, session] = self.terms;
        let percent = self.off * 100.0;
        write!(
            f,
            "{fixed:10.1} {machine:12.4} {session:12.4} {percent:5.0} %"
        )
    }
}

fn basis(size: Size) -> [f64; 3] {
    let machines = real(size.machines);
    [1.0, machines, machines * real(size.sessions)]
}

/// Three equations with three unknowns, by Cramer's rule.
fn solve([one, two, three]: [[f64; 4]; 3]) -> [f64; 3] {
    let column = |pick: fn([f64; 4]) -> f64| [pick(one), pick(two), pick(three)];
    let a = column(|[a, ..]| a);
    let b = column(|[_, b, ..]| b);
    let c = column(|[_, _, c, _]| c);
    let is = column(|[.., is]| is);
    let all = determinant(a, b, c);
    [
        determinant(is, b, c) / all,
        determinant(a, is, c) / all,
        determinant(a, b, is) / all,
    ]
}

/// The first column across the other two.
fn determinant(first: [f64; 3], [a1, a2, a3]: [f64; 3], [b1, b2, b3]: [f64; 3]) -> f64 {
    let across = [a2 * b3 - b2 * a3, b1 * a3 - a1 * b3, a1 * b2 - b1 * a2];
    let terms = first.into_iter().zip(across);
    terms.map(|(one, other)| one * other).sum()
}
