//! Readers of data sets and tables: Parquet, CIFAR binary, IDX, CSV, image folders, generated images.
