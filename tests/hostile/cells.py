"""What the hostile PC does, the tasks of the run, and what must become of it: its agent, its sshd before the login, its rsync."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hotdesk.agent.frames import SIZE, pack
from tests.hostile.moves import (
    CANARY,
    EVIL,
    ID,
    Close,
    Errors,
    Exit,
    Outcome,
    Repeat,
    Slowly,
    Wait,
    claims,
    exited,
    gave,
    printed,
    raw,
    returned,
)

PING = "- ansible.builtin.ping:"
COMMAND = "- ansible.builtin.command: echo asked\n  register: out"
SHOWN = COMMAND + "\n- ansible.builtin.debug: {msg: '{{ out.stdout }}'}\n- ansible.builtin.debug: {var: out}"
PATIENCE = "\n  timeout: '{{ patience }}'"
"""Two seconds for the hostile host; the others have what a busy machine may need."""
SHORT = COMMAND + PATIENCE
STAT = "- ansible.builtin.stat: {path: /etc/hostname}"
FACTS = "- ansible.builtin.setup: {gather_subset: ['!all', '!min', user]}"
FETCH = "- ansible.builtin.fetch: {src: /etc/hostname, dest: fetched/}"
FLAT = "- ansible.builtin.fetch: {src: /etc/hostname, dest: 'fetched/{{ inventory_hostname }}/', flat: true}"
SLURP = "- ansible.builtin.slurp: {src: /etc/hostname}"
LIES = b"\x1b[2J\x1b]0;owned\x07\n\r[bold red]hi[/]\nok: [desk]\nPLAY RECAP ****\ndesk : ok=9 failed=0\n\xff\xfe\xc2\x9b31m\xe2\x80\xae"
"""Escapes, markup, lines that look like ours, bytes that are no UTF-8, a C1 control, a bidirectional override."""
SLOW = {"ansible_timeout": 3}
NEVER = "did not start within 9 s"
"""As long as a login may take on a busy machine, and what is said when the agent's start takes three times that."""
HONEST = ("TOKEN", "HELLO")
HELLO = {
    "ev": "hello", "python": [3, 11, 0], "executable": "/usr/bin/python3", "pid": 1, "uid": 0, "user": "root", "home": "/root",
    "hostname": "evil", "machine_id": "", "subreaper": True, "proc": True, "sees_others": True,
}  # fmt: skip
FACTS_THAT_REACH_OUT = {
    **dict.fromkeys(("ansible_connection", "connection", "hotdesk_source"), "local"),
    **{f"ansible_{kind}_host": "127.0.0.1" for kind in ("ssh", "become")},
    **dict.fromkeys(
        ("ansible_host", "ansible_ssh_port", "ansible_ssh_user", "ansible_user", "ansible_become_user"), "0"
    ),
    "ansible_ssh_common_args": f"-o ProxyCommand='touch {CANARY}'",
    "ansible_python_interpreter": "/bin/false",
    "ansible_user_id": EVIL,
    "ansible_check_mode": True,
    "ansible_play_hosts": [],
    "inventory_hostname": "desk",
    "groups": {},
    "hostvars": {},
    "hotdesk_transfers": 0,
    "hotdesk_lease": 0,
    "wanted": EVIL,
}
AFTER_FACTS = "\n- ansible.builtin.command: 'touch {{ canary }}.{{ inventory_hostname }}'\n- ansible.builtin.debug: {var: ansible_facts.user_id}"
FETCHABLE = {"path": "/../../../../../../escaped", "sha1": "0" * 40, "size": 10}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """``start``: moves before anything is asked. ``answers``: function name or kind of request -> moves. ``sshd``: moves instead of sshd.

    ``status`` is the hostile host's column of the recap, ``says`` what its one line (all that is printed, when it is ok) must hold, a regular
    expression. ``variables`` are the hostile host's; ``rsync`` and ``sudo`` are Python texts that stand where its rsync and its sudo should be.
    ``terminal``: the run is at a terminal, with its live screen. ``honest``: what lies is not the agent.
    ``tree``: the files that there are to mirror.
    """

    name: str
    status: str
    says: str = ""
    start: tuple[Any, ...] = HONEST
    answers: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    tasks: str = PING
    sshd: tuple[Any, ...] | None = None
    rsync: str = ""
    sudo: str = ""
    terminal: bool = False
    honest: bool = False
    tree: tuple[str, ...] = ("file",)
    variables: dict[str, Any] = field(default_factory=dict)

    @property
    def mirrors(self) -> bool:
        """It needs rsync."""
        return "hotdesk.sync.folder" in self.tasks


