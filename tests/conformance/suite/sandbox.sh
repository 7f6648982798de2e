#!/bin/bash
# sandbox.sh ROOMS OUT ARCHIVE KEEP COMMAND...: run COMMAND in an overlay of / that is thrown away; only OUT (as /conformance_out) stays.
# ROOMS is where the overlay is mounted. ARCHIVE is unpacked on top first. KEEP, unless empty, gets what has changed, as an archive.
# Called within new mount, uts, ipc and pid namespaces (and a network namespace for the targets that listen).
set -e
rooms=$1 out=$2 archive=$3 keep=$4; shift 4
mount --make-rprivate /
mount -t tmpfs -o size=8g,mode=755 tmpfs "$rooms"
mkdir "$rooms"/upper "$rooms"/work "$rooms"/root
if [ -s "$archive" ]; then tar --xattrs --xattrs-include='*' -xpf "$archive" -C "$rooms/upper"; fi
mount -t overlay overlay -o "lowerdir=/,upperdir=$rooms/upper,workdir=$rooms/work" "$rooms/root"
root=$rooms/root
mkdir -p "$root/conformance_out"
mount --bind "$out" "$root/conformance_out"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do
  if [ -e "/dev/$device" ]; then touch "$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"; fi
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for number in 0:stdin 1:stdout 2:stderr; do ln -s "/proc/self/fd/${number%:*}" "$root/dev/${number#*:}"; done
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mkdir -p "$root/run/lock" "$root/run/sshd"; chmod 1777 "$root/run/lock"
for closed in sys sysrq-trigger irq bus; do  # what would reach the machine below
  if [ -e "$root/proc/$closed" ]; then mount --bind "$root/proc/$closed" "$root/proc/$closed"; mount -o remount,bind,ro "$root/proc/$closed"; fi
done
ip link set lo up 2>/dev/null || true
chmod 755 "$root/root"  # other accounts use the interpreter, wherever it is
hostname conformance; echo '127.0.0.1 conformance' >> "$root/etc/hosts"
if [ -n "$keep" ]; then
  chroot "$root" "$@"
  umount -l "$root/conformance_out"
  skip=(); for folder in conformance_out tmp proc sys dev run; do skip+=("--exclude=./$folder"); done
  exec tar --xattrs --xattrs-include='*' "${skip[@]}" -cpf "$keep" -C "$rooms/upper" .
fi
exec setpriv --bounding-set -sys_time,-sys_boot,-sys_module,-sys_rawio chroot "$root" "$@"
