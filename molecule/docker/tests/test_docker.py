"""What the engine must say on the target."""

from __future__ import annotations

from typing import Any


def test_the_container_runs(host: Any) -> None:
    """Of the source's image, with its environment and its volume."""
    web = host.docker("web")
    assert web.is_running
    inspected = web.inspect()
    assert "PLAIN=1" in inspected["Config"]["Env"]
    assert inspected["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert [mount["Name"] for mount in inspected["Mounts"]] == ["data"]
    assert inspected["Config"]["Image"] == "lab/box:1"


def test_the_volume_is_the_sources(host: Any) -> None:
    """Its label, and its files with owner and mode."""
    assert host.check_output("docker volume inspect --format '{{.Labels}}' data") == "map[a:b]"
    page = host.file("/var/lib/docker/volumes/data/_data/page")
    assert (page.content_string, page.uid, page.mode) == ("of pc1\n", 33, 0o640)
