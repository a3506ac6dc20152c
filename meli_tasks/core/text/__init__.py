"""From a title to the ids of its words and n-grams, and to its split."""
