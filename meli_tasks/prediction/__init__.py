"""Predicting categories with a stored model: single titles and whole files."""
