"""Find incidents, report them with sensors, and send the heartbeat."""
