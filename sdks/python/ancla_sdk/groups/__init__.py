"""The client's methods, one group for each noun."""
