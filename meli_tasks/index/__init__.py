"""Indexes of what lies in the store, so that a list of the newest runs does not read all of them.

An index is never the truth: each row summarizes objects that are read again when they change, and a damaged or missing
index is built again from them.
"""
