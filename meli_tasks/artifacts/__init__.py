"""Artifacts: manifests, the names of everything in the store, and the local cache of fetched files."""
