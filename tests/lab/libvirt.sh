# libvirt.sh: on a PC of the lab, entered through its sshd: libvirtd with qemu, all below a disk of its own.
set -eu
if ! mountpoint -q /var/lib/libvirt; then
  mount -t tmpfs -o size=400m,mode=755 lab-libvirt /var/lib/libvirt
  mount -t tmpfs -o size=20m,mode=700 lab-libvirt /etc/libvirt
  mount -t tmpfs -o size=20m,mode=755 lab-libvirt /var/cache/libvirt
  mkdir -p /var/lib/libvirt/images /etc/libvirt/qemu /run/libvirt
fi
cat >/etc/libvirt/qemu.conf <<'END'
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
END
cat >/etc/libvirt/libvirtd.conf <<'END'
auth_unix_rw = "none"
auth_unix_ro = "none"
END
virsh() { command virsh -q -c qemu:///system "$@"; }
if ! virsh list >/dev/null 2>&1; then
  setsid libvirtd >/var/log/libvirtd.log 2>&1 </dev/null &
  for _ in $(seq 300); do virsh list >/dev/null 2>&1 && break; sleep 0.2; done
  virsh list >/dev/null || { tail -5 /var/log/libvirtd.log >&2; exit 1; }
fi
