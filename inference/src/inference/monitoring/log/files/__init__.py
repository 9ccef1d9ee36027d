"""The folder of a log: journals, Parquet files and their indexes, days."""
