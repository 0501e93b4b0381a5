"""What `deploy/` says, held against the code that it runs, and as far as possible run.

`test_…` are quick and a part of `make test`. `check_…` build the image's environment, start servers or need tools of
their own: `make deploy-check`. Nothing here needs a container engine or a cluster.
"""
