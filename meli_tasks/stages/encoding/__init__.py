"""From titles to memory-mapped arrays of ids."""
