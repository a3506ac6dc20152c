"""Computing a model again: where it came from, what differs since, and whether the same comes out.

Everything is computed in a store of its own, which is removed afterwards. The real store is only read.
"""
