//! What can go wrong when a device is opened and when a graph runs.

use std::fmt;

/// A device that cannot be used, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceFault {
    pub message: String,
    pub help: String,
}

impl fmt::Display for DeviceFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)
    }
}

impl std::error::Error for DeviceFault {}

/// A run that could not be finished.
#[derive(Debug, Clone, PartialEq)]
pub enum RunFault {
    /// A store has no tensor at this address.
    MissingSlot { store: usize, address: String },
    /// A tensor, number or key that the graph reads was not bound.
    Unbound { what: String },
    /// A bound tensor has another shape or element type than the graph was made for.
    Mismatch {
        what: String,
        want: String,
        got: String,
    },
    /// An index lies outside its axis.
    Index { index: i64, extent: usize },
    /// The graph asks for something that cannot be run: a gradient that was never expanded, inputs that do not fit.
    Unsupported { node: usize, message: String },
    /// The device gave up.
    Device { message: String },
}

impl fmt::Display for RunFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunFault::MissingSlot { store, address } => {
                write!(f, "store {store} has nothing at `{address}`")
            }
            RunFault::Unbound { what } => write!(f, "{what} is not bound"),
            RunFault::Mismatch { what, want, got } => {
                write!(f, "{what} should be {want} and is {got}")
            }
            RunFault::Index { index, extent } => {
                write!(
                    f,
                    "the index {index} lies outside an axis of {extent} entries"
                )
            }
            RunFault::Unsupported { node, message } => write!(f, "node %{node}: {message}"),
            RunFault::Device { message } => write!(f, "the device gave up: {message}"),
        }
    }
}

impl std::error::Error for RunFault {}

/// The first node of a graph whose value is not finite.
#[derive(Debug, Clone, PartialEq)]
pub struct NonFinite {
    /// Its number in the graph.
    pub node: usize,
    /// The operation's name.
    pub op: String,
    pub shape: Vec<usize>,
    /// Position of the first bad element, in row-major order.
    pub at: usize,
    /// That element: NaN or an infinity.
    pub value: f64,
}
