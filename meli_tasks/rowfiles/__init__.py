"""Files of rows in CSV, JSON Lines and Parquet, gzipped or not, read and written a chunk at a time.

The one reader behind both training (`stages.listings`) and prediction (`prediction.files`): a title that one of them
reads, the other reads too. No row is dropped: one that cannot be read is a `BadRow` of its chunk, with the reason.
"""
