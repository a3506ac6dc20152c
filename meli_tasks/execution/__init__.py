"""Running a step: the runner, and what a long step keeps in the store while it runs."""
