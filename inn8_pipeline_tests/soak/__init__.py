"""The pipeline with random changes, faults and kills, after which its tables must equal INN8's data."""
