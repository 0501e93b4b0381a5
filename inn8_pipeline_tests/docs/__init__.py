"""Check the commands and queries of the documentation.

`make test` checks that they parse; `make docs-check`, which takes minutes, that they run and answer the questions.
"""
