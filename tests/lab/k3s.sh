#!/bin/sh
# k3s.sh: on a PC of the lab with systemd whose /usr/local/bin/k3s is k3s_stand_in.py: its unit, and the script that ends all its processes.
set -eu
mkdir -p /etc/rancher/k3s
cat >/etc/systemd/system/k3s.service <<'UNIT'
[Service]
Type=notify
NotifyAccess=all
ExecStart=/usr/local/bin/k3s server
TimeoutStartSec=0
[Install]
WantedBy=multi-user.target
UNIT
cat >/usr/local/bin/k3s-killall.sh <<'KILLALL'
#!/bin/sh
systemctl stop k3s
while pids=$(cat /sys/fs/cgroup/kubepods/cgroup.procs 2>/dev/null) && test "$pids"; do kill -9 $pids; sleep 0.1; done
KILLALL
chmod 755 /usr/local/bin/k3s-killall.sh
systemctl daemon-reload
