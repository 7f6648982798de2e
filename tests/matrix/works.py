"""The kinds of work a fault can strike. Each is data: what the task is, how it is seen to be under way, what must be true afterwards.

In the texts MARK is a word that is in no other process of the machine, GATE the file that holds the work back (see ``scene``).
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.matrix import elsewhere, packages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.lab.lab import PC
    from tests.matrix.scene import Scene

BIG = 24
"""Megabytes of the file that a transfer is held by: 1 MB/s (``matrix_rate``); for a fault of one PC 2 there, and 6 where it is to finish."""


def nothing(scene: Scene) -> None:
    """Nothing is to be prepared or put away."""


def no_problem(scene: Scene) -> Iterable[str]:
    """Such work leaves no files."""
    return ()


def begun(scene: Scene, pc: PC) -> bool:
    """The processes are all there is to see."""
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One kind of work, as a task that is held in the middle until its gate is opened."""

    name: str
    task: str
    """YAML: the module with its arguments, and other keywords."""
    signs: tuple[str, ...]
    """Each must be in the command line of some process of a PC before the work counts as under way there."""
    user: Literal["ada", "bob", "root"] = "ada"
    """Who logs in: ada may use sudo without a password, bob with one."""
    become: bool = False
    transfers: Literal["", "here", "relayed"] = ""
    """For rsync: whether the source is this machine or the scene's ``source`` PC, which then is no target."""
    prepare: Callable[[Scene], None] = nothing
    begun: Callable[[Scene, PC], bool] = begun
    """What else must be seen on a PC before the work is under way there."""
    after: Callable[[Scene], Iterable[str]] = no_problem
    """Problems seen on the PCs that are on after the fault: half files, a package system that is broken and nobody said so."""
    done: Callable[[Scene], Iterable[str]] = no_problem
    """Problems seen after the next run, which must have finished the work."""
    clean: Callable[[Scene], None] = nothing


def shell(*lines: str) -> str:
    """A task of bash."""
    body = "".join(f"    {line}\n" for line in lines)
    return f"ansible.builtin.shell:\n  executable: /bin/bash\n  cmd: |\n{body}"


STUBBORN = (
    "trap '' TERM INT HUP",
    "(exec -a MARK-child cat GATE) &",
    "setsid bash -c 'exec -a MARK-setsid cat GATE' >/dev/null 2>&1 &",
    "exec -a MARK-main cat GATE",
)
STUBBORN_SIGNS = ("MARK-child", "MARK-setsid", "MARK-main")

# --- files that are written


def _old_files(scene: Scene) -> None:
    for pc in scene.lab:
        pc.run("sh", "-c", f"mkdir -m 777 /var/tmp/{scene.mark} && echo old >/var/tmp/{scene.mark}/file")


def _whole_files(scene: Scene) -> Iterable[str]:
    for pc in scene.lab:
        if pc.init is not None and (text := _content(scene, pc)) not in ("old\n", "new\n", "old\nnew\n"):
            yield f"the file on {pc.name} is neither old nor new: {text[:40]!r}"


def _new_files(scene: Scene) -> Iterable[str]:
    for pc in scene.hosts:
        if "new" not in (text := _content(scene, pc)):
            yield f"the file on {pc.name} is not new: {text[:40]!r}"


def _content(scene: Scene, pc: PC) -> str:
    return pc.run("cat", f"/var/tmp/{scene.mark}/file")


def _remove_files(scene: Scene) -> None:
    for pc in scene.lab:
        pc.run("rm", "-rf", f"/var/tmp/{scene.mark}")


# --- trees that are mirrored


def _tree(scene: Scene) -> str:
    return f"/srv/{scene.mark}"


def _source_tree(scene: Scene) -> str:
    return str(scene.directory / "tree") if scene.work.transfers == "here" else _tree(scene)


def _trees(scene: Scene) -> None:
    """At the source a big file and small ones; at the targets older ones and one that the source has not."""
    make = f"mkdir -p {_source_tree(scene)} && cd {_source_tree(scene)} && head -c {BIG}M /dev/urandom >big && echo new >changed && echo new >z"
    if scene.work.transfers == "here":
        subprocess.run(["sh", "-c", make], check=True)
    else:
        scene.source.run("sh", "-c", make)
    for pc in scene.hosts:
        pc.run("sh", "-c", f"mkdir -p {_tree(scene)} && cd {_tree(scene)} && echo older >changed && echo older >gone")


def _part_is_there(scene: Scene, pc: PC) -> bool:
    """rsync's temporary file of the big one has begun to grow."""
    return bool(pc.run("sh", "-c", f"find {_tree(scene)} -name '.big.*' -size +64k").strip())


def _whole_trees(scene: Scene) -> Iterable[str]:
    big = _sums(scene, None)["big"]
    for pc in scene.hosts:
        if pc.init is None:
            continue
        sums = _sums(scene, pc)
        if sums.get("big", big) != big:
            yield f"half a file on {pc.name}: big"
        for name in ("changed", "z", "gone"):
            if name in sums and pc.run("cat", f"{_tree(scene)}/{name}") not in ("older\n", "new\n"):
                yield f"half a file on {pc.name}: {name}"
        if "changed" not in sums:
            yield f"a file is lost on {pc.name}: changed"


def _same_trees(scene: Scene) -> Iterable[str]:
    source = _sums(scene, None)
    for pc in scene.hosts:
        found = _sums(scene, pc)
        if "delete" not in scene.work.task:
            # rsync's temporary file stays when the power fails; nothing is deleted that nobody asked for.
            extra = [name for name in found if name == "gone" or (scene.fault.reboots and name.startswith(".big."))]
            found = {name: digest for name, digest in found.items() if name not in extra}
        if found != source:
            names = sorted(set(found) ^ set(source)) or [name for name in source if source[name] != found[name]]
            yield f"the tree on {pc.name} is not the source's: {', '.join(names)}"


