"""hotdesk.sync.docker: images, volumes, networks and containers as on the source. Its arguments: plugins/modules/docker.py."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from hotdesk.errors import TaskError
from hotdesk.jobs import Change, Expectation, JobResult, Plan, Problem, SyncJob
from hotdesk.jobs.changes import in_words, left_behind
from hotdesk.jobs.docker_changes import act, ask, describe, existing
from hotdesk.jobs.docker_containers import aspects, binds
from hotdesk.jobs.docker_plan import Comparison, Wish, in_layers, short, users
from hotdesk.jobs.docker_undo import keep
from hotdesk.jobs.docker_volumes import CONTENT, LOOKING, copy, fingerprints, held
from hotdesk.jobs.on_target import docker_state, docker_undo
from hotdesk.jobs.on_target.docker_api import SOCKET, named
from hotdesk.jobs.shipping import bundle
from hotdesk.jobs.tools import both, carry_out, lacking, reason, run, still_wanted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hotdesk.jobs import Machine

DOCKER = ("docker", "--host", f"unix://{SOCKET}")
"""Whatever context somebody has chosen for himself."""
TOOLS = ("docker", "tar", "find", "sha256sum", "sort")
OLDEST = (1, 40)
"""Of the Docker Engine API: Docker 19.03."""
LAYERS_APART = "btrfs"
"""The storage driver whose layers are subvolumes of their own, which are in no snapshot of what is around them."""
KINDS = ("container", "network", "volume", "image")
SHOWN = "{{.Image}} {{json .Config.Entrypoint}} {{json .Config.Cmd}} {{json .Config.Labels}} {{json .HostConfig.PortBindings}} " \
        "{{json .HostConfig.RestartPolicy}} {{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}} {{end}}"  # fmt: skip
"""Of a container, what verification looks at: no variables, since they hold secrets."""
MADE = "{{.Name}} {{.Driver}} {{json .IPAM.Config}} {{json .Options}} {{json .Labels}}"


class Job(SyncJob):
    """Images by their ids, networks and containers by what made them, volumes by what is in them."""

    after = ("apt", "accounts", "folder")
    handles = ("var/lib/docker/",)
    _here: dict[str, Any]
    _there: dict[str, Any]
    _left: dict[str, str]

    def writes(self) -> list[str]:
        return ["/var/lib/docker"]

    # --- validate

    async def validate(self) -> list[Problem]:
        if self.source.host == self.target.host:
            return []
        problems = []
        for machine in (self.source, self.target):
            problems += await self._able(machine)
        if problems:
            return problems
        if self._here["architecture"] != self._there["architecture"]:
            text = f"{self.source.host} is {self._here['architecture']} and {self.target.host} is {self._there['architecture']}"
            problems.append(Problem(f"{text}: images of one do not run on the other", "Take another source."))
        return problems

    async def _able(self, machine: Machine) -> list[Problem]:
        if machine.info.uid != 0:
            return [Problem(f"{machine.host}: only root can see and change all of Docker's", "Use become: true.")]
        if missing := await lacking(machine, *TOOLS):
            return [
                Problem(
                    f"{machine.host} has no {', '.join(missing)}",
                    "Install Docker (docker.io or docker-ce), tar and findutils.",
                )
            ]
        try:
            found = await describe(machine)
        except TaskError as exc:
            return [Problem(f"{machine.host}: {exc}", "Start it there: systemctl start docker")]
        if tuple(int(part) for part in found["api"].split(".")) < OLDEST:
            return [
                Problem(
                    f"{machine.host} has Docker {found['engine']}; 19.03 or newer is needed", "Update Docker there."
                )
            ]
        if machine is self.source:
            self._here = found
        else:
            self._there = found
        return []

    # --- pre_sync

    async def pre_sync(self) -> Plan:
        if self.source.host == self.target.host:
            return Plan(data={"note": f"{self.target.host} is the source"})
        comparison = await self._compare()
        changes = (*left_behind(*self._ends()), *comparison.changes)
        self._left = comparison.left
        warnings = tuple(f"{what} is left: {why}" for what, why in sorted(self._left.items()))
        return Plan(
            changes=changes,
            diff=in_words(changes),
            warnings=(*warnings, *await self._projects()),
            beyond_snapshots=in_layers(changes) if self._there["storage"] == LAYERS_APART else (),
        )

    async def _compare(self) -> Comparison:
        wish = Wish(
            parts=self.args.get("parts") or ("images", "volumes", "networks", "containers"),
            exclude=self.args.get("exclude") or (), run=self.args.get("run", True), delete=bool(self.args.get("delete")),
        )  # fmt: skip
        wanted = [name for name in self._here["volumes"] if wish.wants("volumes", name)]
        prints = await both(*(fingerprints(machine, found, wanted) for machine, found in self._ends()))
        paths = sorted({path for one in self._here["containers"].values() for path in binds(one)})
        missing = set(paths) - set(await existing(self.target, paths))
        return Comparison(self._here, self._there, prints, missing, wish).compare()

    def _ends(self) -> tuple[tuple[Machine, dict[str, Any]], tuple[Machine, dict[str, Any]]]:
        return (self.source, self._here), (self.target, self._there)

    async def _projects(self) -> list[str]:
        """Compose's own files are the folder job's."""
        folders = {}
        for one in self._here["containers"].values():
            labels = one["config"].get("Labels") or {}
            if folder := labels.get("com.docker.compose.project.working_dir"):
                folders[folder] = labels.get("com.docker.compose.project", "")
        lost = sorted(set(folders) - set(await existing(self.target, sorted(folders))))
        return [
            f"{self.target.host} has no {path}, where the compose project {folders[path]} is: the folder job brings it"
            for path in lost
        ]

    # --- sync

    async def sync(self, plan: Plan) -> JobResult:
        done: list[Change] = []
        failed: dict[str, str] = {}
        parts: dict[str, list[Change]] = {"left": [], "first": [], "volume": [], "container": [], "last": []}
        for change in plan.changes:
            kind = change.subject.split()[0]
            part = (
                "last"
                if change.verb == "remove" and kind != "container"
                else kind
                if change.verb != "remove"
                else "first"
            )
            parts[part if part in parts else "first"].append(change)
        await self._do(parts["left"], done, failed)
        more = await self._look_again(plan) if parts["left"] else []
        await keep(self.target, plan.changes, self._here, self._there)
        await self._load([change for change in parts["first"] if change.verb == "load"], done, failed)
        await self._do([change for change in parts["first"] if change.verb != "load"], done, failed)
        async with AsyncExitStack() as stack:
            await self._volumes(parts["volume"], stack, done, failed)
            await self._do(parts["container"], done, failed)
        await self._do(parts["last"], done, failed)
        return JobResult(changed=bool(done), data=self._data(done), warnings=(*plan.warnings, *more), failed=failed)

    async def _look_again(self, plan: Plan) -> list[str]:
        """After what a kill had left is undone: the plan was made of what there was before. A line for what it therefore lacks."""
        self._here, self._there = await both(describe(self.source), describe(self.target))
        planned = {change.id for change in plan.changes}
        more = [change.id for change in (await self._compare()).changes if change.id not in planned]
        text = "the next run has more to do, seen when what a killed run had left was undone: "
        return [text + ", ".join(more)] if more else []

    async def _do(self, changes: Sequence[Change], done: list[Change], failed: dict[str, str]) -> None:
        possible = []
        for change in changes:
            if blocked := next((need for need in change.needs if need in failed), None):
                failed[change.id] = f"not done, since '{blocked}' failed"
            else:
                possible.append(change)
        well, ill = await carry_out(self.target, possible, self._act)
        done += well
        failed |= ill

    async def _act(self, change: Change) -> None:
        """To what is here, but for what runs where none is to be started."""
        kind, _, name = change.subject.partition(" ")
        if change.verb == "undo":
            machine = self.source if name == f"on {self.source.host}" else self.target
            await machine.call(bundle(docker_undo), "recover", change=True, answers=[str])
        elif kind == "volume" and change.verb in ("create", "update"):
            await self._volume(change, name)
        else:
            tags = "images" in (self.args.get("parts") or ["images"])
            await act(
                self.target, change, self._here if self.args.get("run", True) else self._still, self._there, tags=tags
            )

    @property
    def _still(self) -> dict[str, Any]:
        """The source's, with only those containers running that run on the target too."""
        runs = {name for name, one in self._there["containers"].items() if one["running"]}
        kept = {
            name: {**one, "running": one["running"] and name in runs} for name, one in self._here["containers"].items()
        }
        return {**self._here, "containers": kept}

    async def _load(self, changes: Sequence[Change], done: list[Change], failed: dict[str, str]) -> None:
        """All in one stream, so that what they share goes once; one by one when that fails, so that it is known which cannot."""
        together = [list(changes)] if len(changes) > 1 else []
        for group in (*together, *([change] for change in changes)):
            wanted = [change for change in group if change not in done]
            if not wanted:
                continue
            ids = [change.after for change in wanted]
            size = sum(self._here["images"][ident]["size"] for ident in ids)
            try:
                await self.transfer.pipe(
                    [*DOCKER, "save", *ids], [*DOCKER, "load", "--quiet"], what=f"{len(ids)} image(s)", bytes_total=size
                )
                for change in wanted:
                    if not await self.target.call(
                        bundle(docker_state), "exists", change.after, change=False, answers=bool
                    ):
                        raise TaskError(
                            f"it has another id there: the image stores of {self.source.host} and {self.target.host} differ"
                        )
                    failed.pop(change.id, None)
                    done.append(change)
            except TaskError as exc:
                failed |= {change.id: reason(exc) for change in wanted if change not in done}

    # --- volumes

    async def _volumes(
        self, changes: Sequence[Change], stack: AsyncExitStack, done: list[Change], failed: dict[str, str]
    ) -> None:
        """While no container of the source writes to them; those of the target stay stopped until the containers are as they are to be."""
        if not changes:
            return
        names = [change.subject.partition(" ")[2] for change in changes]
        writing = sorted({ident for name in names for ident in users(self._here, name)})
        using = sorted({ident for name in names for ident in users(self._there, name, writing=False)})
        try:
            await stack.enter_async_context(held(self.target, "stop", using))
            async with held(self.source, self.args.get("quiesce") or "pause", writing):
                await self._do(changes, done, failed)
        except TaskError as exc:
            failed |= {change.id: reason(exc) for change in changes if change not in done and change.id not in failed}

    async def _volume(self, change: Change, name: str) -> None:
        one, make = self._here["volumes"][name], change.verb == "create"
        if make:
            await act(self.target, change, self._here, self._there, tags=False)
        try:
            if not one["options"].get("device"):
                there = (await describe(self.target))["volumes"][name]["mountpoint"]
                await copy(self.source, self.target, self.transfer, name, one["mountpoint"], there)
        except TaskError:
            if make:
                await ask(self.target, "DELETE", f"/volumes/{named(name)}")
            raise

    # --- after

    def _data(self, changes: Iterable[Change]) -> dict[str, Any]:
        return {
            "items": [change.id for change in changes],
            "not_moved": {**getattr(self, "_left", {}), "the build cache": "it is each PC's own"},
        }

    def preview(self, plan: Plan) -> JobResult:
        extra = {"msg": plan.data["note"]} if "note" in plan.data else {}
        return JobResult(changed=bool(plan.changes), data={**self._data(plan.changes), **extra}, warnings=plan.warnings)

    async def post_sync(self, plan: Plan, result: JobResult) -> list[Problem]:
        """What was done must not be wanted any more; but containers of the source go on writing, and a process may have ended at once."""
        busy = {
            f"update volume {name}"
            for name in self._here["volumes"]
            if users(self._here, name) or users(self._there, name)
        }
        self._here, self._there = await both(describe(self.source), describe(self.target))
        busy |= {
            f"update volume {name}"
            for name in self._here["volumes"]
            if users(self._here, name) or users(self._there, name)
        }
        wanted = {
            change.id for change in (await self._compare()).changes if change.verb not in ("start", "stop")
        } - busy
        lasting = [item.replace("create volume", "update volume") for item in result.data["items"]]
        return still_wanted(self.target, [*result.data["items"], *lasting], wanted)

    async def expectations(self, plan: Plan, result: JobResult) -> list[Expectation]:
        if self.source.host == self.target.host:
            return []
        self._there = await describe(self.target)
        here, there = self._here, self._there
        theirs = {tag: ident for ident, one in there["images"].items() for tag in one["tags"]}
        tags = sorted(tag for ident, one in here["images"].items() for tag in one["tags"] if theirs.get(tag) == ident)
        nets = sorted(name for name, one in here["networks"].items() if there["networks"].get(name) == one)
        found = []
        for what, argv, names in (
            ("images", ["image", "inspect", "--format", "{{.Id}}"], tags),
            ("networks", ["network", "inspect", "--format", MADE], nets),
        ):
            if names:
                found.append(await self._said(f"docker {what}", [*DOCKER, *argv, *names]))
        for name, one in sorted(here["containers"].items()):
            now = there["containers"].get(name)
            if now and aspects(now) == aspects(one):
                running = (
                    " {{.State.Running}}" if self.args.get("run", True) and now["running"] == one["running"] else ""
                )
                found.append(
                    await self._said(
                        f"docker container {name}", [*DOCKER, "container", "inspect", "--format", SHOWN + running, name]
                    )
                )
        before = {each.subject: each for each in self.expected}
        prints = await both(*(fingerprints(machine, state, here["volumes"]) for machine, state in self._ends()))
        for name, print_ in sorted(prints[1].items()):
            if prints[0].get(name) == print_ and not users(there, name):
                subject = f"docker volume {name}"
                touched = any(change.subject == f"volume {name}" for change in plan.changes)
                argv = ["sh", "-c", CONTENT, "sh", there["volumes"][name]["mountpoint"]]
                found.append(before[subject] if subject in before and not touched else await self._said(subject, argv))
        return found

    async def _said(self, subject: str, argv: Sequence[str]) -> Expectation:
        done = await run(self.target, argv, change=False, timeout=LOOKING)
        return Expectation(
            kind="output",
            subject=subject,
            value={"argv": list(argv), "stdout": done.stdout.decode(errors="replace").rstrip("\n")},
        )

    async def present(self, machine: Machine, subjects: Sequence[str]) -> list[str]:
        found = await describe(machine)
        known = {f"{kind} {name}" for kind in KINDS for name in found[f"{kind}s"]}
        known |= {f"image {name}" for ident, one in found["images"].items() for name in (short(ident), *one["tags"])}
        return [subject for subject in subjects if subject in known]
