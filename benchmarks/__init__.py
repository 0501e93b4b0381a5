"""`make bench`: this pipeline beside dlt and beside a bare script, on one simulated INN8 and one Postgres.

    stage.py         what all run on: sandbox, Postgres, databases, changed records
    measure.py       one program run and measured: time, CPU, memory, WAL, rows
    contestants.py   the programs and their databases; `dlt_program.py` and `floor.py` are two of them
    scenarios.py     what is run, in which order
    paging.py        pages one by one beside several at a time, with a delay per page
    report.py, chart.py   the medians, RESULTS.md and chart.svg

Not here: anything that the pipeline or its tests need. dlt lives in a virtual environment of its own.
"""
