"""Make columns from properties: formats of texts, values of choices, and the rows built from both."""
