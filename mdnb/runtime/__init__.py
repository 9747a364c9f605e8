"""The running engine: sessions, pipelines, the background thread, and calls from other threads and loops."""
