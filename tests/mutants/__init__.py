"""Small faults put into the engine one at a time, and which of them the tests notice."""
