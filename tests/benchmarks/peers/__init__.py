"""One small adapter a peer, run in that peer's own environment by `tests.benchmarks.worker`."""
