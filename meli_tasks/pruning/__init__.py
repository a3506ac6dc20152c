"""`meli prune`: what nothing needs any more is found by mark and sweep, and deleted while runs may be writing."""
