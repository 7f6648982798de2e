"""Runs on a PC, in its agent (bundled by jobs.shipping): standard library only, Python 3.8 or newer."""
