"""Modules that are not hotdesk's own on whole PCs: an ordinary user logs in, and they run as root and as another ordinary user."""

from __future__ import annotations

import json
import shutil
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from tests.lab.running import until
from tests.lab.stubborn import desk, mark

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.lab.lab import PC, Lab
    from tests.lab.running import Desk, Done

__all__ = ["desk", "mark"]

pytestmark = pytest.mark.ansible

INI = """
    from ansible.module_utils.basic import AnsibleModule
    from ..module_utils.sections import changed_text

    def main():
        options = dict(path=dict(type="path", required=True), section=dict(required=True), option=dict(required=True), value=dict(no_log=True))
        module = AnsibleModule(options, supports_check_mode=True)
        given = module.params
        changed = changed_text(given["path"], given["section"], given["option"], given["value"])
        module.deprecate("the option value is old", version="9.0.0", collection_name="mine.tools")
        module.warn("a section was written")
        module.exit_json(changed=changed, told="it is " + given["value"], tmp=module.tmpdir)

    main()
"""
SECTIONS = """
    import configparser, os

    def changed_text(path, section, option, value):
        parser = configparser.ConfigParser()
        parser.read(path)
        before = parser.get(section, option, fallback=None)
        if not parser.has_section(section):
            parser.add_section(section)
        parser.set(section, option, value)
        with open(path, "w") as stream:
            parser.write(stream)
        return before != value
"""
WHO = """\
    #!/bin/sh
    # WANT_JSON
    echo "{\\"who\\": \\"$(id -un)\\", \\"place\\": \\"$1\\", \\"given\\": $(cat "$1")}"
"""
OLD = """\
    #!/no/such/place/tongue
    . "$1"
    echo "{\\"who\\": \\"$(id -un)\\", \\"word\\": \\"$word\\"}"
"""
CRONTAB = "#!/bin/sh\nexit 0\n"
"""The module ``cron`` wants the program to be there, also for files of /etc/cron.d."""
LISTENER = """
import os, socket, sys
there = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
there.bind("/dev/log")
os.chmod("/dev/log", 0o666)
print("ready", flush=True)
with open("/tmp/syslog", "ab", buffering=0) as log:
    while True:
        log.write(there.recv(65536) + b"\\n")
"""
TASKS = """
- name: Account
  ansible.builtin.user: {name: carol, password: '{{ hash }}', comment: Carol}
- name: Account again
  ansible.builtin.user: {name: carol, password: '{{ hash }}', comment: Carol}
- name: Timer
  ansible.builtin.cron: {name: nightly, cron_file: mine, user: carol, hour: '3', job: /bin/true}
- name: Setting
  become_user: carol
  mine.tools.setting: {path: /home/carol/app.ini, section: a, option: b, value: '{{ secret }}'}
- name: Program
  become_user: carol
  mine.tools.who: {word: hi}
- name: Old
  become_user: carol
  mine.tools.old: word='a b'
  vars: {ansible_tongue_interpreter: /bin/sh, ansible_remote_tmp: '/tmp/{{ mark }}'}
- name: Binary
  become_user: carol
  mine.tools.feline: {word: miaow}
- name: Homeless
  become_user: nobody
  mine.tools.who: {word: hi}
- name: Elsewhere
  mine.tools.setting: {path: /root/app.ini, section: a, option: b, value: plain}
  vars: {ansible_remote_tmp: '/var/{{ mark }}', ansible_python_interpreter: /usr/local/bin/other-python}
"""


@pytest.fixture
def book(desk: Desk, mark: str) -> Path:
    """The play, with a collection of Python modules, programs and a binary beside it."""
    plugins = desk.directory / "collections/ansible_collections/mine/tools/plugins"
    for name, text in {
        "modules/setting.py": INI, "module_utils/sections.py": SECTIONS, "modules/who.sh": WHO, "modules/old": OLD,
    }.items():  # fmt: skip
        (plugins / name).parent.mkdir(parents=True, exist_ok=True)
        (plugins / name).write_text(dedent(text))
    shutil.copy("/bin/cat", plugins / "modules/feline")
    variables = {"mark": mark, "secret": f"secret-{mark}", "hash": f"$6${mark}$hashed"}
    return desk.playbook(TASKS, head=f"become: true\nvars: {json.dumps(variables)}")


