"""From a title to token and n-gram ids, and from titles to splits."""