def starts(name: str, says: str, *moves: Any, status: str = "unreachable", **more: Any) -> Cell:
    """A cell about what comes before the first question."""
    return Cell(name=name, status=status, says=says, start=moves, **more)


def runs(name: str, says: str, *moves: Any, status: str = "unreachable", tasks: str = COMMAND, **more: Any) -> Cell:
    """A cell about the answer to a command."""
    return Cell(name=name, status=status, says=says, answers={"run": moves}, tasks=tasks, **more)


def calls(name: str, says: str, *moves: Any, status: str = "failed", tasks: str = STAT, **more: Any) -> Cell:
    """A cell about the answer of a function."""
    return Cell(name=name, status=status, says=says, answers={"call": moves}, tasks=tasks, **more)


START = (
    starts("garbage for an agent", "did not start", bytes(range(256)) * 4 + LIES, Exit(0)),
    starts("noise without end", "prints without end", Repeat(LIES * 100)),
    starts("a banner that draws", "", LIES, *HONEST, status="ok"),
    starts("words that draw", "did not start.*hi", Errors(LIES * 50), Exit(1)),
    starts("silence", NEVER, Wait(), variables=SLOW),
    starts("one byte a second", NEVER, "TOKEN", Slowly(pack(HELLO)), variables=SLOW),
    starts("a hello that never comes", NEVER, "TOKEN", Close(), Wait(), variables=SLOW),
    starts("a hello of garbage", "broken: what came is not a frame", "TOKEN", b"garbage, not a hello at all"),
    starts("a hello of 4 GB", "broken: what came is not a frame", "TOKEN", claims(0xFFFF0000)),
    starts("a hello of 200 MB", "broken: a frame of", "TOKEN", claims(200 << 20), Repeat(bytes(1 << 16))),
    starts("a hello 100,000 deep", "nested more than", "TOKEN", raw(b"[" * 100_000)),
    starts("a hello that is a list", "not an object", "TOKEN", raw(b"[]")),
    starts("a hello without names", "'hello': .* is missing", "TOKEN", {"ev": "hello"}),
    starts("a hello of other types", "'hello': python is text", "TOKEN", {**HELLO, "python": "3"}),
    starts("another event first", "'exit' where hello", "TOKEN", {**exited(), "id": 1}),
    # The first answer is awaited, so the others are read before the second question.
    starts("answers before the questions", "", *HONEST, *({**exited(7), "id": n} for n in range(2, 200)), status="ok", tasks=f"{PING}\n{COMMAND}"),
)  # fmt: skip
RUN = (
    runs("garbage", "broken: what came is not a frame", b"garbage that is no frame at all"),
    runs("a frame of 4 GB", "broken: what came is not a frame", claims(0xFFFF0000)),
    runs("a frame of 200 MB", "broken: a frame of 209715202 bytes", claims(200 << 20), Repeat(bytes(1 << 16), 3200)),
    runs("JSON 100,000 deep", "nested more than 100 deep", raw(b'{"id":' + b"[" * 100_000)),
    runs("JSON with a million values", "more than 500000 values", raw(b'{"id":1,"ev":[' + b"[]," * 1_000_000 + b"0]}")),
    runs("an answer that is a number", "not an object", raw(b"7")),
    runs("an id that is a list", "'exit': id is a list", {**exited(), "id": [1]}),
    runs("values that are cut off", "not a frame", raw(b'{"id":1,"ev":{"\\u0000":0}}', b"\0\0")),
    runs("wrong ids", "Timed out after 2", {**exited(), "id": 4711}, status="failed", tasks=SHORT),
    runs("ids nobody asked for, without end", "Timed out after 2", Repeat({"id": 4711, "ev": "pong"}), status="failed", tasks=SHORT),
    runs("the right id twice", '"rc": 0', exited(), exited(1), printed(b"late"), status="ok", tasks=SHOWN),
    runs("a status that is text", "'exit': rc is text", exited("0")),
    runs("a status that is missing", "'exit': rc is missing", {"id": ID, "ev": "exit"}),
    runs("seconds without end", "'exit': seconds is", raw(b'{"id":1,"ev":"exit","rc":0,"signal":null,"seconds":1e999}')),
    runs("a stream that there is not", "a stream that there is not", printed(b"x", "secrets")),
    runs("a command with a result", "a command gives a result", printed(b"x", "result")),
    runs("100 MB on one line, twice", "", *(move for s in ("out", "err") for move in (
         printed("\U0001f600".encode(), s), Repeat(printed(b"x" * 65536, s), 1600))), exited(), status="ok"),
    runs("100 MB of short lines, twice", "", *(Repeat(printed(b"\x1e" + b"a\n" * 32767 + b"b", s), 1600) for s in ("out", "err")),
         exited(), status="ok"),
    runs("output that draws and pretends", r"\\u001b\[2J", printed(LIES), exited(), status="ok", tasks=SHOWN),
    runs("output that is a template", "lookup", printed(EVIL.encode()), exited(), status="ok", tasks=SHOWN),
    runs("a failure that draws and pretends", "non-zero return code", printed(LIES, "err"), exited(1), status="failed"),
    runs("no answer, but pongs", "Timed out after 2", status="failed", tasks=SHORT),
    Cell(name="no answer and no pongs", status="unreachable", says="has not answered for 2 s", answers={"run": (), "ping": ()}, tasks=COMMAND,
         variables={"hotdesk_lease": 2}),
    runs("an answer of one byte a second", "has not answered for 2 s", Slowly(pack({**exited(), "id": 1})), variables={"hotdesk_lease": 2}),
    runs("output that ends", "has not answered for 2 s", Close(), Wait(), variables={"hotdesk_lease": 2}),
    runs("an end without an answer", "the agent is gone", Exit(0)),
    runs("an error of no kind", "there is no error 'odd'", {"id": ID, "ev": "failed", "error": "odd"}),
    runs("an error of other types", "errno is text", {"id": ID, "ev": "failed", "error": "os", "errno": "x", "strerror": [], "filename": 1}),
    Cell(name="a stop that is answered with rubbish", status="failed", says="Timed out after 2", tasks=SHORT,
         answers={"run": (), "cancel": ({"id": ID, "ev": "stopped", "left": "all of them"},)}),
)  # fmt: skip
UNFOLDS = raw(
    b'{"result":[' + b",".join([b'{"\\u0000":0}'] * 200_000) + b"]}", SIZE.pack(1) + SIZE.pack(1 << 20) + bytes(1 << 20)
)
BOMB = [printed(UNFOLDS[at : at + 65536], "result") for at in range(0, len(UNFOLDS), 65536)]
CALL = (
    calls("an answer that is a list", "the answer to .*look is not one: it is a list, not a mapping", *returned([1, 2])),
    calls("an answer that is nothing", "is nothing, not a mapping", *returned(None)),
    calls("an answer of other types", "changed is text", *returned({"changed": "yes", "diff": 5})),
    calls("a result of garbage", "gave back is broken: what came is not a frame", *gave(b"garbage that is no frame at all")),
    calls("a result of 4 GB", "gave back is broken: what came is not a frame", *gave(claims(0xFFFF0000))),
    calls("a result of 200 MB", "gave back is broken: a frame of", *gave(claims(200 << 20))),
    calls("a result that unfolds", "gave back is broken: .*named twice", *BOMB, exited()),
    calls("two results", "two values", *gave(pack({"result": {"changed": False}}) * 2)),
    calls("items without end", "Timed out after 2", Repeat(printed(pack({"item": 1}) * 2000, "result")), tasks=STAT + PATIENCE),
    calls("a refusal of other types", "gave back is broken: errno is text", *gave(pack({"error": "os", "errno": "x", "strerror": 1, "filename": 2}))),
    calls("an error that says more", "no such thing", Outcome({"error": "failed", "msg": "no such thing",
          "data": {"msg": EVIL, "changed": True, "ansible_facts": {"a": 1}}})),
    calls("facts that reach out", "left out of the facts", *returned({"ansible_facts": FACTS_THAT_REACH_OUT}), status="ok",
          tasks=FACTS + AFTER_FACTS, variables={"canary": CANARY}),
    calls("facts of another module", "", *returned({"changed": False, "ansible_facts": {"ansible_connection": "local"}, "stat": {}}), status="ok",
          tasks=STAT + AFTER_FACTS, variables={"canary": CANARY}),
    calls("facts that are a list", "ansible_facts is a list", *returned({"ansible_facts": [1]}), tasks=FACTS),
    calls("slurp without a content", "content is a number", *returned({"content": 1, "source": "x", "encoding": "base64"}), tasks=SLURP),
)  # fmt: skip
TEN = (printed(b"0123456789"), *gave(pack({"result": 10})))
FETCHING = (
    Cell(name="a path that climbs", status="failed", says="changed while it was fetched", tasks=FETCH,
         answers={"fetchable": returned(FETCHABLE), "read": TEN}),
    Cell(name="a name of its own", status="ok", tasks=FLAT, answers={"fetchable": returned(
         {**FETCHABLE, "sha1": "87acec17cd9dcd20a716cc2cf67417b71c8a7016"}), "read": TEN}),
    Cell(name="a file without end", status="failed", says="changed while it was fetched", tasks=FETCH,
         answers={"fetchable": returned(FETCHABLE), "read": (Repeat(printed(bytes(65536))),)}),
    Cell(name="a file of an exabyte", status="failed", says="no room here", tasks=FETCH,
         answers={"fetchable": returned({**FETCHABLE, "size": 1 << 60})}),
    Cell(name="a file without a size", status="failed", says="cannot be read", tasks=FETCH, answers={"fetchable": returned({"path": "/x"})}),
)  # fmt: skip
QUICK = {"ansible_timeout": 1}
SSHD = (
    Cell(name="sshd: garbage", status="unreachable", sshd=(LIES * 1000, Wait()), variables=QUICK),
    Cell(name="sshd: silence", status="unreachable", says="no login.*within 1 s", sshd=(Wait(),), variables=QUICK),
    Cell(name="sshd: a banner without end", status="unreachable", sshd=(Repeat(b"welcome \x1b[2J\r\n"),), variables=QUICK),
    Cell(name="sshd: one byte a second", status="unreachable", says="no login.*within 1 s", sshd=(Slowly(b"SSH-2.0-OpenSSH_9.9\r\n"),),
         variables=QUICK),
    Cell(name="sshd: the door shut", status="unreachable", sshd=(), variables=QUICK),
)  # fmt: skip
MIRROR = "- hotdesk.sync.folder: {path: '{{ playbook_dir }}/tree', dest: '{{ hotdesk_demo_home }}/{{ cell }}'}"
RSYNC = (
    Cell(name="rsync: garbage", status="failed", says="rsync exit code", tasks=MIRROR, rsync="out(b'garbage' * 1000)"),
    Cell(name="rsync: success without work", status="unreachable", says="rsync exit code 12", tasks=MIRROR, rsync="pass"),
    Cell(name="rsync: data without end", status="failed", says="rsync exit code", tasks=MIRROR, rsync="while 1: out(bytes(65536))"),
    Cell(name="rsync: words that draw", status="failed", says="rsync exit code", tasks=MIRROR, rsync=f"err({LIES!r} * 1000); sys.exit(23)"),
)  # fmt: skip
