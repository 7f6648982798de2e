"""hotdesk.sync.dconf: desktop settings of people and of the system, as on the source. Its arguments: plugins/modules/dconf.py."""

from __future__ import annotations

import hashlib
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TaskError, nearest
from hotdesk.jobs import Change, Expectation, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.account_files import read
from hotdesk.jobs.on_target import trees
from hotdesk.jobs.shipping import bundle
from hotdesk.jobs.tools import both, carry_out, lacking, reason, run, still_wanted
from hotdesk.jobs.transaction import STATE, UNDO, PutFile, place, recover, unfinished
from hotdesk.jobs.undo import Undo, note
from hotdesk.results import Diff

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from hotdesk.jobs import Machine
    from hotdesk.jobs.account_files import Accounts, User
    from hotdesk.jobs.transaction import State

    Settings = dict[str, dict[str, str]]

TOP = "/etc/dconf"
FILES = re.compile(r"(profile/[^/]+|db/[^/]+\.d/([^/]+|locks/[^/]+))")
"""What an administrator writes below TOP; the rest is compiled from it."""
SECRET = re.compile(r"passw|secret|token|credential|api-?key", re.I)
"""Keys whose values are in no plan, difference or digest."""
SERVICE = [f"/usr/{folder}share/dbus-1/services/ca.desrt.dconf.service" for folder in ("", "local/")]
"""What starts dconf's writing half; one of these."""
SHOWN = 300
"""Characters of a change's detail."""
OWN = "DCONF_PROFILE=/dev/fd/3 dconf {} 3<<E\nuser-db:user\nE\n"
"""dconf on the user's own database alone: without a profile of that kind it mixes in the system's values (dconf(7))."""
RESET = "while read -r key; do " + OWN.format('reset "$key"') + "[ $? = 0 ] || exit 1; done"
READ = "for key; do " + OWN.format('read "$key"') + "[ $? = 0 ] || exit 1; done"
LOOK = 'for key; do printf "%s=%s\\n" "$key" "$(' + OWN.format('read "$key"') + ')"; done'
"""Each key with its value, or none."""
BUS = (
    'if [ -e "/run/user/$0/bus" ]; then export XDG_RUNTIME_DIR="/run/user/$0" DBUS_SESSION_BUS_ADDRESS="unix:path=/run/user/$0/bus"; '
    'exec "$@"; else exec dbus-run-session -- "$@"; fi'
)
"""A command over the bus of the session that runs, or over one of its own. $0 is the person's number."""
MOST_EXPECTED = 1000
"""Keys of one expectation."""


