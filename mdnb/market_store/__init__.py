"""Markets kept in a folder of Parquet files, which other programs read while they are written."""
