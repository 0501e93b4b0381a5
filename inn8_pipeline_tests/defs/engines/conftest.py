"""What needs a program that not every machine has is collected only where it is named: `make test-celery`."""

collect_ignore = ["test_celery.py"]
