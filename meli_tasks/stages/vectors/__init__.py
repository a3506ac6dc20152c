"""Pretrained word vectors: a word2vec file is read once and kept as an array that is mapped into memory."""
