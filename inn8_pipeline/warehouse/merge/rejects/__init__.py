"""Records that are not merged: excluded in this merge, open since an earlier one, and the rows that they hide."""