class Job(SyncJob):
    """People's own databases key by key; the system's key files as files, in transactions that end with ``dconf update``."""

    after = ("apt", "accounts")
    handles = (".config/dconf/user",)
    _here: Accounts
    _there: Accounts
    _own: dict[str, tuple[Settings, Settings, frozenset[str]]]
    """Person -> settings here, settings there, keys that are locked there."""
    _files: tuple[dict[str, State], dict[str, State]]
    _broken: bool
    _work: dict[str, tuple[str, Any]]
    """Id of a change -> (person, settings to load or keys to reset) or ("", paths)."""

    async def validate(self) -> list[Problem]:
        self._warnings: list[str] = []
        if self.source.host == self.target.host:
            return []
        problems = []
        for machine in (self.source, self.target):
            if machine.info.uid != 0:
                problems.append(Problem(f"{machine.host}: only root can become other people", "Use become: true."))
            if missing := await lacking(machine, "dconf", "dbus-run-session", "runuser"):
                remedy = "Install dconf-cli, dbus and util-linux."
                problems.append(Problem(f"{machine.host} has no {', '.join(missing)}", remedy))
            elif (await machine.run(["dconf", "list-locks", "/"], change=False, env=NOWHERE, timeout=60)).rc:
                problems.append(Problem(f"{machine.host}: dconf is too old, it has no list-locks", "Update dconf-cli."))
        if not await _there(self.target, SERVICE):
            problems.append(
                Problem(f"{self.target.host} has no dconf-service: nothing can be set", "Install dconf-service.")
            )
        if problems:
            return problems
        self._here, self._there = await both(read(self.source), read(self.target))
        for name in self.args.get("users") or ():
            if name not in self._here.people():
                hint = nearest(name, self._here.people())
                problems.append(Problem(f"users: {name!r} is no person's account on {self.source.host}", hint))
        return problems

    # --- pre_sync

    async def pre_sync(self) -> Plan:
        if self.source.host == self.target.host:
            return Plan(data={"note": f"{self.target.host} is the source"})
        self._own, self._work = {}, {}
        for name in await self._people():
            self._own[name] = await self._settings(name)
        self._files = await both(_system(self.source), _system(self.target))
        self._broken = await self._as_recovered()
        changes = tuple(change for change, _ in self._changes())
        self._work = {change.id: work for change, work in self._changes()}
        text = "".join(f"{change.id}: {change.detail}\n" for change in changes)
        warnings = tuple(dict.fromkeys(self._warnings))
        return Plan(changes=changes, diff=(Diff(prepared=text),) if changes else (), warnings=warnings)

    async def _people(self) -> list[str]:
        """Those with a database here and a home there."""
        chosen = self.args.get("users")
        names = sorted(self._here.people() if chosen is None else chosen)
        homes = {name: self._here.users[name].home for name in names}
        have = await _there(self.source, [f"{home}/.config/dconf/user" for home in homes.values()])
        names = [name for name in names if f"{homes[name]}/.config/dconf/user" in have]
        homes = {name: self._there.users[name].home for name in names if name in self._there.users}
        have = await _there(self.target, list(homes.values()))
        for name in names:
            if homes.get(name) not in have:
                self._warn(f"{self.target.host} has no {name} with a home: the settings wait for the accounts job")
        return [name for name in names if homes.get(name) in have]

    async def _settings(self, name: str) -> tuple[Settings, Settings, frozenset[str]]:
        here, there = await both(
            _as_user(self.source, name, self._here.users[name], ["sh", "-c", OWN.format("dump /")], change=False),
            _as_user(self.target, name, self._there.users[name], ["sh", "-c", OWN.format("dump /")], change=False),
        )
        argv = ["dconf", "list-locks", "/"]
        locks = await _as_user(self.target, name, self._there.users[name], argv, change=False)
        return parse(here), parse(there), frozenset(locks.split())

    async def _as_recovered(self) -> bool:
        """Files as they will be once the transactions that something killed are undone."""
        found = False
        for one in await unfinished(self.target):
            for path, state in one["was"].items():
                if path.startswith(TOP + "/"):
                    found = True
                    self._files[1].pop(path[len(TOP) + 1 :], None)
                    if state is not None:
                        self._files[1][path[len(TOP) + 1 :]] = state
        return found

    def _changes(self) -> Iterator[tuple[Change, tuple[str, Any]]]:
        for name, (here, there, locks) in self._own.items():
            yield from self._personal(name, here, there, locks)
        if not self.args.get("system", True):
            return
        here_files, there_files = self._files
        units: dict[str, list[str]] = {}
        for path in sorted({*here_files, *there_files}):
            if here_files.get(path) != there_files.get(path) and (path in here_files or self.args.get("delete")):
                units.setdefault("profiles" if path.startswith("profile/") else path.split("/")[1][:-2], []).append(
                    path
                )
        for unit, paths in units.items():
            lost = [path for path in paths if path not in here_files]
            before, after = (_digests(files, paths) for files in (there_files, here_files))
            subject = "system profiles" if unit == "profiles" else f"system database {unit}"
            change = Change(
                verb="update", subject=subject, detail=", ".join(paths), destructive=bool(lost), before=before, after=after,
                undo=UNDO,
            )  # fmt: skip
            yield change, ("", paths)

    def _personal(
        self, name: str, here: Settings, there: Settings, locks: frozenset[str]
    ) -> Iterator[tuple[Change, tuple[str, Any]]]:
        """One change for each folder of keys: what is set otherwise here, and, if wanted, what is set only there."""
        locked = set()
        for folder in sorted({*here, *there}):
            ours, theirs = (self._moved(folder, settings.get(folder, {})) for settings in (here, there))
            locked |= {folder + key for key in ours if folder + key in locks and ours[key] != theirs.get(key)}
            new = {key: value for key, value in ours.items() if theirs.get(key) != value and folder + key not in locks}
            if new:
                told = ", ".join(
                    f"{key} {_shown(key, theirs.get(key))} -> {_shown(key, value)}" for key, value in new.items()
                )
                change = Change(
                    verb="set", subject=f"{name} {folder}", detail=told[:SHOWN], before=_digest(theirs, new), after=_digest(new, new),
                    undo="hotdesk rollback",
                )  # fmt: skip
                yield change, (name, {folder: new})
            gone = [key for key in theirs if key not in ours and folder + key not in locks]
            if gone and self.args.get("delete"):
                told = ", ".join(f"{key} {_shown(key, theirs[key])}" for key in gone)
                change = Change(
                    verb="reset", subject=f"{name} {folder}", detail=told[:SHOWN], destructive=True, before=_digest(theirs, gone),
                    undo="hotdesk rollback",
                )  # fmt: skip
                yield change, (name, [folder + key for key in gone])
        if locked:
            self._warn(f"{self.target.host} has locked {', '.join(sorted(locked))}: {name}'s stay as they are there")

    def _moved(self, folder: str, keys: Mapping[str, str]) -> dict[str, str]:
        """Without what is excluded: a folder (``/a/b/``), a key (``/a/b``), or a shell pattern."""
        excluded = self.args.get("exclude") or ()

        def out(path: str) -> bool:
            return any(fnmatchcase(path, one) or (one.endswith("/") and path.startswith(one)) for one in excluded)

        return {key: value for key, value in sorted(keys.items()) if not out(folder + key)}

    def _warn(self, text: str) -> None:
        self._warnings.append(text)

    # --- sync and after

    async def sync(self, plan: Plan) -> JobResult:
        """The system's first, since it may lock keys; then each person's changes together, so that a database is old or new."""
        if self._broken:
            await recover(self.target)
        system = [change for change in plan.changes if not self._work[change.id][0]]
        done, failed = await carry_out(self.target, system, self._place)
        for name in self._own:
            for verb, act in (("set", self._load), ("reset", self._reset)):
                some = [c for c in plan.changes if c.verb == verb and self._work[c.id][0] == name]
                if not some:
                    continue
                try:
                    await act(name, [self._work[change.id][1] for change in some])
                except TaskError as exc:
                    failed |= {change.id: reason(exc) for change in some}
                else:
                    done += some
        return JobResult(changed=bool(done), data=_data(done), warnings=plan.warnings, failed=failed)

    async def _place(self, change: Change) -> None:
        here, there = self._files
        files = []
        for path in self._work[change.id][1]:
            whole, state = f"{TOP}/{path}", here.get(path)
            if state is None:
                files.append(PutFile(path=whole, was=there.get(path)))
            elif state[0] == "link":
                files.append(PutFile(path=whole, link=state[4], was=there.get(path)))
            else:
                content = await self.source.read(whole)
                files.append(PutFile(path=whole, content=content, mode=state[1], was=there.get(path)))
        await place(self.target, f"dconf {change.subject}", files, checks=[["dconf", "update"]])

    async def _load(self, name: str, parts: Sequence[Settings]) -> None:
        """Everything in one go: dconf replaces the database at once."""
        new = {folder + key: value for part in parts for folder, keys in part.items() for key, value in keys.items()}
        await self._note(name, "settings", new, new)
        argv = ["sh", "-c", OWN.format("load /")]
        await _as_user(self.target, name, self._there.users[name], argv, change=True, stdin=_written(new))

    async def _reset(self, name: str, parts: Sequence[list[str]]) -> None:
        keys = [key for part in parts for key in part]
        await self._note(name, "settings that were reset", keys, {})
        text = "".join(f"{key}\n" for key in keys)
        await _as_user(self.target, name, self._there.users[name], ["sh", "-c", RESET], change=True, stdin=text)

    async def _note(self, name: str, what: str, keys: Iterable[str], after: Mapping[str, str]) -> None:
        """How it is undone: what was is loaded, what was not there is reset."""
        keys, user, there = sorted(keys), self._there.users[name], self._own[name][1]
        before = {
            key: value
            for folder, values in there.items()
            for name_, value in values.items()
            if (key := folder + name_) in keys
        }
        unset = [key for key in keys if key not in before]
        steps = [(_bus_argv(name, user, ["sh", "-c", OWN.format("load /")]), _written(before))] if before else []
        steps += [(_bus_argv(name, user, ["sh", "-c", RESET]), "".join(f"{key}\n" for key in unset))] if unset else []
        undo = Undo(
            subject=f"{what} of {name}", detail=", ".join(keys)[:SHOWN],
            look=tuple(_user_argv(name, user, ["sh", "-c", LOOK, "sh", *keys])),
            before="\n".join(f"{key}={before.get(key, '')}" for key in keys),
            after="\n".join(f"{key}={after.get(key, '')}" for key in keys),
            steps=tuple((tuple(argv), text) for argv, text in steps),
        )  # fmt: skip
        await note(self.target, f"dconf {name}", [undo])

    def preview(self, plan: Plan) -> JobResult:
        return JobResult(changed=bool(plan.changes), data=_data(plan.changes), warnings=plan.warnings)

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        """What was done must not be wanted any more."""
        for name in self._own:
            self._own[name] = await self._settings(name)
        self._files = (self._files[0], await _system(self.target))
        wanted = {change.id for change, _ in self._changes()}
        return still_wanted(self.target, result.data["items"], wanted)

    async def expectations(self, plan: Plan, result: JobResult) -> list[Expectation]:
        """The system's files, and of each person the values of the keys that are as on the source."""
        found = []
        if self.source.host == self.target.host:
            return []
        for path, state in sorted((await _system(self.target)).items()):
            if state is not None and state[0] == "file" and state == self._files[0].get(path):
                value = {"type": "file", "sha256": state[4], "mode": f"{state[1]:04o}"}
                found.append(Expectation(kind="file", subject=f"{TOP}/{path}", value=value))
        for name in self._own:
            here, there, _ = await self._settings(name)
            keys = [folder + key for folder in sorted(here) for key, value in self._moved(folder, here[folder]).items()
                    if there.get(folder, {}).get(key) == value][:MOST_EXPECTED]  # fmt: skip
            if keys:
                argv = _user_argv(name, self._there.users[name], ["sh", "-c", READ, "sh", *keys])
                said = await run(self.target, argv, change=False)
                digest = hashlib.sha256(said.stdout).hexdigest()
                found.append(
                    Expectation(kind="output", subject=f"settings of {name}", value={"argv": argv, "sha256": digest})
                )
        return found

    async def present(self, machine: Machine, subjects: Iterable[str]) -> list[str]:
        """A person's as long as there is the person; the system's always."""
        people = (await read(machine)).users
        return [subject for subject in subjects if subject.startswith("system ") or subject.split()[0] in people]


