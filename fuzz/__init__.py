"""Coverage-guided fuzzing of what a worker sends, see `README.md`."""
