"""The docker job with the real dockerd on the PCs: images without a registry, volumes in use, containers, stops."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from inspect import getsource as inspect_source
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hotdesk.jobs.on_target import docker_state
from hotdesk.jobs.shipping import bundle
from tests.lab.machine import missing
from tests.lab.needs import need
from tests.lab.running import Desk, Done, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab.lab import Lab
    from tests.lab.pc import PC

pytestmark = pytest.mark.thorough
RECORDED = Path(__file__).parents[1] / "unit/jobs/docker_recorded.json"
START = Path(__file__).with_name("docker.sh")
BOX = 'docker import -c \'CMD ["/bin/sleep","1000"]\' /tmp/lab-box.tar lab/box:1\n'
EMPTY = """
docker ps -aq | xargs -r docker rm -f; docker volume ls -q | xargs -r docker volume rm; docker network prune -f
docker images -q | sort -u | xargs -r docker rmi -f; rm -rf /var/lib/hotdesk/docker /usr/local/bin/tar /srv/lab /tmp/lab-stuck
"""
EVERYTHING = """
docker images -a --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}' | sort
docker network ls --format '{{.Name}}' | sort | xargs docker network inspect --format '{{.Name}} {{.Driver}} {{.Options}} {{.Labels}} {{.IPAM}}'
for v in $(docker volume ls -q | sort); do docker volume inspect --format '{{.Name}} {{.Labels}} {{.Options}}' $v
  cd /var/lib/docker/volumes/$v/_data; find . -printf '%P %y %m %U %G %l %n\\n' | sort; find . -type f -exec sha256sum {} + | sort
  getfattr -d page 2>/dev/null || true; done
docker ps -a --format '{{.Names}}' | sort | grep -v task | while read n; do
  docker inspect --format '{{.Name}} {{.Image}} {{.Config.Env}} {{.Config.Cmd}} {{.Config.Labels}} {{.HostConfig.RestartPolicy}}' $n
  docker inspect --format '{{.HostConfig.PortBindings}} {{.HostConfig.Memory}} {{.HostConfig.CapAdd}} {{.HostConfig.Tmpfs}}' $n
  docker inspect --format '{{.State.Status}} {{range $k, $v := .NetworkSettings.Networks}}{{$k}} {{$v.IPAMConfig}}{{end}}' $n; done
"""
SOURCE = """
docker tag lab/box:1 lab/again:2; tar -C /etc -c hostname | docker import - lab/other:1
docker volume create --label a=b data; cd /var/lib/docker/volumes/data/_data
printf 'first' >page; ln -s page link; ln page hard; install -d -o 33 -g 33 -m 2750 sub; truncate -s 1M sub/sparse; setfattr -n user.lab -v 1 page
printf 'ümlaut\\n' >"$(printf 'a\\nb')"; chmod 711 .
docker network create --subnet 172.30.7.0/24 --gateway 172.30.7.254 -o com.docker.network.bridge.name=labbr --label n=1 lan
mkdir -p /srv/lab
docker run -d --name web --restart unless-stopped -p 8080:80 -v data:/www -v /anon -v /srv/lab:/host:ro -e TOKEN=geheim-4711 -e PLAIN=1 \
  --network lan --network-alias w --ip 172.30.7.9 --label com.docker.compose.project=shop --label com.docker.compose.config-hash=abc \
  --memory 64m --cap-add NET_ADMIN --hostname www --tmpfs /scratch:size=1m lab/box:1 /bin/sleep 5000
