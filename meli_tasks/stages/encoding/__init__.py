"""Titles to memory-mapped arrays of ids."""