def _sums(scene: Scene, pc: PC | None) -> dict[str, str]:
    """Path -> sha256 of the files of a target, or of the source (None); what lies in the partial directory is no file of the tree."""
    script = "cd {} && find . -type f ! -path '*/.hotdesk-partial/*' -exec sha256sum {{}} +"
    if pc is None and scene.work.transfers == "here":
        argv = ["sh", "-c", script.format(_source_tree(scene))]
        text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    else:
        text = (pc or scene.source).run("sh", "-c", script.format(_tree(scene)))
    return {name.removeprefix("./"): digest for digest, name in (line.split(None, 1) for line in text.splitlines())}


def _remove_trees(scene: Scene) -> None:
    for pc in scene.lab:
        pc.run("rm", "-rf", _tree(scene))
    if scene.work.transfers == "here":
        subprocess.run(["rm", "-rf", _source_tree(scene)], check=True)


def mirror(name: str, transfers: Literal["here", "relayed"], *, delete: bool = False) -> Work:
    """A transfer by hotdesk.sync.folder."""
    path = "DIRECTORY/tree" if transfers == "here" else "/srv/MARK"
    source = "  source: localhost\n" if transfers == "here" else ""
    options = f"  path: {path}\n  dest: /srv/MARK\n{source}" + ("  delete: true\n" if delete else "")
    return Work(
        name=name,
        task=f"hotdesk.sync.folder:\n{options}" + '  bwlimit: "{{ matrix_rate }}"\n',
        signs=("rsync --server",),
        become=True,
        transfers=transfers,
        prepare=_trees,
        begun=_part_is_there,
        after=_whole_trees,
        done=_same_trees,
        clean=_remove_trees,
    )


WORKS = (
    Work(name="command", task="ansible.builtin.command: cat GATE\n", signs=("cat GATE",)),
    Work(
        name="shell-pipe",
        task=shell(
            "(bash -c 'exec -a MARK-grandchild cat GATE' &)",
            "bash -c 'exec -a MARK-child cat GATE; true' | cat",
            "exec -a MARK-main cat GATE",
        ),
        signs=("MARK-grandchild", "MARK-child"),
    ),
    Work(name="term-ignoring", task=shell(*STUBBORN), signs=STUBBORN_SIGNS),
    Work(
        name="nohup",
        task=shell(
            "nohup bash -c 'exec -a MARK-nohup cat GATE' >/dev/null 2>&1 &",
            "exec -a MARK-main cat GATE",
        ),
        signs=("MARK-nohup", "MARK-main"),
    ),
    Work(
        name="daemons",
        task=shell(
            "setsid bash -c 'exec -a MARK-setsid cat GATE' >/dev/null 2>&1 &",
            "(setsid bash -c '(exec -a MARK-daemon cat GATE) >/dev/null 2>&1 &' &)",
            "exec -a MARK-main cat GATE",
        ),
        signs=("MARK-setsid", "MARK-daemon", "MARK-main"),
    ),
    Work(
        name="elsewhere",
        task=shell(*elsewhere.HAND_OVER),
        signs=("MARK-elsewhere", "MARK-main"),
        prepare=elsewhere.prepare,
        clean=elsewhere.clean,
    ),
    Work(name="sudo", task=shell(*STUBBORN), signs=STUBBORN_SIGNS, become=True),
    Work(name="sudo-password", task=shell(*STUBBORN), signs=STUBBORN_SIGNS, become=True, user="bob"),
    Work(
        name="sudo-inside",
        task=shell(
            "sudo -n bash -c 'trap \"\" TERM; exec -a MARK-root cat GATE' &",
            "exec -a MARK-main cat GATE",
        ),
        signs=("MARK-root", "MARK-main"),
    ),
    Work(name="root-login", task=shell(*STUBBORN), signs=STUBBORN_SIGNS, user="root"),
    mirror("rsync", "here"),
    mirror("rsync-relayed", "relayed"),
    mirror("folder-delete", "relayed", delete=True),
    Work(
        name="apt",
        task="ansible.builtin.command: apt-get install -y -o Dir::State::Lists=/nowhere /var/tmp/MARK.deb\n",
        signs=("MARK-postinst",),
        become=True,
        prepare=packages.prepare,
        after=packages.after,
        done=packages.done,
        clean=packages.clean,
    ),
    Work(
        name="dpkg",
        task="ansible.builtin.command: dpkg -i /var/tmp/MARK.deb\n",
        signs=("MARK-postinst",),
        become=True,
        prepare=packages.prepare,
        after=packages.after,
        done=packages.done,
        clean=packages.clean,
    ),
    Work(
        name="copy",
        task='ansible.builtin.copy:\n  content: "new\\n"\n  dest: /var/tmp/MARK/file\n  validate: sh -c "cat GATE" %s\n',
        signs=("cat GATE",),
        prepare=_old_files,
        after=_whole_files,
        done=_new_files,
        clean=_remove_files,
    ),
    Work(
        name="lineinfile",
        task='ansible.builtin.lineinfile:\n  path: /var/tmp/MARK/file\n  line: new\n  validate: sh -c "cat GATE" %s\n',
        signs=("cat GATE",),
        become=True,
        prepare=_old_files,
        after=_whole_files,
        done=_new_files,
        clean=_remove_files,
    ),
)
