"""The real servers that Ancla works with, built and started on one Linux machine: `python -m engines --help`."""