def parse(dump: str) -> Settings:
    """What ``dconf dump /`` prints: folder (``/a/b/``) -> key -> value as it is written."""
    found: Settings = {}
    folder = "/"
    for line in dump.split("\n"):
        if line.startswith("[") and line.endswith("]"):
            folder = "/" + line[1:-1].strip("/") + "/" if line != "[/]" else "/"
        elif "=" in line:
            key, _, value = line.partition("=")
            found.setdefault(folder, {})[key] = value
    return found


NOWHERE = {"XDG_RUNTIME_DIR": "/dev/null", "LC_ALL": "C.UTF-8", "CHARSET": "UTF-8"}
"""Reading writes nothing: without a runtime folder dconf would make files in the home. dconf prints in the locale's charset."""


def _user_argv(name: str, user: User, argv: Sequence[str]) -> list[str]:
    """``argv`` as that person, with nothing of our own environment."""
    own = {"HOME": user.home, "USER": name, "LOGNAME": name, "PATH": "/usr/local/bin:/usr/bin:/bin", **NOWHERE}
    return ["runuser", "-u", name, "--", "env", "-i", *(f"{key}={value}" for key, value in own.items()), *argv]


def _bus_argv(name: str, user: User, argv: Sequence[str]) -> list[str]:
    """The same for what changes something."""
    return _user_argv(name, user, ["sh", "-c", BUS, str(user.uid), *argv])


