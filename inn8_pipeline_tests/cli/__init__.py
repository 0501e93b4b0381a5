"""The command `inn8`: what it refuses in this process, what it does as a process of its own."""
