#!/bin/bash
# boot.sh NAME DIRECTORY ADDRESS GATEWAY [LAYER]: the first process of a PC, already in its own mount, pid, uts, ipc and network namespaces.
# Its root is an overlay: the PC's own disk over the users' layer over this machine's root file system (read only).
set -eu
name=$1 dir=$2 address=$3 gateway=$4 layer=$5
mount --make-rprivate /
root=$dir/root
mkdir -p "$root" "$dir/disk/upper" "$dir/disk/work"
options="lowerdir=$layer:/,upperdir=$dir/disk/upper,workdir=$dir/disk/work"
mount -t overlay overlay -o "redirect_dir=on,index=on,xino=on,$options" "$root" 2>/dev/null || mount -t overlay overlay -o "$options" "$root"
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
cd "$root"; mkdir -p .old; pivot_root . .old; cd /
umount -l /.old; rmdir /.old 2>/dev/null || true
# A PC may not set the clock, load modules or use raw I/O of the machine it lives on.
caps=-sys_time,-sys_module,-sys_rawio,-syslog,-mac_admin,-mac_override
exec env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  setpriv --bounding-set $caps --inh-caps $caps /bin/bash -c '
    /usr/sbin/sshd -f /etc/ssh/sshd_lab_config -D &
    while :; do sleep 1000000 & wait $!; done' init   # "wait" reaps every orphan; a blocking read would not
