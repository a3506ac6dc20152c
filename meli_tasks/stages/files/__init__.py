"""Files that several stages read or write: models, arrays, plots."""
