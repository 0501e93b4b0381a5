"""What several commands share: options, output, and access to Dagster and the warehouse."""
