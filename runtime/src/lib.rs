//! Executes network graphs and plans: kernels, devices, data, store.
