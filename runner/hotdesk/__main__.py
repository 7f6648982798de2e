"""``python -m hotdesk``."""

from hotdesk.cli.main import main

main()
