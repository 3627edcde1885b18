//! The algebra of choices: count, sample, encode, mutate, cost distributions.
//!
//! A [`Model`] is pure data on indices. [`Space`] checks one and answers questions about its members exactly:
//! by variable elimination with generating functions over costs, never by rejection.

mod cells;
mod coef;
mod different;
mod eliminate;
mod error;
mod fill;
mod graphs;
mod member;
mod model;
mod near;
mod order;
mod pairs;
mod poly;
mod prefix;
mod problem;
mod quotient;
mod sampler;
mod space;
mod spread;
mod template;
mod text;
mod unique;
mod up_to;
mod walk;

pub use error::TooHard;
pub use graphs::{GraphClasses, GraphShape};
pub use member::{Why, hamming};
pub use model::{Arch, Clause, Condition, Cost, Model, ModelError, Site, SiteId, Table, Window};
pub use near::Nearest;
pub use poly::Limits;
pub use quotient::{Quotient, QuotientError};
pub use sampler::{Sampler, Source};
pub use space::{Distribution, Space, Summary};
pub use spread::Spread;
pub use template::{Part, Template, TemplateError};
pub use text::{DecodeError, END};
pub use walk::{BuildError, Members};
