"""The agent: one small program on every PC that starts, watches and ends everything hotdesk runs there.

It is shipped as it stands over a channel's stdin and runs from memory: standard library only, Python >= 3.8, and it imports
nothing of hotdesk but this package. ``main`` is its loop and the table of what it can do; ``frames`` is used by both ends.
"""
