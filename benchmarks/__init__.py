"""`make bench`: compare this pipeline with dlt and with a bare script, on the same simulated INN8 and Postgres.

    stage.py         what all programs use: sandbox, Postgres, databases, changed records
    measure.py       run one program and measure it: time, CPU, memory, WAL, rows
    contestants.py   the programs and their databases: `dlt_program.py`, `dlt_arrow.py` and `floor.py`, and the pipeline
    scenarios.py     the scenarios, and the order of the runs
    scaling.py       pages one by one and several at a time, more records, more rows
    capacity.py      `make capacity`: how far one machine goes
    history.py       what the history costs a change, and reads of the past
    report.py, chart.py   the medians, RESULTS.md and chart.svg

Neither the pipeline nor its tests import this package. dlt is installed in a virtual environment of its own.
"""
