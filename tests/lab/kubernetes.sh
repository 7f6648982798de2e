#!/bin/bash
# kubernetes.sh: builds kube-apiserver and kubectl out of nothing but Debian bookworm, whose source package "kubernetes" has the whole tree
# though only kubectl is built from it. Run in mount and pid namespaces of its own, with BASE (a Debian, which stays as it is), ROOM (an empty
# directory for what is thrown away afterwards: about 3 GB) and VERSION (Kubernetes'). What is built is in ROOM/upper/usr/local/bin then.
set -eu
mount --make-rprivate /
mkdir "$ROOM/upper" "$ROOM/work" "$ROOM/root"
root=$ROOM/root
mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$ROOM/upper,workdir=$ROOM/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
cat /etc/resolv.conf >"$root/etc/resolv.conf"
VERSION=$VERSION exec chroot "$root" /bin/bash -euc '
  export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root DEBIAN_FRONTEND=noninteractive
  apt=(apt-get -qq -o APT::Update::Error-Mode=any -o APT::Sandbox::User=root -o Dpkg::Options::=--force-unsafe-io)
  sed -n "s/^deb /deb-src /p" /etc/apt/sources.list >/etc/apt/sources.list.d/source.list
  "${apt[@]}" update
  "${apt[@]}" -y --no-install-recommends install golang-go dpkg-dev xz-utils make rsync golang-github-modern-go-reflect2-dev
  mkdir /usr/src/kubernetes; cd /usr/src/kubernetes
  "${apt[@]}" source --download-only kubernetes
  case $(echo *.dsc) in *"$VERSION"*) ;; *) echo "Debian has another version: $(echo *.dsc)" >&2; exit 1 ;; esac
  dpkg-source --no-check -x *.dsc tree; cd tree
  # the one that comes with it ends in a panic with what Go 1.18 and newer build
  rm -r vendor/github.com/modern-go/reflect2; cp -r /usr/share/gocode/src/github.com/modern-go/reflect2 vendor/github.com/modern-go/
  mkdir -p .go/src/k8s.io; ln -s ../../.. .go/src/k8s.io/kubernetes
  export GOPATH=$PWD/.go GOFLAGS=-p=1 GOMAXPROCS=1 CGO_ENABLED=0
  make WHAT="cmd/kube-apiserver cmd/kubectl" GOLDFLAGS="-s -w"
  cp -L _output/bin/kube-apiserver _output/bin/kubectl /usr/local/bin/
'
