"""Ways to the PCs: channels over asyncssh or to local children, and the agents on them."""