def _written(values: Mapping[str, str]) -> str:
    """Keys (whole) and values as ``dconf load /`` reads them."""
    folders: dict[str, list[str]] = {}
    for key, value in values.items():
        folder, _, name = key.rpartition("/")
        folders.setdefault(folder.strip("/") or "/", []).append(f"{name}={value}\n")
    return "".join(f"[{folder}]\n{''.join(lines)}" for folder, lines in folders.items())


async def _as_user(
    machine: Machine, name: str, user: User, argv: Sequence[str], *, change: bool, stdin: str = ""
) -> str:
    """Run it as that person. Raises TaskError."""
    whole = (_bus_argv if change else _user_argv)(name, user, argv)
    done = await run(
        machine, whole, change=change, stdin=stdin.encode(errors="surrogateescape"), name=f"dconf as {name}"
    )
    return done.stdout.decode(errors="surrogateescape")


async def _there(machine: Machine, paths: Sequence[str]) -> set[str]:
    """Those of the paths that are there."""
    script = 'for each; do if [ -e "$each" ]; then printf "%s\\n" "$each"; fi; done'
    done = await run(machine, ["sh", "-c", script, "sh", *paths], change=False)
    return set(done.stdout.decode(errors="surrogateescape").splitlines())


async def _system(machine: Machine) -> dict[str, State]:
    """The files that an administrator has written below TOP."""
    found = await machine.call(bundle(trees), "states", TOP, change=False, answers={str: STATE})
    return {path: state for path, state in found.items() if FILES.fullmatch(path)}


def _shown(key: str, value: str | None) -> str:
    return "(hidden)" if value is not None and SECRET.search(key) else value if value is not None else "unset"


def _digest(values: Mapping[str, str], keys: Iterable[str]) -> str:
    """Of the values of these keys, without those of secrets."""
    text = "\n".join(f"{key}={values.get(key, '')}" for key in sorted(keys) if not SECRET.search(key))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def _digests(files: Mapping[str, State], paths: Iterable[str]) -> str:
    """What is there, short: of each file its digest."""
    return ", ".join(f"{path} {state[4][:12]}" for path in paths if (state := files.get(path)) is not None)


def _data(changes: Iterable[Change]) -> dict[str, Any]:
    return {"items": [change.id for change in changes]}
