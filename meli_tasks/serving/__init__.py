"""Categories over HTTP: a service that answers with the champion and follows the ledger."""
