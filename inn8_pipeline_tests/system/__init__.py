"""The whole system as a user runs it, for long: daemon, schedules, faults, kills. `make soak-system` runs it.

Not a part of `make test`: it takes as long as it is told to. `place` starts and kills processes, `chaos` says what
happens to them and to INN8, `samples` watches, `verdict` holds the end against the truth, `__main__` tells the story.
"""
