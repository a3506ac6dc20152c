"""Networks, and the classifiers built on them."""
