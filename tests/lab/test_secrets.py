"""One run with every kind of secret, as talkative as it can be, and a search through everything that it shows or leaves."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shlex
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hotdesk.variables.vault import encrypt
from tests.lab.running import LIMIT, Desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.lab import Lab

PLAY = """\
- name: Play
  hosts: all
  become: true
  vars_files: [whole.yml]
  vars: {hotdesk_verify: test_state.py}
  tasks:
    - template: {src: page.j2, dest: /root/page}
    - copy: {content: "{{ inline }}\\n{{ whole.pin }}\\n", dest: /root/copied, mode: "0600"}
    - copy: {src: vaulted.txt, dest: /root/vaulted}
    - lineinfile: {path: /root/copied, line: "more={{ inline }}"}
    - slurp: {src: /root/copied}
      register: slurped
    - debug: {var: slurped}
    - debug: {msg: "{{ [inline, whole, extra_password] | to_json }} {{ inline | b64encode }} {{ inline | quote }} {{ inline | urlencode }}"}
    - debug: {var: "hostvars[inventory_hostname]"}
    - command: {cmd: cat, stdin: "{{ inline }} {{ whole.pin }} {{ ansible_password }}"}
      register: said
      changed_when: said.stdout == inline
    - command: {cmd: cat, stdin: "{{ item }}"}
      loop: ["{{ inline }}", "{{ whole.list[0] }}"]
    - fail: {msg: "no good: {{ inline }} {{ whole.number }}"}
      ignore_errors: true
    - command: /nonexistent https://me:URL@localhost:1/
      ignore_errors: true
    - debug: {msg: "https://me:URL@localhost and git+https://URL@localhost"}
    - set_fact: {copied: "{{ whole }}"}
    - name: "Told {{ inline }}"
      assert: {that: "inline == 'x'", fail_msg: "{{ inline }}"}
      ignore_errors: true
    - copy: {content: "NOLOG", dest: /root/nolog}
      no_log: true
    - shell: {cmd: "cat; exit 3", stdin: "NOLOG"}
      no_log: true
      ignore_errors: true
    - shell: {cmd: "cat; exit 3", stdin: "{{ item }}"}
      loop: [NOLOG, NOLOG2]
      no_log: true
      retries: 1
      delay: 0
      until: false
      ignore_errors: true
    - debug: {msg: "{{ 'NOLOG' | from_json }}"}
      no_log: true
      ignore_errors: true
    - file: {path: "/root/{{ item }}", state: absent}
      loop: [page, copied, vaulted, nolog]
"""
VERIFICATION = """\
def test_state(host, variables):
    print(variables["inline"], variables["whole"])
    assert host.run("id").stdout == variables["inline"] + variables["whole"]["pin"]
"""
TEMPLATE = "{% for one in whole.list %}{{ one }}\n{% endfor %}key={{ inline }}\n"
WRITABLE = ("/tmp", "/var", "/home", "/root", "/etc", "/run", "/dev/shm", "/opt", "/srv", "/usr/local")
SAMPLED = ("cmdline", "environ")


@dataclass
class Secrets:
    """Fresh ones, so that nothing else on the machine can hold them; all of letters that shells, JSON and base64 write differently."""

    inline: str
    pin: str
    entry: str
    number: int
    key: str
    extra: str
    url: str
    no_log: str
    vault: str
    login: str = "bob-pw"

    @classmethod
    def made(cls) -> Secrets:
        def one(kind: str) -> str:
            return f'{kind}\'s "{secrets.token_hex(6)}" $x & ü?'

        return cls(
            inline=one("inline"), pin=one("pin"), entry=one("entry"), number=10**9 + secrets.randbelow(10**9), key=one("key"),
            extra=secrets.token_hex(8), url=secrets.token_hex(8), no_log=secrets.token_hex(8), vault=secrets.token_hex(8),
        )  # fmt: skip

    def forms(self) -> Iterator[str]:
        """What is searched for."""
        for text in map(str, vars(self).values()):
            yield text
            yield json.dumps(text)[1:-1]
            yield json.dumps(text, ensure_ascii=False)[1:-1]
            yield shlex.quote(text).strip("'")
            for before in ("", "x", "xx"):  # inside a longer text, at any of the three offsets
                coded = base64.b64encode(f"{before}{text}".encode()).decode()
                yield coded[4 : len(coded) // 4 * 4 - 4]


@dataclass
class Desktop:
    """The directory, the secrets, and which of its files are the user's own."""

    desk: Desk
    secrets: Secrets
    own: frozenset[Path]


@pytest.fixture
def desktop(lab: Lab, tmp_path: Path) -> Desktop:
    """An inventory with a login password, vaulted values inline and in whole files, a template and a playbook."""
    desk, known = Desk(lab, tmp_path), Secrets.made()
    vault = known.vault.encode()
    whole = {"whole": {"pin": known.pin, "list": [known.entry], "number": known.number}}
    indented = "".join(f"  {line}\n" for line in encrypt(known.inline.encode(), vault, vault_id="dev").splitlines())
    desk.inventory("bob", f"ansible_password: {known.login}\ninline: !vault |\n{indented}")
    text = (tmp_path / "inventory.yml").read_text()
    (tmp_path / "inventory.yml").write_text("\n".join(x for x in text.splitlines() if "private_key" not in x) + "\n")
    (tmp_path / "whole.yml").write_text(encrypt(json.dumps(whole).encode(), vault))
    (tmp_path / "vaulted.txt").write_text(encrypt(f"[section]\n{known.key}\n".encode(), vault))
    (tmp_path / "page.j2").write_text(TEMPLATE)
    (tmp_path / "test_state.py").write_text(VERIFICATION)
    book = PLAY.replace("NOLOG", known.no_log).replace("URL", known.url)
    (tmp_path / "book.yml").write_text(book)
    (tmp_path / "keys-client").write_text(f"#!/bin/sh\necho '{known.vault}'\n")
    (tmp_path / "keys-client").chmod(0o700)
    (tmp_path / "sudo").write_text(known.login)
    return Desktop(desk, known, frozenset(tmp_path.iterdir()))


