"""The `ancla` command."""
