"""What several commands share: options, output, the Dagster instance, runs."""
