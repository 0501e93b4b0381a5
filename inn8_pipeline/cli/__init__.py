"""The command `inn8`: what an operator asks at the terminal.

Here belong arguments, exit codes and what is printed; each command is a module of its own, loaded when it is called, so
that `inn8 --help` answers at once. What a command does lies below: in `defs`, `warehouse`, `sandbox`.
"""

from inn8_pipeline.cli.support.group import LazyGroup

EPILOG = """
\b
Begin with
  inn8 demo                      a whole sync of simulated data, nothing to set up
  inn8 doctor                    are the settings right, and what they name reachable?
  inn8 sync --full               the first load
\b
Exit codes: 0 all is well (Success, NoData); 1 Failed; 2 wrong usage or settings; 3 PartialSuccess.
\b
Completion of commands and options, for bash (likewise zsh_source, fish_source):
  eval "$(_INN8_COMPLETE=bash_source inn8)"
"""

main = LazyGroup(
    name="inn8",
    help="Brings clients, portfolios, securities and transactions from the INN8 API into Postgres, with Dagster.",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    package="inn8_pipeline.cli.commands",
    commands={
        "demo": "One whole sync of simulated data, and what came of it.",
        "dev": "Simulated INN8, embedded Postgres, Dagster UI and schedule, until Ctrl-C.",
        "sync": "Sync clients, portfolios, transactions, or all of them.",
        "backfill": "Load a range of days of trade again, with an estimate.",
        "log": "The sync log, newest first.",
        "rejects": "Records that were refused: list, show, retry, accept.",
        "drift": "Properties that INN8 sends and no column is made from: list, accept.",
        "show": "One record: its row, what INN8 sent last, its rejects, its history.",
        "erase": "One person's data, out of every table and every page.",
        "doctor": "Check settings, credentials, database, Dagster's storage, clock.",
        "db": "The warehouse's schema; who may read and write it.",
        "sandbox": "The simulated INN8 API alone.",
    },
)
"""The command; its entry point in pyproject.toml."""
