"""What a run on many PCs may take, however many they are."""

from __future__ import annotations

TURN = 0.05
"""CPU seconds of one turn of the event loop."""
THREADS = 18
"""The main one, hotdesk's pool of 8, the screen's, and those that asyncio has for names and files of asyncssh (6 on 2 cores)."""
DESCRIPTORS_A_HOST = 1
"""Its connection."""
IDLE, IDLE_A_HOST = 0.01, 0.0002
"""CPU seconds in a second of a runner that only waits, and of its heartbeat to each host (one in a quarter of the lease)."""
