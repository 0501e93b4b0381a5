"""HTTP below the API: deadlines, bodies of bounded size, and what the status of a response means."""
