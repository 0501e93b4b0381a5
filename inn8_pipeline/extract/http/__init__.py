"""HTTP requests: deadlines, bodies of bounded size, and the classification of responses by status."""
