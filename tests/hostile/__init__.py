"""A PC that lies: what its agent, its sshd or its rsync may send, as a table, and what a run makes of it."""
