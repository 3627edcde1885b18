//! Data sets. Images come as [n, 3, h, w] with values 0..1; labels as class indices.
//!
//! `data.batches(64)` goes once through all, in order; the last batch may be smaller. With `epochs:` or `steps:`, for training, the order is
//! drawn anew each epoch and all batches are whole: what is left over is seen in other epochs.

/// CIFAR-10, as Parquet in the hub layout or as the original binary files.
intrinsic cifar10(path: Text) -> Data
/// CIFAR-100 with fine labels.
intrinsic cifar100(path: Text) -> Data
/// IDX images and labels, plain or gzip: a folder with `train-images-…` (and `t10k-…` or `test-…`, then `.test`), or the beginning of a pair of files, "mnist/t10k".
intrinsic idx(path: Text) -> Data
/// A folder of images: one folder a class, or none.
intrinsic images(path: Text) -> Data
/// Generated images: textured shapes of several classes, the same for a seed on every machine. `test` samples come apart.
intrinsic generated(n: Int = 2000, classes: Int = 10, side: Int = 16, seed: Int = 0, test: Int = 500) -> Data
/// Trained weights of another program by the names they have there: a safetensors file, or a folder with `tensors.csv` and `weights.f32`.
intrinsic trained(path: Text) -> Weights
