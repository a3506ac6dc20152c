"""Settings by what they are for; `meli_tasks.settings` reads all of them."""
