"""Cells about the live screen: what the hostile host says is shown at a terminal, in results, names, labels and the rows of who is at work."""

from __future__ import annotations

from dataclasses import replace

from tests.hostile.cells import LIES, RSYNC, RUN, SSHD, START, Cell, runs
from tests.hostile.moves import Repeat, exited, printed

DRAWS = (
    LIES
    + b"\x1b[38;5;213mpink\x1b[3A\x1b[999C\x1b[?1049h\x1b[1;1r\x1bc\x1b]52;c;b3duZWQ=\x07\x1bP$q\x1b\\\x0e\x08\x08\x7f"
    + "\r\N{BEL}100%\N{RIGHT-TO-LEFT ISOLATE}\N{ARABIC LETTER MARK}\N{LINE SEPARATOR}\x85[blink]wide: 漢字🏴 e\u0301\u200b".encode()
)
"""Colours, the cursor, the other screen, a scroll region, a reset, the clipboard, back space, marks of direction, C1, wide characters."""
NAMED = """- ansible.builtin.command: echo asked
  register: out
- name: "{{ hostvars.evil.out.stdout }}"
  ansible.builtin.command: sleep 1
- name: The items
  ansible.builtin.command: echo {{ item | quote }}
  loop: "{{ hostvars.evil.out.stdout_lines[:3] }}"
- ansible.builtin.debug: {msg: "{{ out.stdout }}"}
- ansible.builtin.debug: {var: hostvars.evil.out}"""
"""The name of a task and the labels of a loop come from the host; all hosts have them."""
SHOWN = ("a banner that draws", "words that draw", "garbage for an agent", "a failure that draws and pretends",
         "output that draws and pretends", "sshd: garbage", "rsync: words that draw")  # fmt: skip
SCREEN = (
    *(replace(cell, name=f"at a terminal: {cell.name}", terminal=True) for cell in (*START, *RUN, *SSHD, *RSYNC) if cell.name in SHOWN),
    runs("at a terminal: names and labels that draw", r"\\x1b\[2J", printed(DRAWS), exited(), status="ok", tasks=NAMED, terminal=True),
    runs("at a terminal: names without end", "", printed("漢\x1b[2J".encode() * 5_000), exited(), status="ok", tasks=NAMED, terminal=True),
    runs("at a terminal: a hundred thousand short lines", "", Repeat(printed(b"a\n" * 32768), 3), exited(), status="ok", terminal=True),
    Cell(name="at a terminal: lines that come while it works", status="ok", tasks="- ansible.builtin.command: echo asked", terminal=True,
         answers={"run": (*(printed(DRAWS + b"\n") for _ in range(300)), exited())}),
)  # fmt: skip
assert len(SCREEN) == len(SHOWN) + 4
