#!/bin/bash
# What the suite's targets expect of a machine and a small Debian lacks; runs in the sandbox, what it changes is kept.
set -ex
export DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d  # no daemon starts
apt-get update -q
apt-get install -q -y --no-install-recommends sudo acl cron openssh-server openssh-client git subversion mercurial equivs dpkg-dev \
  libfile-fcntllock-perl debconf-utils python3-debian python3-dbus python3-pexpect python3-venv tzdata virtualenv gawk sshpass rsyslog \
  iptables unzip zip locales
rm -f /usr/sbin/policy-rc.d
apt-get clean
sed -i 's/^# *en_US.UTF-8/en_US.UTF-8/' /etc/locale.gen; locale-gen
ssh-keygen -A
mkdir -p -m 700 /root/.ssh
[ -f /root/.ssh/id_rsa ] || ssh-keygen -q -t rsa -b 3072 -N '' -f /root/.ssh/id_rsa
cat /root/.ssh/id_rsa.pub >> /root/.ssh/authorized_keys
printf '\nHost localhost\n  StrictHostKeyChecking no\n' >> /root/.ssh/config
