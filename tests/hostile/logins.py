"""Cells about what stands between the login and the agent: an sshd that hides how a command ended, and a sudo that lies."""

from __future__ import annotations

from tests.hostile.cells import COMMAND, LIES, MIRROR, NEVER, SLOW, STAT, Cell, calls, runs, starts
from tests.hostile.moves import Exit

GONE = "the agent is gone"


def ending(name: str) -> dict[str, str]:
    """The name with which the runner logs in says how the hostile sshd ends a command (endings.py)."""
    return {"ansible_user": name}


ENDINGS = (
    *(starts(f"no status, before the agent: {how}", "the connection ended", Exit(0), variables=ending(how))
      for how in ("closes", "ends", "hangs-up")),
    *(starts(f"no status, before the hello: {how}", "ended while the agent was starting", "TOKEN", Exit(0), variables=ending(how))
      for how in ("closes", "ends")),
    *(runs(f"no status, in a command: {how}", "the agent is gone|the connection ended", Exit(0), variables=ending(how))
      for how in ("closes", "ends", "hangs-up", "says-0")),
    *(calls(f"no status, in a function: {how}", GONE, Exit(0), status="unreachable", variables=ending(how)) for how in ("closes", "ends")),
    runs("no status, and the channel stays", GONE, Exit(0), variables=ending("stays")),
    runs("status 0 of a killed agent", GONE, Exit(9), variables=ending("says-0")),
    Cell(name="no status ever, but all was done: a command", status="ok", tasks=COMMAND, variables=ending("closes")),
    Cell(name="no status ever, but all was done: a mirror", status="ok", tasks=MIRROR, honest=True, variables=ending("ends")),
)  # fmt: skip

PASSWORD = "correct-horse-battery"
BECOME = {"ansible_become": True, "ansible_become_password": PASSWORD}
WAITING = {**BECOME, **SLOW}
SUDO = (
    Cell(name="sudo: an honest one", status="ok", tasks=STAT, sudo="ask(); heard(); become()", variables=BECOME, honest=True),
    Cell(name="sudo: a lecture that draws", status="ok", tasks=STAT, sudo=f"err({LIES!r}); ask(); heard(); become()", variables=BECOME, honest=True),
    Cell(name="sudo: a prompt in pieces", status="ok", tasks=STAT, variables=BECOME, honest=True, sudo="""
for at in range(len(prompt)):
    err(prompt[at:at + 1])
    time.sleep(0.01)
heard()
become()"""),
    Cell(name="sudo: asks again and again", status="unreachable", says="the become password is wrong", tasks=STAT, variables=BECOME,
         sudo="while 1: ask(); heard() and None"),
    Cell(name="sudo: takes the password, wants another", status="unreachable", says="the become password is wrong", tasks=STAT, variables=BECOME,
         sudo="ask(); heard(); ask(); owned()"),
    Cell(name="sudo: prompts without end", status="unreachable", says="the become password is wrong", tasks=STAT, variables=BECOME,
         sudo="while 1: ask()"),
    Cell(name="sudo: noise without end", status="unreachable", says=NEVER, tasks=STAT, variables=WAITING, sudo=f"while 1: err({LIES!r} * 100)"),
    Cell(name="sudo: noise without end after the password", status="unreachable", says=NEVER, tasks=STAT, variables=WAITING,
         sudo=f"ask(); heard()\nwhile 1: err({LIES!r} * 100)"),
    Cell(name="sudo: silence after the password", status="unreachable", says=NEVER, tasks=STAT, variables=WAITING, sudo="ask(); heard(); wait()"),
    Cell(name="sudo: a prompt of its own", status="unreachable", says=f"{NEVER}.*password for root", tasks=STAT, variables=WAITING,
         sudo="err(b'[sudo] password for root: '); owned()"),
    Cell(name="sudo: the prompt among the output", status="unreachable", says=NEVER, tasks=STAT, variables=WAITING,
         sudo="out(prompt); owned()"),
    Cell(name="sudo: half of the prompt", status="unreachable", says=NEVER, tasks=STAT, variables=WAITING,
         sudo="err(prompt[:-1]); owned()"),
    Cell(name="sudo: says the password", status="unreachable", says=r"cannot become root: you said \*+", tasks=STAT, variables=BECOME,
         sudo="ask(); said = heard(); err(b'you said ' + said); out(said); sys.exit(1)"),
    Cell(name="sudo: says the password, and goes on", status="failed", says=r"you said \*+", variables=BECOME, honest=True,
         tasks="- ansible.builtin.command: sh -c 'test -z $SAID || { echo you said $SAID >&2; exit 1; }'",
         sudo="ask(); os.environb[b'SAID'] = heard().strip(); become()"),
    Cell(name="sudo: ends well at once", status="unreachable", says="cannot become root: .*status 0", tasks=STAT, variables=BECOME,
         sudo="sys.exit(0)"),
    Cell(name="sudo: wants a password that there is not", status="unreachable", says="--ask-become-pass", tasks=STAT,
         variables={"ansible_become": True}, sudo="err(b'sudo: a password is required'); sys.exit(1)"),
)  # fmt: skip
