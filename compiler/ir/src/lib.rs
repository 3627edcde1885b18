//! Shapes, costs, tensors as lazy graphs, network graphs.
