"""Experiments side by side: runs read back from the store, and config files, compared."""
