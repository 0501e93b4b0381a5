"""Write the rows of a table: insert new ones and update those that differ, in a first load without its indexes."""