@pytest.fixture
def heard(lab: Lab) -> Iterator[PC]:
    """One of the PCs: it writes down what is said to its syslog."""
    pc = lab["pc1"]
    for each in lab:
        each.run(
            "sh", "-c", f"printf %s '{CRONTAB}' >/usr/bin/crontab; chmod 755 /usr/bin/crontab; mkdir -p /etc/cron.d"
        )
        each.run("ln", "-sf", "/usr/bin/python3", "/usr/local/bin/other-python")
    pc.run("sh", "-c", 'rm -f /dev/log /tmp/syslog; setsid python3 -c "$1" >/tmp/listening 2>&1 &', "sh", LISTENER)
    until(lambda: "ready" in pc.run("cat", "/tmp/listening"), 20, "the PC's syslog")
    yield pc
    pc.run("pkill", "-f", "/dev/log")
    for each in lab:
        each.run(
            "sh",
            "-c",
            "userdel -rf carol; rm -rf /etc/cron.d/mine /root/app.ini /usr/bin/crontab /dev/log",
            check=False,
        )


def one(done: Done, task: str, host: str = "pc1") -> dict[str, object]:
    (result,) = done.results(host, task)
    return (
        dict(result.get("data", {}), changed=result.get("changed"), failed=result.get("failed"))
        if "data" in result
        else result
    )


@pytest.mark.parametrize("user", ["ada", "bob"])
def test_modules_run_as_root_and_as_somebody_else(
    desk: Desk, lab: Lab, heard: PC, book: Path, mark: str, user: str
) -> None:
    """Python modules, programs, old-style ones and a binary, by sudo without and with a password; secrets are in no log and nothing is left."""
    desk.inventory(user)
    password = desk.directory / "sudo"
    password.write_text("bob-pw\n")
    options = ("--become-password-file", str(password)) if user == "bob" else ()
    done = desk.play(book, "-vvv", *options)
    assert done.code == 0, done.stdout[-3000:] + done.stderr
    for pc in lab:
        assert [one(done, name, pc.name)["changed"] for name in ("Account", "Account again", "Timer")] == [
            True,
            False,
            True,
        ]
        assert pc.run("stat", "-c", "%U %s", "/home/carol/app.ini").startswith("carol ")
        assert mark in pc.run("cat", "/home/carol/app.ini")
        assert f"$6${mark}$hashed" in pc.run("getent", "shadow", "carol")
        assert "carol /bin/true" in pc.run("cat", "/etc/cron.d/mine")
        assert one(done, "Program", pc.name)["who"] == one(done, "Old", pc.name)["who"] == "carol"
        assert one(done, "Old", pc.name)["word"] == "a b"
        assert one(done, "Binary", pc.name)["word"] == "miaow"
        assert one(done, "Homeless", pc.name)["who"] == "nobody"
        assert str(one(done, "Elsewhere", pc.name)["tmp"]).startswith(f"/var/{mark}/ansible-tmp-")
        left = pc.run(
            "sh",
            "-c",
            f"ls -A /tmp/{mark} /var/{mark} /home/carol/.ansible/tmp; ls -d /tmp/ansible-tmp-* 2>/dev/null",
            check=False,
        )
        assert "ansible-tmp-" not in left
    assert str(one(done, "Program")["place"]).startswith("/home/carol/.ansible/tmp/ansible-tmp-")
    assert not_told(f"secret-{mark}", f"$6${mark}", desk, done)
    said = heard.run("cat", "/tmp/syslog")
    assert "Invoked with name=carol password=NOT_LOGGING_PARAMETER" in said
    assert "value=NOT_LOGGING_PARAMETER" in said
    assert mark not in said.replace(f"/var/{mark}", "")


def not_told(secret: str, hashed: str, desk: Desk, done: Done) -> bool:
    """What was secret is neither on the screen nor in a file of the run; what was to be told of it is."""
    files = [path for path in (desk.directory / "state").rglob("*") if path.is_file()]
    told = done.stdout + done.stderr + "".join(path.read_text(errors="replace") for path in files)
    assert len(files) > 0
    assert "the option value is old" in told
    assert "a section was written" in told
    assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in told
    return secret not in told and hashed not in told
