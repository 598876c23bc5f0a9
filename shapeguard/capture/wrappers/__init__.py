"""What stands in for the patched functions: one file for each kind of place."""