docker run -d --name side --network container:web --volumes-from web lab/box:1
docker create --name idle --restart always -v data:/d lab/box:1
docker run -d --rm --name task lab/box:1
"""


def on(lab: Lab, pc: PC, script: str) -> str:
    """Run a script through the PC's sshd as root."""
    done = subprocess.run(
        ["ssh", "-F", str(lab.ssh_config), f"root@{pc.name}", "bash", "-s"],
        input=script.encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return done.stdout.decode(errors="replace")


@pytest.fixture(scope="module")
def engines(whole_lab: Lab) -> Iterator[Lab]:
    """dockerd on pc1 and pc2."""
    need(missing({"dockerd": "docker.io"}))
    for name in ("pc1", "pc2"):
        on(whole_lab, whole_lab[name], START.read_text())
    yield whole_lab
    for name in ("pc1", "pc2"):
        on(
            whole_lab,
            whole_lab[name],
            EMPTY + "pkill -x dockerd; while pgrep -x dockerd; do sleep 0.2; done; umount /var/lib/docker",
        )


@pytest.fixture
def desk(engines: Lab, lab: Lab, tmp_path: Path) -> Iterator[Desk]:
    """pc1 is entered as root and is the source: it has an image by three names, a volume, a network and containers."""
    for pc in (lab["pc1"], lab["pc2"]):
        on(lab, pc, EMPTY)
    on(lab, lab["pc1"], BOX + SOURCE)
    on(lab, lab["pc2"], "mkdir -p /srv/lab")
    desk = Desk(lab, tmp_path)
    desk.inventory(hosts={"pc1": "ansible_user: root"})
    yield desk
    for pc in (lab["pc1"], lab["pc2"]):
        on(lab, pc, EMPTY)


def book(desk: Desk, args: str = "", head: str = "") -> Path:
    """The play: the job from pc1 to pc2."""
    return desk.playbook(
        f"- name: Docker\n  hotdesk.sync.docker: {{source: pc1, {args}}}", hosts="pc2", head=f"become: true\n{head}"
    )


def docker(desk: Desk, *options: str, args: str = "") -> Done:
    """Run it."""
    return desk.play(book(desk, args), *options)


def result(done: Done) -> dict[str, Any]:
    """The job's result on pc2."""
    (found,) = done.results("pc2", "Docker")
    return found


def shaped(value: Any, at: str = "") -> set[str]:
    """What kind of answer it is: the engine's own words with the type of what they say, without the names of what was made."""
    if isinstance(value, dict):
        made = re.compile(r"(sha256:)?[0-9a-f]{64}")
        return {line for name, one in value.items() for line in shaped(one, f"{at}/{made.sub('ID', name)}")}
    if isinstance(value, list):
        return {line for one in value for line in shaped(one, f"{at}[]")} or {f"{at} []"}
    return {f"{at} {type(value).__name__}"}


def inspect(lab: Lab, pc: PC, kind: str, name: str) -> dict[str, Any]:
    """What docker itself says."""
    found: dict[str, Any] = json.loads(on(lab, pc, f"docker {kind} inspect {name}"))[0]
    return found


def everything(lab: Lab, pc: PC) -> str:
    """All that Docker has, without what is each PC's own (ids of containers, times)."""
    return on(lab, pc, EVERYTHING)


def test_everything_becomes_the_same(desk: Desk, lab: Lab, tmp_path: Path) -> None:
    """Nothing in check mode; what was listed is done; no value of a variable is told; a second run does nothing."""
    before = everything(lab, lab["pc2"])
    checked = docker(desk, "--check", "--diff")
    assert checked.code == 0, checked.stdout[-3000:]
    assert everything(lab, lab["pc2"]) == before
    done = docker(desk, "--diff")
    assert done.code == 0, done.stdout[-3000:]
    assert result(done)["items"] == result(checked)["items"]
    assert everything(lab, lab["pc2"]) == everything(lab, lab["pc1"])
    assert "--rm" in result(done)["not_moved"]["container task"]
    assert on(lab, lab["pc2"], "docker exec side cat /www/page") == "first"
    web = [inspect(lab, lab[name], "container", "web") for name in ("pc1", "pc2")]
    assert [one["Config"]["Hostname"] for one in web] == ["www", "www"]
    assert web[1]["NetworkSettings"]["Networks"]["lan"]["IPAddress"] == "172.30.7.9"
    assert web[0]["State"]["StartedAt"] < web[1]["State"]["StartedAt"]
    again = docker(desk)
    assert again.code == 0
    assert result(again)["changed"] is False, result(again)["items"]
    written = "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    assert "geheim-4711" not in checked.stdout + done.stdout + written


THERE = """
docker import -c 'CMD ["/bin/sleep","9"]' -c 'LABEL own=1' /tmp/lab-box.tar lab/box:1
docker network create --subnet 172.30.8.0/24 lan; docker volume create data
docker run -d --name web --network lan -v data:/www lab/box:1 /bin/sleep 6000; docker exec web sh -c 'echo theirs >/www/page'
docker run -d --name own -v data:/d lab/box:1 /bin/sleep 7000; docker run -d --name blocker -p 8080:80 lab/box:1 /bin/sleep 8000
"""


def test_what_fails_leaves_what_was(desk: Desk, lab: Lab) -> None:
    """Another container has the port: the old one is back and runs, what shares with it is not made, the rest is done. Then it works."""
    on(lab, lab["pc2"], THERE)
    before = {name: inspect(lab, lab["pc2"], "container", name) for name in ("web", "own")}
    text = docker(desk, "--check", "--diff").stdout
    for told in (
        "replace container web: image; command; env PLAIN, TOKEN; labels com.docker.compose.config-hash, com.docker.compose.project, own; ",
        "mounts; ports; restart policy; networks lan; settings",
        "(it runs there now)",
        "bridge 172.30.8.0/24 -> bridge 172.30.7.0/24",
    ):
        assert told in text
    done = docker(desk)
    assert done.code == 2
    failed = result(done)["failed_changes"]
    assert sorted(failed) == ["create container side", "replace container web"]
    assert "port is already allocated" in failed["replace container web"]
    assert failed["create container side"] == "not done, since 'replace container web' failed"
    web, own = (inspect(lab, lab["pc2"], "container", name) for name in ("web", "own"))
    assert (web["Id"], web["State"]["Running"]) == (before["web"]["Id"], True)
    assert (own["Id"], own["State"]["Running"]) == (before["own"]["Id"], True)
    assert list(web["NetworkSettings"]["Networks"]) == ["lan"], "it is in the new network of the name of its old one"
    assert on(lab, lab["pc2"], "docker exec own cat /d/page") == "first"
    assert not inspect(lab, lab["pc1"], "container", "web")["State"]["Paused"]
    on(lab, lab["pc2"], "docker rm -f blocker")
    done = docker(desk, args="delete: true")
    assert done.code == 0, done.stdout[-3000:]
    assert "remove container own" in result(done)["items"]
    assert "keeps those it was made with" in result(done)["not_moved"]["labels of volume data"]
    here, there = (everything(lab, lab[name]).partition("lan ")[2] for name in ("pc1", "pc2"))
    assert there == here.replace("data map[a:b]", "data map[]")
    assert not result(docker(desk, args="delete: true"))["changed"]


STUCK = """cat >/usr/local/bin/tar <<'END'
#!/bin/sh
/usr/bin/tar "$@" | head -c 3000; touch /tmp/lab-stuck; exec sleep 600
END
chmod 755 /usr/local/bin/tar"""


@pytest.mark.parametrize("way", ["interrupted", "killed", "killed everywhere"])
def test_a_stop_in_the_middle_is_made_up_for(desk: Desk, lab: Lab, way: str) -> None:
    """While a volume is copied: the source's container goes on, at the latest with the next run, and the target has all of the old or the new."""
    pc1, pc2 = lab["pc1"], lab["pc2"]
    on(
        lab,
        pc2,
        BOX
        + "docker volume create data; echo theirs >/var/lib/docker/volumes/data/_data/page; docker run -d --name own -v data:/d lab/box:1",
    )
    on(lab, pc1, STUCK)
    with desk.playing(book(desk, head="vars: {hotdesk_lease: 6}")) as run:
        until(lambda: pc1.run("sh", "-c", "ls /tmp/lab-stuck", check=False), 200, "it is copying")
        assert inspect(lab, pc1, "container", "web")["State"]["Paused"]
        assert not inspect(lab, pc2, "container", "own")["State"]["Running"]
        if way == "killed everywhere":
            run.killed_with(pc1, pc2)
        else:
            run.signal(signal.SIGINT if way == "interrupted" else signal.SIGKILL)
        run.ended(120)
    until(lambda: not pc1.marked("HOTDESK_RUN=") and not pc2.marked("HOTDESK_RUN="), 60, "nothing is left of it")
    on(lab, pc1, "rm -f /usr/local/bin/tar /tmp/lab-stuck")
    assert on(lab, pc2, "cat /var/lib/docker/volumes/data/_data/page") == "theirs\n"
    paused = inspect(lab, pc1, "container", "web")["State"]["Paused"]
    assert (paused, inspect(lab, pc2, "container", "own")["State"]["Running"]) == (
        (True, False) if "everywhere" in way else (False, True)
    )
    done = docker(desk)
    assert done.code == 0, done.stdout[-3000:]
    assert ("undo left on pc1" in result(done)["items"]) == ("everywhere" in way)
    assert not inspect(lab, pc1, "container", "web")["State"]["Paused"]
    assert inspect(lab, pc2, "container", "own")["State"]["Running"]
    assert (
        on(lab, pc2, "docker exec own cat /d/page; ls /var/lib/docker/volumes/data /var/lib/hotdesk/docker")
        == "first/var/lib/docker/volumes/data:\n_data\n\n/var/lib/hotdesk/docker:\nlock\n"
    )
    assert not result(docker(desk))["changed"]


def test_a_missing_docker_is_told_at_once(desk: Desk, lab: Lab) -> None:
    """Once for all of the job, with the remedy; also one that does not answer."""
    lab["pc2"].run("mv", "/var/run/docker.sock", "/var/run/docker.away")
    lab["pc1"].run("sh", "-c", "for each in /usr/bin /usr/local/bin; do mv $each/docker $each/docker.away; done; true")
    try:
        done = docker(desk)
    finally:
        lab["pc2"].run("mv", "/var/run/docker.away", "/var/run/docker.sock")
        lab["pc1"].run(
            "sh", "-c", "for each in /usr/bin /usr/local/bin; do mv $each/docker.away $each/docker; done; true"
        )
    assert done.code != 0
    for text in ("pc1 has no docker", "Install Docker", "pc2: Docker does not answer", "systemctl start docker"):
        assert text in done.stdout, text


def test_drift_is_found_later(desk: Desk, lab: Lab) -> None:
    """``verify --jobs`` is green after the sync; an image, a container, a network and a volume that somebody changed are named."""
    on(lab, lab["pc1"], "docker rm -f web side")
    assert docker(desk).code == 0
    done = desk.run("verify", "--jobs", "--hosts", "pc2")
    assert done.returncode == 0, done.stdout + done.stderr
    change = "docker tag lab/other:1 lab/again:2; docker rm -f idle; docker create --name idle lab/box:1; docker network rm lan\n"
    on(lab, lab["pc2"], change + "docker network create lan; echo changed >/var/lib/docker/volumes/data/_data/page")
    done = desk.run("verify", "--jobs", "--hosts", "pc2")
    assert done.returncode == 3, done.stdout + done.stderr
    drifted = [line for line in done.stdout.splitlines() if line.startswith("drifted:")]
    for what in ("docker images", "docker networks", "docker container idle", "docker volume data"):
        assert any(what in line for line in drifted), (what, drifted)


DEFINITIONS = """
docker images --no-trunc --format '{{.Repository}}:{{.Tag}} {{.ID}}' | grep lab/box:1; docker volume ls -q | grep -v '^[0-9a-f]*$' | sort
docker network ls --format '{{.Name}}' | sort | xargs docker network inspect --format '{{.Name}} {{.Driver}} {{.Options}} {{.Labels}} {{.IPAM}}'
docker ps -a --format '{{.Names}}' | sort | grep -v task | while read n; do
  docker inspect --format '{{.Name}} {{.Image}} {{.Config.Env}} {{.Config.Cmd}} {{.HostConfig.PortBindings}} {{.HostConfig.Binds}}' $n
  docker inspect --format '{{.State.Status}} {{range $k, $v := .NetworkSettings.Networks}}{{$k}} {{$v.IPAMConfig}}{{end}}' $n; done
"""


def test_definitions_come_back_and_go_again(desk: Desk, lab: Lab) -> None:
    """By the journals: shown, refused without consent, then containers, network, volume and name as before, and undone likewise. Content is not."""
    pc2 = lab["pc2"]
    on(
        lab,
        pc2,
        THERE + "docker rm -f blocker; docker exec web true; docker volume create kept; docker network create theirs\n",
    )
    before = on(lab, pc2, DEFINITIONS)
    done = docker(desk, args="delete: true")
    assert done.code == 0, done.stdout[-3000:]
    after, run = on(lab, pc2, DEFINITIONS), done.run_id
    assert after != before
    shown = desk.run("rollback", run, "--hosts", "pc2", "--check")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    told = (
        "replace network lan",
        "replace container web",
        "create container own",
        "remove container side",
        "create volume kept  (empty",
        "create network theirs",
    )
    for text in (*told, "stays: update volume data"):
        assert text in shown.stdout, (text, shown.stdout)
    assert desk.run("rollback", run, "--hosts", "pc2").returncode == 5
    assert on(lab, pc2, DEFINITIONS) == after
    back = desk.run("rollback", run, "--hosts", "pc2", "--yes")
    assert back.returncode == 0, back.stdout[-3000:] + back.stderr
    assert on(lab, pc2, DEFINITIONS) == before
    assert on(lab, pc2, "docker exec web cat /www/page") == "first"
    again = desk.run("rollback", run, "--hosts", "pc2", "--yes")
    assert "nothing to bring back" in again.stdout
    redone = desk.run("rollback", "last", "--hosts", "pc2", "--yes")
    assert redone.returncode == 0, redone.stdout[-3000:] + redone.stderr
    assert on(lab, pc2, DEFINITIONS) == after
    assert "geheim-4711" not in shown.stdout + back.stdout + redone.stdout


@pytest.mark.ansible
def test_ansible_playbook_makes_the_same(desk: Desk, lab: Lab) -> None:
    """The same play through ansible-playbook's door: the same end state."""
    pytest.importorskip("ansible")
    code, text = desk.ansible(book(desk))
    assert code == 0, text
    assert everything(lab, lab["pc2"]) == everything(lab, lab["pc1"])
    assert not result(docker(desk))["changed"]


def test_what_the_unit_tests_take_for_an_engine_is_one(desk: Desk, lab: Lab) -> None:
    """The answers that were recorded have the shape of what a real engine says of the same things."""
    text = inspect_source(bundle(docker_state))
    said = lab["pc1"].run("python3", "-", stdin=f"{text}\nimport json; print(json.dumps(describe()))".encode())
    assert sorted(shaped(json.loads(said)) ^ shaped(json.loads(RECORDED.read_text()))) == []
