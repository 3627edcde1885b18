//! The functions that the library's `intrinsic` declarations stand for.

pub mod adopt;
pub mod costs;
pub mod datasets;
pub mod draws;
pub mod growth;
pub mod layers;
pub mod list;
pub mod math;
pub mod spaces;
pub mod spread;
pub mod stats;
pub mod tally;
pub mod tensor;
pub mod training;

use crate::value::BuiltinFn;
use std::collections::HashMap;
use std::sync::LazyLock;

static ALL: LazyLock<HashMap<&'static str, BuiltinFn>> = LazyLock::new(|| {
    let mut m = HashMap::new();
    for table in [
        math::MATH,
        tensor::TENSOR,
        spaces::SPACES,
        costs::COSTS,
        layers::LAYERS,
        spread::SPREAD,
        draws::DRAWS,
        datasets::DATASETS,
        growth::GROWTH,
        list::LIST,
        stats::STATS,
        adopt::ADOPT,
        training::TRAINING,
    ] {
        for (name, f) in table {
            m.entry(*name).or_insert(*f);
        }
    }
    m
});

/// The function behind a declared name.
pub fn find(name: &str) -> Option<(&'static str, BuiltinFn)> {
    ALL.get_key_value(name).map(|(k, v)| (*k, *v))
}

/// Every name that is registered: held against what the library declares.
pub fn names() -> Vec<&'static str> {
    let mut n: Vec<&str> = ALL.keys().copied().collect();
    n.sort_unstable();
    n
}
