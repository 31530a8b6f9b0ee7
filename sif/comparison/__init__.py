"""Methods side by side on the same data, as in the tables of the SIF paper."""
