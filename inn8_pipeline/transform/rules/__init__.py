"""The rules that make columns out of properties: formats of texts, values of choices, and the rows built from both."""
