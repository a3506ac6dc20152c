"""How the stage promote decides: nomination, gates, verdict, and the sentences that say why."""
