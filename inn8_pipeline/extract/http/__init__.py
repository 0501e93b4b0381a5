"""HTTP itself: deadlines, bodies of bounded size, and the meaning of the status of a response."""
