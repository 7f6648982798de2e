"""ansible-core's own integration suite with hotdesk in the place of ``ansible-playbook``: ``make conformance`` (root)."""
