"""Where the steps of a run execute, the process of a run, and the pools that bound runs."""
