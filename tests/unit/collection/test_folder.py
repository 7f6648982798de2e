from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.errors import CheckModeError, TaskError, TransferError
from hotdesk.jobs import machine
from hotdesk.transfer import ends
from tests.unit.collection.trees import ctimes, everyday, listing
from tests.unit.machines import needs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from hotdesk.jobs import JobResult, Plan, SyncJob
    from hotdesk.jobs.run import JobRun

    Folder = Callable[..., Awaitable[tuple[Plan, JobResult]]]

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: only root can give files away")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "atlas"
    root.mkdir()
    everyday(root)
    return root


async def test_a_tree_arrives_whole(folder: Folder, source: Path, tmp_path: Path) -> None:
    """Content, modes, times, links, sparse files and every odd name are the same on the target."""
    dest = tmp_path / "new" / "vega"
    _, result = await folder(path=source, dest=dest)
    assert listing(dest) == listing(source)
    assert result.changed
    assert result.data["files"] > 5
    assert (dest / "sparse").stat().st_blocks * 512 < 1_000_000


async def test_a_second_run_changes_nothing(folder: Folder, source: Path, tmp_path: Path) -> None:
    """The second run reports no change and leaves every change time alone."""
    dest = tmp_path / "vega"
    await folder(path=source, dest=dest, delete=True)
    before = ctimes(dest)
    _, result = await folder(path=source, dest=dest, delete=True)
    assert not result.changed
    assert result.data["items"] == []
    assert ctimes(dest) == before


@root_only
async def test_owners_acls_and_attributes_travel_by_number(folder: Folder, source: Path, tmp_path: Path) -> None:
    """Owners without a name, ACLs and extended attributes are kept."""
    needs("setfacl")
    os.chown(source / "documents", 12345, 54321)
    os.setxattr(source / "link", b"trusted.note", b"x\0y", follow_symlinks=False)
    os.setxattr(source / "sparse", b"user.note", b"hello")
    with_acl(source / "documents")
    dest = tmp_path / "vega"
    await folder(path=source, dest=dest)
    assert listing(dest) == listing(source)
    assert (dest / "documents").stat().st_uid == 12345


def with_acl(path: Path) -> None:
    """One more user may write there."""
    subprocess.run(["setfacl", "-m", "u:1234:rwx", str(path)], check=True)


async def test_check_mode_lists_exactly_what_the_run_then_does(folder: Folder, source: Path, tmp_path: Path) -> None:
    """The rehearsal writes nothing and names the same items as the act, deletions first."""
    dest = tmp_path / "vega"
    (dest / "old" / "deep").mkdir(parents=True)
    (dest / "old" / "deep" / "file").write_text("x")
    (dest / "documents").mkdir()
    (dest / "documents" / "letter.txt").write_text("other")
    before = ctimes(tmp_path)
    plan, rehearsed = await folder(check=True, path=source, dest=dest, delete=True)
    assert ctimes(tmp_path) == before
    _, done = await folder(path=source, dest=dest, delete=True)
    assert done.data == rehearsed.data
    assert done.data["items"][0].startswith("*deleting")
    assert plan.diff[0].prepared.splitlines() == done.data["items"]
    assert listing(dest) == listing(source)


async def test_a_missing_destination_is_rehearsed_exactly(folder: Folder, source: Path, tmp_path: Path) -> None:
    """Also when the destination and its parents do not exist."""
    dest = tmp_path / "not" / "there"
    _, rehearsed = await folder(check=True, path=source, dest=dest)
    assert not dest.parent.exists()
    _, done = await folder(path=source, dest=dest)
    assert done.data == rehearsed.data


async def test_without_delete_nothing_is_removed(folder: Folder, source: Path, tmp_path: Path) -> None:
    """Deletion is explicit."""
    dest = tmp_path / "vega"
    dest.mkdir()
    (dest / "mine").write_text("x")
    _, result = await folder(path=source, dest=dest)
    assert (dest / "mine").exists()
    assert result.data["deleted"] == 0


async def test_the_first_rule_that_matches_decides(folder: Folder, source: Path, tmp_path: Path) -> None:
    """A re-include before a broader exclude works, and what is excluded survives on the target."""
    dest = tmp_path / "vega"
    (dest / "documents").mkdir(parents=True)
    (dest / "documents" / "kept.bak").write_text("x")
    await folder(
        path=source,
        dest=dest,
        delete=True,
        filters=["+ /documents/letter.txt", "- /documents/deep/", "- *.bak", "- /spa*"],
    )
    assert (dest / "documents" / "letter.txt").exists()
    assert not (dest / "documents" / "deep").exists()
    assert not (dest / "sparse").exists()
    assert (dest / "documents" / "kept.bak").exists()


