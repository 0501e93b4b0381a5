"""HTTP as the client needs it: deadlines, bounded bodies, the meaning of a response."""
