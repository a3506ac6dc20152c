"""Encoded titles and the batches made from them."""
