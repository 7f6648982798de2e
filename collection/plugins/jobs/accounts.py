"""hotdesk.sync.accounts: people's users and groups as on the source. Its arguments: plugins/modules/accounts.py."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from hotdesk.errors import nearest
from hotdesk.jobs import Change, Expectation, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.account_collisions import NAME, kinds, numbers, ranges
from hotdesk.jobs.account_files import read
from hotdesk.jobs.changes import in_words
from hotdesk.jobs.tools import both, carry_out, lacking, run, still_wanted
from hotdesk.transfer import ends

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from hotdesk.jobs import Machine
    from hotdesk.jobs.account_files import Accounts, User

    Act = Callable[[], Awaitable[object]]
    Step = tuple[Change, Act]

TOOLS = ("useradd", "usermod", "userdel", "groupadd", "groupdel", "gpasswd", "chpasswd", "chage", "getent")
NO_LOGIN = re.compile(r".*/(nologin|false|true)")
FIELDS = ("gid", "comment", "home", "shell")
CREATE = ("-M", "-N", "-K", "SUB_UID_COUNT=0", "-K", "SUB_GID_COUNT=0")
"""No home, no group, no subordinate ids: each is a change of its own."""
_LOGIN = {"name": str, "uid?": int, "home": str, "sudo": bool}
_HOME = """
new="$(dirname -- "$1")/.$(basename -- "$1").00000000.hotdesk"
mkdir -p -- "$(dirname -- "$1")" && rm -rf -- "$new" || exit
if [ -d /etc/skel ]; then cp -rT --preserve=mode,timestamps,links,xattr /etc/skel "$new"; else mkdir -- "$new"; fi &&
chown -hR "$2" -- "$new" && chmod "$3" -- "$new" && mv -nT -- "$new" "$1" || exit
if [ -e "$new" ]; then echo "something is there" >&2; exit 1; fi
"""
"""Makes a home aside, by a name that no mirror touches, and puts it in place at once. Its arguments: home, uid:gid, mode."""


class Job(SyncJob):
    """People's accounts, by the shadow tools, which hold the system's own locks. Ids are never changed: those that differ are problems."""

    after = ("apt",)
    _here: Accounts
    _there: Accounts
    _scope: set[str]
    """The people whose accounts are to be the same."""
    _login: str
    _paths: tuple[dict[str, str], dict[str, str]]
    """Homes and shells that are there: path -> mode, on the source and on the target."""
    _acts: dict[str, Act]
    """Id of a change -> what does it."""

    async def validate(self) -> list[Problem]:
        self._warnings: list[str] = []
        if self.source.host == self.target.host:
            return []
        problems = [
            Problem(f"{machine.host}: only root can read password hashes and change accounts", "Use become: true.")
            for machine in (self.source, self.target)
            if machine.info.uid != 0
        ]
        missing = await lacking(self.target, *TOOLS)
        if missing:
            problems.append(Problem(f"{self.target.host} has no {', '.join(missing)}", "Install passwd and libc-bin."))
        if problems:
            return problems
        try:
            self._here, self._there = await both(read(self.source), read(self.target))
        except OSError as exc:
            return [Problem(f"{exc.filename}: {exc.strerror}", "It is no PC with shadow passwords.")]
        self._scope = self._chosen(problems)
        problems += numbers(self._here, self._there, self._scope, self._groups, self.source.host, self.target.host)
        problems += ranges(self._here, self._there, self._scope, self.target.host)
        return problems + await self._elsewhere()

    def _chosen(self, problems: list[Problem]) -> set[str]:
        people, chosen = self._here.people(), self.args.get("users")
        for name in chosen or ():
            if name not in people:
                hint = nearest(name, people)
                problems.append(Problem(f"users: {name!r} is no person's account on {self.source.host}", hint))
        scope = people.intersection(chosen) if chosen is not None else people
        return scope - set(self.args.get("exclude") or ())

    @property
    def _groups(self) -> set[str]:
        """People's groups that are to be there: all, or those that the chosen ones need."""
        groups = self._here.people_groups() - set(self.args.get("exclude") or ())
        if self.args.get("users") is None:
            return groups
        return {
            name
            for name in groups
            if self._here.groups[name].members & self._scope
            or any(self._here.users[user].gid == self._here.groups[name].gid for user in self._scope)
        }

    async def _elsewhere(self) -> list[Problem]:
        """Ids that the target knows from a directory service, not from its files."""
        problems = []
        for kind, names, ours, theirs in kinds(self._here, self._there, self._scope, self._groups):
            new = sorted(name for name in names if name not in theirs and NAME.fullmatch(name))
            keys = [key for name in new for key in (name, str(ours[name]))]
            if not keys:
                continue
            done = await run(
                self.target, ["getent", "passwd" if kind == "user" else kind, *keys], change=False, accept=(0, 2)
            )
            for line in sorted(set(done.stdout.decode(errors="replace").splitlines())):
                found = line.split(":")
                if len(found) > 2 and found[0] not in theirs:
                    text = f"{kind}: {self.target.host} has {found[0]} ({found[2]}) already, from a directory service"
                    problems.append(Problem(text, f"Exclude {found[0]}."))
        return problems

    # --- pre_sync

    async def pre_sync(self) -> Plan:
        if self.source.host == self.target.host:
            return Plan(data={"note": f"{self.target.host} is the source"})
        login = await self.target.call(ends, "login", change=False, answers=_LOGIN)
        self._login = login["name"]
        await self._look()
        steps = list(self._steps(self._there))
        self._acts = {change.id: act for change, act in steps}
        changes = tuple(change for change, _ in steps)
        return Plan(changes=changes, diff=in_words(changes), warnings=tuple(dict.fromkeys(self._warnings)))

    async def _look(self) -> None:
        users = [
            one.users[name] for one in (self._here, self._there) for name in sorted(self._scope & one.users.keys())
        ]
        homes, shells = [user.home for user in users], [user.shell for user in users]
        self._paths = await both(_modes(self.source, homes), _modes(self.target, homes + shells))

    def _steps(self, there: Accounts) -> Iterator[Step]:
        """What makes the accounts ``there`` as here, in the order in which it can be done."""
        for name in sorted(self._groups - there.groups.keys()):
            gid = self._here.groups[name].gid
            change = Change(
                verb="create", subject=f"group {name}", detail=f"gid {gid}", after=str(gid), undo=f"groupdel {name}"
            )
            yield change, self._tool("groupadd", "-g", str(gid), name)
        for name in sorted(self._scope):
            yield from self._user(name, there)
        yield from self._memberships(there)
        if self.args.get("create_home", True):
            yield from self._new_homes(there)
        if self.args.get("delete"):
            yield from self._removals(there)

    def _user(self, name: str, there: Accounts) -> Iterator[Step]:
        now, wanted = there.users.get(name), self._wanted(name, there)
        new = [group for group in self._groups - there.groups.keys() if self._here.groups[group].gid == wanted.gid]
        needs = tuple(f"create group {group}" for group in new)
        subject, after = f"user {name}", _shown(wanted)
        if now is None:
            options = [*CREATE, "-u", str(wanted.uid), *_options(wanted, FIELDS), name]
            change = Change(
                verb="create", subject=subject, detail=after, after=after, undo=f"userdel {name}", needs=needs
            )
            yield change, self._tool("useradd", *options)
        elif differ := [what for what in FIELDS if getattr(now, what) != getattr(wanted, what)]:
            detail = ", ".join(f"{what} {getattr(now, what)} -> {getattr(wanted, what)}" for what in differ)
            before, undo = _shown(now), " ".join(["usermod", *_options(now, differ), name])
            change = Change(
                verb="update", subject=subject, detail=detail, before=before, after=after, undo=undo, needs=needs
            )
            yield change, self._tool("usermod", *_options(wanted, differ), name)
        needs = (f"create {subject}",) if now is None else ()
        if self.args.get("passwords", True):
            yield from self._password(name, now, needs)
        yield from self._subids(name, there, needs)

    def _wanted(self, name: str, there: Accounts) -> User:
        """The source's, except for what the target cannot have or what would lock out the login user."""
        wanted, now = self._here.users[name], there.users.get(name)
        if wanted.shell and wanted.shell not in self._paths[1]:
            shell = now.shell if now else "/bin/sh"
            self._warn(f"{name} gets the shell {shell}: {self.target.host} has no {wanted.shell}; install it there")
            wanted = replace(wanted, shell=shell)
        if name != self._login or now is None:
            return wanted
        kept = [what for what in ("home", "gid") if getattr(now, what) != getattr(wanted, what)]
        if NO_LOGIN.fullmatch(wanted.shell) and wanted.shell != now.shell:
            kept.append("shell")
        for what in kept:
            self._keep(f"{what} {getattr(now, what)} of {name}")
        return replace(wanted, **{what: getattr(now, what) for what in kept})

    def _password(self, name: str, now: User | None, needs: tuple[str, ...]) -> Iterator[Step]:
        wanted, today = self._here.users[name], time.time() // 86400
        if wanted.password is None:
            self._warn(f"{name} has no line in /etc/shadow on {self.source.host}: the password is left as it is")
            return
        if now is not None and (now.password, now.ages) == (wanted.password, wanted.ages):
            return
        if now is not None and name == self._login and wanted.locked(today) and not now.locked(today):
            self._keep(f"password of {name} (on {self.source.host} it is locked or has expired)")
            return
        if not wanted.password:
            self._warn(f"{name} has an empty password on {self.source.host}, and gets it on {self.target.host}")
        what = "ages" if now and now.password == wanted.password else "hash and ages" if now else "as on the source"
        change = Change(
            verb="update", subject=f"password of {name}", detail=what, before=_age(now), after=_age(wanted), needs=needs
        )
        yield change, partial(self._set_password, name, wanted)

    async def _set_password(self, name: str, wanted: User) -> None:
        line = f"{name}:{wanted.password}\n".encode()
        await run(self.target, ["chpasswd", "-e"], change=True, stdin=line)
        ages = zip("dmMWIE", (age or "-1" for age in wanted.ages), strict=True)
        await run(
            self.target, ["chage", *(word for letter, age in ages for word in (f"-{letter}", age)), name], change=True
        )

    def _subids(self, name: str, there: Accounts, needs: tuple[str, ...]) -> Iterator[Step]:
        for kind, letter in (("subuid", "uids"), ("subgid", "gids")):
            ours, theirs = (one.subids[kind].get(name, frozenset()) for one in (self._here, there))
            if ours == theirs:
                continue
            words = [f"--del-sub{letter}={start}-{start + count - 1}" for start, count in sorted(theirs - ours)]
            words += [f"--add-sub{letter}={start}-{start + count - 1}" for start, count in sorted(ours - theirs)]
            before, after = (", ".join(f"{start}:{count}" for start, count in sorted(some)) for some in (theirs, ours))
            change = Change(
                verb="update", subject=f"{kind} of {name}", detail=f"{before or 'none'} -> {after or 'none'}",
                before=before, after=after, undo=f"usermod --add-sub{letter} and --del-sub{letter}", needs=needs,
            )  # fmt: skip
            yield change, self._tool("usermod", *[word for one in words for word in one.split("=")], name)

    def _memberships(self, there: Accounts) -> Iterator[Step]:
        """In every group, those of the people whose accounts are kept the same; in people's groups also system accounts."""
        users = there.users.keys() | self._scope
        for group in sorted(self._here.groups.keys() | there.groups.keys()):
            if group in (self.args.get("exclude") or ()):
                continue
            ours, theirs = (
                one.groups[group].members if group in one.groups else frozenset() for one in (self._here, there)
            )
            who = self._scope | (ours if group in self._groups else frozenset())
            add, gone = sorted((ours - theirs) & who), sorted((theirs - ours) & self._scope)
            if group not in there.groups and group not in self._groups:
                if add:
                    self._warn(
                        f"{', '.join(add)} cannot be in {group}: {self.target.host} has no such group; install what brings it"
                    )
                continue
            for name in add:
                if name in users:
                    yield self._member("add", name, group, there)
                else:
                    self._warn(f"{name} cannot be in {group}: {self.target.host} has no such user")
            for name in gone:
                if name == self._login:
                    self._keep(f"membership of {name} in {group}")
                else:
                    yield self._member("remove", name, group, there)

    def _member(self, verb: str, name: str, group: str, there: Accounts) -> Step:
        needs = [f"create user {name}"] if name not in there.users else []
        needs += [f"create group {group}"] if group not in there.groups else []
        away = verb == "remove"
        undo = f"gpasswd {'-a' if away else '-d'} {name} {group}"
        change = Change(verb=verb, subject=f"{name} in {group}", destructive=away, undo=undo, needs=tuple(needs))
        return change, self._tool("gpasswd", "-d" if away else "-a", name, group)

    def _new_homes(self, there: Accounts) -> Iterator[Step]:
        here, present = self._paths
        for name in sorted(self._scope):
            user = self._wanted(name, there)
            if user.home in present or user.home == "/nonexistent" or not user.home.startswith("/"):
                continue
            mode = here.get(user.home, "700")
            needs = (f"create user {name}",) if name not in there.users else ()
            detail = f"{user.home}, mode {mode}, from /etc/skel"
            change = Change(
                verb="create", subject=f"home of {name}", detail=detail, undo=f"rm -r {user.home}", needs=needs
            )
            yield change, partial(self._make_home, user, mode)

    async def _make_home(self, user: User, mode: str) -> None:
        argv = ["sh", "-ec", _HOME, "sh", user.home, f"{user.uid}:{user.gid}", mode]
        await run(self.target, argv, change=True, name=f"making {user.home}")

    def _removals(self, there: Accounts) -> Iterator[Step]:
        """People that the source does not know; their homes stay. Then groups that are nobody's."""
        left, kept = set(self.args.get("exclude") or ()), {self._login}
        users = there.people() - self._here.users.keys() - left
        if self.args.get("users") is not None:
            return
        if users & kept:
            self._keep(f"account of {self._login}")
        for name in sorted(users - kept):
            now = there.users[name]
            detail = f"{_shown(now)}; {now.home} stays"
            change = Change(verb="delete", subject=f"user {name}", detail=detail, before=_shown(now), destructive=True)
            yield change, self._tool("userdel", name)
        used = {user.gid for name, user in there.users.items() if name not in users - kept}
        own = {
            name for name in (users - kept) & there.groups.keys() if there.groups[name].members <= {name}
        }  # userdel takes it along
        for name in sorted(there.people_groups() - self._here.groups.keys() - left - own):
            if there.groups[name].gid not in used:
                gid = str(there.groups[name].gid)
                undo = f"groupadd -g {gid} {name}"
                change = Change(
                    verb="delete", subject=f"group {name}", detail=f"gid {gid}", before=gid, destructive=True, undo=undo
                )
                yield change, self._tool("groupdel", name)

    def _tool(self, *argv: str) -> Act:
        return partial(run, self.target, argv, change=True)

    def _keep(self, what: str) -> None:
        self._warn(f"{self.target.host}: {what} stays as it is: this run logs in as {self._login}")

    def _warn(self, text: str) -> None:
        self._warnings.append(text)

    # --- sync and after

    async def sync(self, plan: Plan) -> JobResult:
        done, failed = await carry_out(self.target, plan.changes, lambda change: self._acts[change.id]())
        items = [change.id for change in done]
        return JobResult(changed=bool(done), data={"items": items}, warnings=plan.warnings, failed=failed)

    def preview(self, plan: Plan) -> JobResult:
        return JobResult(
            changed=bool(plan.changes), data={"items": [change.id for change in plan.changes]}, warnings=plan.warnings
        )

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        """What was done must not be wanted any more."""
        await self._look()
        wanted = {change.id for change, _ in self._steps(await read(self.target))}
        return still_wanted(self.target, result.data["items"], wanted)

    async def expectations(self, plan: Plan, result: JobResult) -> list[Expectation]:
        """The accounts as they are now. Of a password only what ``passwd -S`` says: that it is set, and when it was."""
        if self.source.host == self.target.host:
            return []
        now, found = await read(self.target), []
        for name in sorted(self._scope & now.users.keys()):
            user = now.users[name]
            groups = sorted(group for group, one in now.groups.items() if name in one.members)
            value = {"uid": user.uid, "gid": user.gid, "home": user.home, "shell": user.shell, "comment": user.comment}
            found.append(Expectation(kind="user", subject=name, value={**value, "groups": groups}))
            if self.args.get("passwords", True):
                argv = ["passwd", "-S", name]
                said = (await run(self.target, argv, change=False)).stdout.decode(errors="replace").rstrip("\n")
                found.append(
                    Expectation(kind="output", subject=f"password of {name}", value={"argv": argv, "stdout": said})
                )
        for name in sorted(self._groups & now.groups.keys()):
            group = now.groups[name]
            found.append(
                Expectation(kind="group", subject=name, value={"gid": group.gid, "members": sorted(group.members)})
            )
        return found

    async def present(self, machine: Machine, subjects: Iterable[str]) -> list[str]:
        """Subjects end in, or begin with, the name of a user or group: as long as that is there, so are they."""
        now = await read(machine)
        names = now.users.keys() | now.groups.keys()
        return [subject for subject in subjects if names.intersection(subject.split())]


async def _modes(machine: Machine, paths: Iterable[str]) -> dict[str, str]:
    """Path -> mode in octal, of those that are there."""
    wanted = sorted({path for path in paths if path.startswith("/")})
    if not wanted:
        return {}
    done = await run(machine, ["stat", "-L", "--printf=%a %n\\n", "--", *wanted], change=False, accept=(0, 1))
    found = (line.split(" ", 1) for line in done.stdout.decode(errors="surrogateescape").splitlines())
    return {path: mode for mode, path in found}


def _options(user: User, fields: Iterable[str]) -> list[str]:
    """The words for useradd and usermod."""
    letters = {"gid": "-g", "comment": "-c", "home": "-d", "shell": "-s"}
    return [word for what in fields for word in (letters[what], str(getattr(user, what)))]


def _shown(user: User) -> str:
    return f"uid {user.uid}, gid {user.gid}, home {user.home}, shell {user.shell or 'none'}, comment {user.comment or 'none'}"


def _age(user: User | None) -> str:
    """What can be said of a password: when it was set and how long it holds."""
    return f"set on day {user.ages[0] or 'unknown'}, {':'.join(user.ages[1:])}" if user else ""
