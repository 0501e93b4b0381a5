"""The declarations of entities, and a fourth one that is declared outside of the package."""
