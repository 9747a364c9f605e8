"""The running engine: its thread, its pipelines, and the bridge to callers on other threads and loops."""
