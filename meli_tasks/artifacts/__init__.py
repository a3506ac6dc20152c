"""Artifacts: manifests, the names of all objects in the store, and the local cache of fetched files."""
