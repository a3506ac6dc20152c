"""Whether the champion still fits the titles: drift, delayed accuracy, and advice on retraining."""
