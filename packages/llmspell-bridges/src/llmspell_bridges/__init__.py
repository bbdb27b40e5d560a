"""What a spell can reach: language models and helpers, over the libraries that do the work."""
