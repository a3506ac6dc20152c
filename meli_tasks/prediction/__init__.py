"""Predicting the categories of titles with a stored model: single titles and whole files."""
