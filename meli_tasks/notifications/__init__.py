"""Notifications: what a run has to report, how it reads, and how it is delivered by webhook and e-mail."""
