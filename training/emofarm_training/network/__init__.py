"""The EMO network (arXiv 2402.17485) in PyTorch: the reference that the Rust implementation is tested against."""
