"""The prediction log: answered rows as Parquet files, and how to find an answer in them."""