class Watch:
    """Looks at the command line and environment of every process of this machine and its PCs, as often as it can."""

    def __init__(self, wanted: list[bytes]) -> None:
        self._wanted = wanted
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.found: set[str] = set()
        self.rounds = 0

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.is_set():
            self.rounds += 1
            self._stop.wait(0.05)
            for entry in Path("/proc").glob("[0-9]*"):
                for name in SAMPLED:
                    try:
                        data = (entry / name).read_bytes()
                    except OSError:
                        continue
                    if any(one in data for one in self._wanted):
                        self.found.add(f"{name} of {(entry / 'comm').read_text().strip()}")


def run(desktop: Desktop, output: str) -> subprocess.CompletedProcess[str]:
    """The loudest run there is."""
    desk = desktop.desk
    argv = [
        *desk.argv(desk.directory / "book.yml"), "--output", output, "-vvvv", "--diff", "--junit", "report.xml",
        "--vault-id", "dev@keys-client", "--become-password-file", "sudo", "-e", "@extra.json",
    ]  # fmt: skip
    (desk.directory / "extra.json").write_text(json.dumps({"extra_password": desktop.secrets.extra}))
    environment = {**desk.environment, "ANSIBLE_LOG_PATH": str(desk.directory / "plain.log"), "TERM": "xterm"}
    for name in ("TMPDIR", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"):  # so that what a run puts there is seen as its own
        environment[name] = str(desk.directory / name.lower())
        (desk.directory / name.lower()).mkdir(mode=0o700)
    return subprocess.run(
        argv, env=environment, cwd=desk.directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, check=False
    )  # fmt: skip


@pytest.mark.parametrize("output", ["plain", pytest.param("json", marks=pytest.mark.thorough)])
def test_no_secret_is_seen_or_left_anywhere(desktop: Desktop, lab: Lab, tmp_path: Path, output: str) -> None:
    """Screen, logs, report, processes and files of the control node and of the PCs."""
    forms = sorted({form for form in desktop.secrets.forms() if len(form) >= 6}, key=len)
    for pc in lab:
        pc.run("touch", "/began")
    (tmp_path / "began").touch()
    began = (tmp_path / "began").stat().st_mtime
    with Watch([form.encode() for form in forms]) as watch:
        done = run(desktop, output)
    assert done.returncode == 3, done.stdout[-3000:] + done.stderr[-3000:]
    assert watch.rounds > 5
    assert watch.found == set()
    assert "********" in done.stdout
    left = {
        path: path.read_bytes()
        for path in written(tmp_path, began)
        if path not in desktop.own | {tmp_path / "extra.json"}
    }
    assert {path.name for path in left} >= {"report.xml", "plain.log"}
    assert any(path.suffix == ".jsonl" for path in left)
    left |= {Path("stdout"): done.stdout.encode(), Path("stderr"): done.stderr.encode()}
    seen = {(str(path), form) for path, data in left.items() for form in forms if form.encode() in data}
    assert seen == set()
    for pc in lab:
        assert on_pc(pc.run, forms) == ""


def written(directory: Path, since: float) -> Iterator[Path]:
    """Files below the desk's directory, and those of shared temporary directories that are newer than the run."""
    yield from (path for path in directory.rglob("*") if path.is_file())
    for shared in ("/tmp", "/dev/shm", "/var/tmp", os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")):
        for path in Path(shared).glob("hotdesk*"):
            if path.is_file() and path.stat().st_mtime >= since:
                yield path


def on_pc(command: object, forms: list[str]) -> str:
    """The files of a PC, changed since ``/began``, that hold one of ``forms``."""
    assert callable(command)
    search = f"find {' '.join(WRITABLE)} -type f -newer /began -print0 2>/dev/null"
    script = f"cat > /wanted; {search} | xargs -0r grep -alF -f /wanted -- || true; rm /wanted"
    return str(command("sh", "-c", script, stdin="\n".join(forms).encode())).strip()


def test_the_search_finds_what_is_there(lab: Lab, tmp_path: Path) -> None:
    """A secret in a file of a PC, and one in a process."""
    token = secrets.token_hex(8)
    pc = next(iter(lab))
    pc.run("touch", "/began")
    pc.run("sh", "-c", f"echo {token} > /root/left")
    assert on_pc(pc.run, [token]) == "/root/left"
    pc.run("rm", "/root/left")
    with subprocess.Popen([sys.executable, "-c", f"input() # {token}"], stdin=subprocess.PIPE) as process:
        with Watch([token.encode()]) as watch:
            while watch.rounds < 3:
                pass
        process.communicate(b"\n")
    assert watch.found
