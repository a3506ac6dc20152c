"""Listings: out of files of several formats, checked, and dealt into splits; in chunks, so memory stays bounded."""
