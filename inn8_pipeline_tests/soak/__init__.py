"""The pipeline against a world that never stands still: changes, faults and kills at random, held against the truth."""
