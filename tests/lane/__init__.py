"""The suites and the stories on the real engines, shared out over several sets of them at once."""
