"""Pretrained word vectors: a word2vec file is read a single time and kept as a memory-mapped array."""
