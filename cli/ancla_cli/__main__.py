"""`python -m ancla_cli`."""

from ancla_cli.main import main

main()
