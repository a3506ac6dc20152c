"""Batch prediction: files of titles scored part by part, and what was found in them."""
