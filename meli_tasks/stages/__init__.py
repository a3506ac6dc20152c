"""One module a stage: local paths in, local paths out.

A stage's version is part of every key made by it: raise it when the same inputs and parameters give another result.
The versions stand here, not in the modules, so that a plan can compute keys without importing torch or gensim.
"""

VERSIONS: dict[str, int] = {
    "ingest": 2,
    "preprocess": 2,
    "embed": 2,
    "train": 2,
    "ensemble": 1,
    "evaluate": 1,
    "promote": 1,
}
