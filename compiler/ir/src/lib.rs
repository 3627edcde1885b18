//! What the floors share: sizes that may depend on choices, tensors as lazy graphs with their shape rules, and network graphs.

pub mod dim;
pub mod graph;
pub mod host;
pub mod op;
pub mod shape;
pub mod tensor;

pub use dim::{Dim, DimError, Table};
pub use graph::{Bindings, Graph, GraphNode};
pub use host::{HostData, HostTensor};
pub use op::{Binary, DType, Distribution, HostFn, Op, ReduceKind, Unary};
pub use shape::{Shape, ShapeError};
pub use tensor::{Leaf, LeafKind, Tensor};
