"""Generated listing titles in Spanish and Portuguese."""
