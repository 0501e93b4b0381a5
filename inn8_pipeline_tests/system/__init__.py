"""The soak test: run the whole system for a long time, with faults and kills. `make soak-system` runs it.

It is not part of `make test`. `environment` starts and kills processes, `chaos` draws the events, `samples` measures
memory and connections, `final_checks` compares the tables with INN8's data, `__main__` prints what happens.
"""