async def test_a_new_directory_filter_protects_at_once(folder: Folder, source: Path, tmp_path: Path) -> None:
    """A per-directory filter that the target does not have yet protects what exists only there, and the rehearsal knows."""
    dest = tmp_path / "vega"
    (dest / "documents" / "deep").mkdir(parents=True)
    (dest / "documents" / "deep" / "only-here.db").write_text("x")
    (dest / "documents" / "gone").write_text("x")
    (source / "documents" / ".hotdesk-filter").write_text("# local databases\n- *.db\n")
    _, rehearsed = await folder(check=True, path=source, dest=dest, delete=True)
    _, done = await folder(path=source, dest=dest, delete=True)
    assert (dest / "documents" / "deep" / "only-here.db").exists()
    assert not (dest / "documents" / "gone").exists()
    assert done.data == rehearsed.data


async def test_a_deeper_filter_overrides_the_one_above(folder: Folder, source: Path, tmp_path: Path) -> None:
    """As with rsync's own per-directory files, the rules nearest to a file come first."""
    (source / ".hotdesk-filter").write_text("- *.tmp\n")
    (source / "documents" / ".hotdesk-filter").write_text("+ wanted.tmp\n- /deep/\n")
    (source / "documents" / "wanted.tmp").write_text("x")
    (source / "unwanted.tmp").write_text("x")
    (source / "deep").mkdir()
    dest = tmp_path / "vega"
    await folder(path=source, dest=dest)
    assert (dest / "documents" / "wanted.tmp").exists()
    assert not (dest / "unwanted.tmp").exists()
    assert not (dest / "documents" / "deep").exists()
    assert (dest / "deep").exists()


async def test_no_rule_of_the_user_can_reach_hotdesks_own_files(folder: Folder, source: Path, tmp_path: Path) -> None:
    """A '+' on the state directory does not bring it in, and a deleting mirror leaves the target's alone, in every home."""
    for home in ("", "anna"):
        (source / home / ".local/state/hotdesk").mkdir(parents=True)
        (source / home / ".local/state/hotdesk/run").write_text("source")
    dest = tmp_path / "vega"
    mine = dest / "anna/.local/state/hotdesk"
    mine.mkdir(parents=True)
    (mine / "run").write_text("target")
    (mine / "other").write_text("target")
    await folder(
        path=source, dest=dest, delete=True, filters=["+ .local/state/hotdesk/***", "R .local/state/hotdesk/***"]
    )
    assert (mine / "run").read_text() == "target"
    assert (mine / "other").exists()
    assert not (dest / ".local/state/hotdesk").exists()


@pytest.mark.parametrize("rule", ["!", "clear", "merge /etc/rules", "*.o", ": .rsync-filter", "-"])
async def test_rules_that_would_undo_the_protection_are_refused(
    folder: Folder, source: Path, tmp_path: Path, rule: str
) -> None:
    """Nothing is touched when a rule cannot be taken."""
    with pytest.raises(TaskError, match="filters:"):
        await folder(path=source, dest=tmp_path / "vega", delete=True, filters=[rule])
    assert not (tmp_path / "vega").exists()


async def test_a_filter_file_that_is_missing_is_an_error(folder: Folder, source: Path, tmp_path: Path) -> None:
    """It must not become a mirror without rules."""
    with pytest.raises(TaskError, match=r"filter_file.*No such file"):
        await folder(path=source, dest=tmp_path / "vega", delete=True, filter_file="rules")


async def test_all_problems_are_named_at_once(folder: Folder, tmp_path: Path) -> None:
    """A missing source and a bad rule are reported together, each with a remedy."""
    with pytest.raises(TaskError) as caught:
        await folder(path=tmp_path / "nowhere", dest=tmp_path / "vega", filters=["*.o"])
    assert len(caught.value.data["problems"]) == 2
    assert all(problem["remedy"] for problem in caught.value.data["problems"])


async def test_an_unreadable_destination_names_the_paths(folder: Folder, source: Path, tmp_path: Path) -> None:
    """rsync's exit code 23 fails the task with the paths it named."""
    dest = tmp_path / "vega"
    dest.mkdir()
    (source / "clash").write_text("a file")
    (dest / "clash").mkdir()
    (dest / "clash" / "inside").write_text("x")
    with pytest.raises(TransferError) as caught:
        await folder(path=source, dest=dest)
    assert caught.value.data["rc"] == 23
    assert any("clash" in path for path in caught.value.data["paths"])


