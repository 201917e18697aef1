"""The files of tasks: where they lie, how they are published, how they are found again."""
