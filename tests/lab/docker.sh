# docker.sh: on a PC of the lab, entered through its sshd, so that it is in the PC's own control groups: dockerd, with a disk of its own.
set -eu
if ! mountpoint -q /var/lib/docker; then
  mkdir -p /var/lib/docker; mount -t tmpfs -o size=1g lab-docker /var/lib/docker
  mountpoint -q /sys/fs/cgroup && ! test -e /sys/fs/cgroup/cgroup.procs || mount -t cgroup2 cgroup2 /sys/fs/cgroup
  mount -o remount,bind,rw /proc/sys
fi
docker() { command docker --host unix:///var/run/docker.sock "$@"; }
if ! docker info >/dev/null 2>&1; then
  setsid dockerd >/var/log/dockerd.log 2>&1 </dev/null &
  for _ in $(seq 300); do docker info >/dev/null 2>&1 && break; sleep 0.2; done
  docker info >/dev/null || { tail -5 /var/log/dockerd.log >&2; exit 1; }
fi
if docker image inspect lab/box:1 >/dev/null 2>&1; then exit 0; fi
root=$(mktemp -d)
mkdir -p "$root/bin" "$root/tmp" "$root/etc"; cp /bin/busybox "$root/bin/"; echo root:x:0:0::/:/bin/sh >"$root/etc/passwd"
for name in sh ls cat echo sleep httpd; do ln -s busybox "$root/bin/$name"; done
tar -C "$root" --sort=name --mtime=@0 -c . >/tmp/lab-box.tar; rm -rf "$root"
