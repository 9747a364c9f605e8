"""The live chart and its parts."""
