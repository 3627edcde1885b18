//! Contraction by a loop over every letter's range.

use super::{Value, each};
use std::sync::Arc;

pub fn contract(inputs: &[&Value], specs: &[Arc<str>], output: &str, shape: &[usize]) -> Value {
    // The output's letters first, then the summed ones.
    let mut letters: Vec<char> = output.chars().collect();
    let mut extents = shape.to_vec();
    for (spec, value) in specs.iter().zip(inputs) {
        for (letter, extent) in spec.chars().zip(&value.shape) {
            if !letters.contains(&letter) {
                letters.push(letter);
                extents.push(*extent);
            }
        }
    }
    let places: Vec<Vec<usize>> = specs
        .iter()
        .map(|s| {
            s.chars()
                .filter_map(|c| letters.iter().position(|l| *l == c))
                .collect()
        })
        .collect();
    let mut out = Value::filled(shape, 0.0);
    let mut own = vec![];
    each(&extents, |at| {
        let mut product = 1.0;
        for (value, place) in inputs.iter().zip(&places) {
            own.clear();
            own.extend(place.iter().map(|p| at[*p]));
            product *= value.at(&own);
        }
        out.put(&at[..shape.len()], product);
    });
    out
}
