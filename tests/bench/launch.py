"""``python -S -E launch.py FD ARGV...``: starts a program and writes [exit status, wall, CPU seconds, KiB] to the descriptor when it has ended.

A process counts the memory of the one that started it as its own peak (getrusage(2), ru_maxrss), so a small one starts it: this.
"""

import os
import sys
from time import monotonic

begin = monotonic()
pid = os.posix_spawnp(sys.argv[2], sys.argv[2:], os.environ)
_, status, used = os.wait4(pid, 0)
found = [os.waitstatus_to_exitcode(status), monotonic() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss]
os.write(int(sys.argv[1]), repr(found).encode())
