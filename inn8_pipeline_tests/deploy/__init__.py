"""Check `deploy/` against the code, and run it as far as possible without a container engine or a cluster.

`test_…` are quick and part of `make test`. `check_…` build the image's environment, start servers or need tools of
their own; `make deploy-check` runs them too.
"""
