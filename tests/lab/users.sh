#!/bin/bash
# users.sh: makes the layer all PCs of one base share: users, keys, sudoers, sshd's settings. Run in a mount namespace of its own, with
# BASE (the root file system below it), LAYER (the directory that gets upper/) and KEY (the public key that opens every PC).
set -eu
mount --make-rprivate /
mkdir -p "$LAYER/upper" "$LAYER/work" "$LAYER/root"
root=$LAYER/root
mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$LAYER/upper,workdir=$LAYER/work" "$root"
mount -t proc proc "$root/proc"
KEY=$KEY exec chroot "$root" /bin/bash -euc '
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  for user in ada bob; do userdel -rf $user 2>/dev/null || true; useradd -m -s /bin/bash $user; echo $user:$user-pw | chpasswd; done
  echo root:root-pw | chpasswd
  cp /etc/skel/.bashrc /etc/skel/.profile /root/    # what this machine lets root start at a login is not for the PCs
  printf "ada ALL=(ALL:ALL) NOPASSWD: ALL\nbob ALL=(ALL:ALL) ALL\n" >/etc/sudoers.d/lab; chmod 440 /etc/sudoers.d/lab
  for home in /home/ada /home/bob /root; do
    install -d -m 700 $home/.ssh; echo "$KEY" >$home/.ssh/authorized_keys; chmod 600 $home/.ssh/authorized_keys
    chown -R --reference=$home $home/.ssh; : >$home/.hushlogin
  done
  cat >/etc/ssh/sshd_lab_config <<END
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin prohibit-password
PasswordAuthentication yes
UsePAM yes
UseDNS no
PrintMotd no
Subsystem sftp internal-sftp
END
  cat >/etc/systemd/system/lab-sshd.service <<END
[Unit]
Description=OpenSSH with the settings of the lab
[Service]
ExecStart=/usr/sbin/sshd -f /etc/ssh/sshd_lab_config -D
RuntimeDirectory=sshd
KillMode=process
[Install]
WantedBy=multi-user.target
END
  mkdir -p /etc/systemd/system/multi-user.target.wants
  ln -sf ../lab-sshd.service /etc/systemd/system/multi-user.target.wants/lab-sshd.service
  ln -sf /dev/null /etc/systemd/system/ssh.service
'
