#!/bin/bash
# boot.sh NAME DIRECTORY ADDRESS GATEWAY: the first process of a PC, already in its own mount, pid, uts, ipc, cgroup and network namespaces.
# From the environment: LOWER (what its root lies over), DISK (tmpfs, ext4, btrfs), DEVICE (of a btrfs disk), INIT (tiny, systemd),
# MOUNTS (the places of mount0, mount1 ..., one per line) and HOTDESK_LAB_PC (by which the lab finds its processes).
set -eu
name=$1 dir=$2 address=$3 gateway=$4
mount --make-rprivate /
root=$dir/root
mkdir -p "$root"
if [ "$DISK" = btrfs ]; then
  mount -t btrfs -o subvol=@,noatime "$DEVICE" "$root"; mount -t btrfs -o subvol=@home,noatime "$DEVICE" "$root/home"
else                # the PC's own disk over the users' layer over the base (read only)
  mkdir -p "$dir/disk/upper" "$dir/disk/work"
  options="lowerdir=$LOWER,upperdir=$dir/disk/upper,workdir=$dir/disk/work"
  # Without redirect_dir renaming a directory of the base is EXDEV, as it never is on a real PC.
  mount -t overlay overlay -o "redirect_dir=on,index=on,xino=on,$options" "$root" 2>/dev/null || mount -t overlay overlay -o "$options" "$root"
fi
number=0
while read -r place; do
  [ -n "$place" ] || continue
  mkdir -p "$root$place"; mount --bind "$dir/mount$number" "$root$place"; number=$((number + 1))
done <<<"$MOUNTS"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys" && mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$root/sys"
mount -t tmpfs -o mode=755,nosuid,size=4m tmpfs "$root/dev"
mkdir -p "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev,size=64m tmpfs "$root/dev/shm"
(umask 0
 for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod "$root/dev/${node%:*}" c 1 "${node#*:}"; done
 mknod "$root/dev/tty" c 5 0)
if [ "$DISK" = btrfs ]; then mknod -m 660 "$root$DEVICE" b $(stat -c '%Hr %Lr' "$DEVICE"); fi
ln -s pts/ptmx "$root/dev/ptmx"; ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"; ln -s fd/1 "$root/dev/stdout"; ln -s fd/2 "$root/dev/stderr"
mount -t tmpfs -o mode=755,nosuid,nodev,size=64m tmpfs "$root/run"
mkdir -p "$root/run/sshd" "$root/run/lock" "$root/run/user"; chmod 1777 "$root/run/lock"
mount -t tmpfs -o mode=1777,nosuid,nodev,size=512m tmpfs "$root/tmp"
hostname "$name"
if [ ! -e "$dir/disk/configured" ]; then          # the first boot of this disk
  echo "$name" >"$root/etc/hostname"
  printf '127.0.0.1 localhost\n%s %s\n%s control\n' "$address" "$name" "$gateway" >"$root/etc/hosts"
  rm -f "$root/etc/machine-id"; tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"
  rm -f "$root"/etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$root/etc/ssh/ssh_host_ed25519_key"
  touch "$dir/disk/configured"
fi
cp "$root/etc/ssh/ssh_host_ed25519_key.pub" "$dir/hostkey.pub"
# systemd needs a cgroup v2 tree of its own; the memory limit is the lab's and lies above it.
if [ "$INIT" = systemd ]; then mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"; fi
cd "$root"; mkdir -p .old; pivot_root . .old; cd /
umount -l /.old; rmdir /.old 2>/dev/null || true
# A PC may not set the clock, load modules or use raw I/O of the machine it lives on.
caps=-sys_time,-sys_module,-sys_rawio,-syslog,-mac_admin,-mac_override
clean=(env -i HOTDESK_LAB_PC="$HOTDESK_LAB_PC" HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
       setpriv --bounding-set $caps --inh-caps $caps)
if [ "$INIT" = systemd ]; then
  mount --make-rshared /
  exec "${clean[@]}" env container=hotdesk-lab /lib/systemd/systemd --log-target=console --show-status=0
fi
exec "${clean[@]}" /bin/bash -c '
    /usr/sbin/sshd -f /etc/ssh/sshd_lab_config -D &
    while :; do sleep 1000000 & wait $!; done' init   # "wait" reaps every orphan; a blocking read would not
