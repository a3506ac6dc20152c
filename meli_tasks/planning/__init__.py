"""From a request to a plan: the trigger form, the steps with their content keys, the preview and its estimate."""
