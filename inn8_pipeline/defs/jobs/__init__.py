"""The jobs: syncs, maintenance, erasures, and those with a form in the UI (pauses, rejects)."""
