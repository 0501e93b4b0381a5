"""The command `inn8`, for the operator at a terminal: arguments, output and exit codes.

Each command is a module of `commands`, imported when it is called, so that `inn8 --help` takes a tenth of a
second. The work itself is done by the packages below: `defs`, `warehouse`, `sandbox`.
"""

from inn8_pipeline.cli.support.group import LazyGroup

EPILOG = """
\b
Start with
  inn8 demo                      one whole sync of simulated data; needs no settings
  inn8 doctor                    check the settings and the systems that they name
  inn8 sync --full               the first load
\b
Exit codes: 0 Success or NoData; 1 Failed; 2 wrong usage or settings; 3 PartialSuccess.
\b
Completion of commands and options in bash (likewise zsh_source, fish_source):
  eval "$(_INN8_COMPLETE=bash_source inn8)"
"""

main = LazyGroup(
    name="inn8",
    help="Load clients, portfolios, securities and transactions from the INN8 API into Postgres, with Dagster.",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    package="inn8_pipeline.cli.commands",
    commands={
        "demo": "Run one whole sync of simulated data and show its result.",
        "dev": "Start a simulated INN8, a Postgres and the Dagster UI, until Ctrl-C.",
        "sync": "Sync clients, portfolios, transactions, or all of them.",
        "backfill": "Load a range of days of trade again, with an estimate of the time.",
        "log": "Show the sync log, newest first.",
        "rejects": "List, show, retry or accept records that failed validation.",
        "drift": "List or accept properties that INN8 sends and no column is made from.",
        "show": "Show one record: its row, what INN8 sent, its rejects, its history.",
        "erase": "Erase one person's data from every table and every stored page.",
        "doctor": "Check settings, credentials, database, Dagster's storage, clock.",
        "contract": "Show how INN8's API is read: the built-in contract and what INN8_CONTRACT_FILE changes.",
        "db": "Manage the warehouse's schema, readers and writers.",
        "sandbox": "Serve the simulated INN8 API alone.",
    },
)
"""The entry point of the script `inn8` in pyproject.toml."""
