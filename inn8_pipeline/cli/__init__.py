"""The command line `inn8`: arguments, output and exit codes.

Each command is a module of `commands` and is imported only when it is called, so that `inn8 --help` takes a fraction of
a second. The work is done by the packages below: `defs`, `warehouse`, `probe`, `sandbox`.
"""

from inn8_pipeline.cli.support.group import LazyGroup

EPILOG = """
\b
Start with
  inn8 demo                      sync simulated data once; needs no settings
  inn8 probe                     compare your INN8 with the contract
  inn8 doctor                    check the settings and the systems that they name
  inn8 sync --full               load everything for the first time
\b
Exit codes: 0 Success or NoData; 1 Failed; 2 wrong usage or settings; 3 PartialSuccess.
\b
Shell completion for bash (for zsh and fish, use zsh_source and fish_source):
  eval "$(_INN8_COMPLETE=bash_source inn8)"
"""

main = LazyGroup(
    name="inn8",
    help="Load the collections of the INN8 API, such as clients and transactions, into Postgres, with Dagster.",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    package="inn8_pipeline.cli.commands",
    commands={
        "demo": "Sync simulated data into a temporary Postgres and show the result.",
        "dev": "Run a simulated INN8, a Postgres and the Dagster UI until Ctrl-C.",
        "sync": "Fetch and merge all entities, or only some of them.",
        "backfill": "Load a range of days of trade again.",
        "log": "Show the sync log, newest first.",
        "diff": "Show what the last sync changed: rows, columns, old and new values.",
        "rejects": "List, show, export, retry or accept records that failed validation.",
        "drift": "List or accept properties that INN8 sends but that have no column.",
        "plausibility": "List transactions whose money or units do not add up.",
        "show": "Show one record: its row, what INN8 sent, its rejects and its history.",
        "export": "Write the rows of an entity, now or as of a day, as CSV or Parquet.",
        "dbt": "Print the sources of a dbt project, with descriptions, tests and freshness.",
        "erase": "Erase one client's data from every table and every stored page.",
        "doctor": "Check settings, credentials, databases, clock, daemon and schedules.",
        "alert": "Try the addresses of alerts and heartbeats; mute alerts for a while.",
        "pause": "Let no schedule sync an entity; show what is paused.",
        "resume": "Let the schedules sync a paused entity again.",
        "report": "Write an HTML page with charts of what the syncs of the last days did.",
        "metrics": "Print metrics in the text format of Prometheus.",
        "probe": "Compare INN8 with the contract; propose a contract file for an INN8 that differs.",
        "contract": "Show how INN8's API is read: the built-in contract, and changes by INN8_CONTRACT_FILE.",
        "db": "Upgrade the warehouse's schema; manage who may read and write it.",
        "sandbox": "Run only the simulated INN8 API.",
    },
)
"""The entry point of the script `inn8`, named in pyproject.toml."""