async def test_the_source_itself_is_left_alone(folder: Folder, source: Path) -> None:
    """A play over all PCs includes the source: nothing to do there."""
    _, result = await folder(path=source, source="atlas", target="atlas", delete=True)
    assert not result.changed
    assert "is the source" in result.data["msg"]


async def test_keys_that_let_us_in_are_not_replaced(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """authorized_keys stays when the source's lacks a key that it holds; the plan does not list it."""
    source, dest = tmp_path / "atlas", tmp_path / "home"
    for root, key in ((source, "AAAAsource"), (dest, "AAAAmine")):
        (root / ".ssh").mkdir(parents=True, mode=0o700)
        (root / ".ssh/authorized_keys").write_text(f'from="10.0.0.*" ssh-ed25519 {key} someone\n')
        (root / ".ssh/config").write_text(key)
    log_in_at(dest, monkeypatch)
    plan, result = await folder(path=source, dest=dest, delete=True)
    assert "AAAAmine" in (dest / ".ssh/authorized_keys").read_text()
    assert (dest / ".ssh/config").read_text() == "AAAAsource"
    assert any("lock you out" in warning for warning in plan.warnings)
    assert not any("authorized_keys" in item for item in result.data["items"])


async def test_a_file_with_all_the_keys_may_come(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One union file for all PCs is the other way: it is mirrored like any file."""
    source, dest = tmp_path / "atlas", tmp_path / "home"
    for root, keys in ((source, "ssh-rsa AAAAmine me\nssh-rsa AAAAother you\n"), (dest, "ssh-rsa AAAAmine\n")):
        (root / ".ssh").mkdir(parents=True, mode=0o700)
        (root / ".ssh/authorized_keys").write_text(keys)
    log_in_at(dest, monkeypatch)
    plan, _ = await folder(path=source, dest=dest)
    assert "AAAAother" in (dest / ".ssh/authorized_keys").read_text()
    assert plan.warnings == ()


async def test_modes_that_sshd_refuses_stop_the_mirror(
    folder: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A group-writable home on the source would make sshd ignore the keys on the target."""
    source, dest = tmp_path / "atlas", tmp_path / "home"
    source.mkdir()
    source.chmod(0o775)
    dest.mkdir(mode=0o700)
    log_in_at(dest, monkeypatch)
    with pytest.raises(TaskError, match="sshd would refuse"):
        await folder(path=source, dest=dest)
    assert dest.stat().st_mode & 0o777 == 0o700


def log_in_at(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the login user's home on the target ``home``: the shipped half is sent with that answer in it."""
    real = machine.source_text
    text = real(ends) + f"\ndef login():\n    return {{'name': 'me', 'home': {str(home)!r}, 'sudo': False}}\n"
    monkeypatch.setattr(machine, "source_text", lambda module: text if module is ends else real(module))


async def test_a_job_in_check_mode_cannot_write(
    make_job: Callable[..., object], jobs: object, source: Path, tmp_path: Path
) -> None:
    """Even a faulty job that went on to sync would be stopped before anything is sent."""
    job = make_job(check=True, path=source, dest=tmp_path / "vega")
    await job.validate()  # type: ignore[attr-defined]
    plan = await job.pre_sync()  # type: ignore[attr-defined]
    with pytest.raises(CheckModeError):
        await job.sync(plan)  # type: ignore[attr-defined]
    assert not (tmp_path / "vega").exists()


@pytest.mark.parametrize(
    ("below", "delete", "rehearsed"), [("vega", False, False), ("vega", True, True), (".", False, True)]
)
async def test_what_can_do_no_harm_is_not_rehearsed(
    jobs: JobRun,
    make_job: Callable[..., SyncJob],
    source: Path,
    tmp_path: Path,
    below: str,
    delete: bool,
    rehearsed: bool,
) -> None:
    """One rsync instead of two where nobody looks at the plan; never with delete, never where the login's keys are."""
    job = make_job(path=source, dest=tmp_path / "home" / below, delete=delete)
    (tmp_path / "home").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(job), "_harmless", _at_home(type(job), tmp_path / "home"))
        plan, result = await jobs.perform(job, check=False, preview=False)
    assert plan.open is not rehearsed
    assert result.changed
    assert result.data["items"][-1]
    assert listing(tmp_path / "home" / below) == listing(source)


def _at_home(job: type[Any], home: Path) -> Callable[[Any], bool]:
    """The job's question, asked by somebody whose home is ``home``."""
    ask = job._harmless

    def harmless(self: Any) -> bool:
        self._login = {**self._login, "home": str(home)}
        return bool(ask(self))

    return harmless
