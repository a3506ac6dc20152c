"""The HTTP service that answers with categories for titles, by the champion or a pinned model."""
