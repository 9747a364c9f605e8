"""The parts of the data manager: what each documented method does stands once, in one of these."""
