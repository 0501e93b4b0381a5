"""The documentation, held against the program: what it tells a reader to type parses, runs, and answers the question.

That it parses is for `make test`; that it runs takes minutes, and is for `make docs-check`.
"""
