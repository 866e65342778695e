//! Stands for your crate; what is of interest is in `tests/`.
