# snapd.sh: on a PC of the lab with systemd, whose root this machine's snapd (tar on standard input) goes into: snapd without a store, a system snap
# of nothing, and snaps to install from files. There is no udev, and whatever asks the store is refused at once instead of after half a minute.
set -eu
tar -C / -x --keep-directory-symlink --skip-old-files -f -
test -e /dev/loop-control || mknod -m 660 /dev/loop-control c 10 237
for n in $(seq 0 63); do test -e /dev/loop$n || mknod -m 660 /dev/loop$n b 7 $n; done
ln -sf /bin/true /usr/local/sbin/udevadm
cat >/usr/local/lib/lab-store.py <<'EOF'
from http.server import BaseHTTPRequestHandler, HTTPServer
class Nothing(BaseHTTPRequestHandler):
    def do_GET(self): self.send_error(404)
    do_POST = do_GET
HTTPServer(("127.0.0.1", 9980), Nothing).serve_forever()
EOF
systemd-run --quiet --unit=lab-store python3 /usr/local/lib/lab-store.py
mkdir -p /etc/systemd/system/snapd.service.d /var/lib/snapd/snaps /snap
store=http://127.0.0.1:9980/
printf '[Service]\nEnvironment=SNAPPY_FORCE_API_URL=%s SNAPPY_FORCE_SAS_URL=%s SNAP_REEXEC=0\n' $store $store >/etc/systemd/system/snapd.service.d/lab.conf
systemctl daemon-reload; systemctl start snapd.socket snapd.service; snap wait system seed.loaded
snap install --dangerous /srv/core_16-lab.snap
