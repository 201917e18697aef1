"""Where and in which order tasks run."""
