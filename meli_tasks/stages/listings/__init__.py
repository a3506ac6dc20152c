"""Listings: read from files of several formats, checked and assigned to splits, in chunks, so memory stays bounded."""
