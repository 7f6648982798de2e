# flatpak.sh: on the PC that serves it, a signed flatpak repository in /srv/flatpak: a runtime of nothing but busybox, an app in two branches.
# Call it again with VERSION=2 for a newer app in the branch stable.
set -eu
repo=/srv/flatpak keys=/srv/keys version=${VERSION:-1}
if ! test -d $keys; then
  mkdir -p $repo; install -d -m 700 $keys
  gpg --homedir $keys --batch --quiet --passphrase '' --quick-generate-key lab@example.org default default never 2>/dev/null
  gpg --homedir $keys --export lab@example.org >/srv/lab.gpg
fi
key=$(gpg --homedir $keys --list-keys --with-colons lab@example.org | awk -F: '/^fpr/ {print $10; exit}')
work=$(mktemp -d); arch=$(flatpak --default-arch); export HOME=$work
sign="--gpg-sign=$key --gpg-homedir=$keys"
runtime=$work/runtime
mkdir -p $runtime/usr/bin $runtime/files; cp /bin/busybox $runtime/usr/bin/sh
printf '[Runtime]\nname=org.lab.Platform\nruntime=org.lab.Platform/%s/1\nsdk=org.lab.Platform/%s/1\n' $arch $arch >$runtime/metadata
if test "$version" = 1; then flatpak build-export $sign --runtime --no-update-summary $repo $runtime 1 >/dev/null; fi
app() {
  mkdir -p $work/$1/files/bin $work/$1/export $work/$1/var; echo "$1" >$work/$1/files/bin/hello
  printf '[Application]\nname=org.lab.Hello\nruntime=org.lab.Platform/%s/1\nsdk=org.lab.Platform/%s/1\ncommand=hello\n' $arch $arch >$work/$1/metadata
  flatpak build-export $sign --no-update-summary $repo $work/$1 $2 >/dev/null
}
app "stable-$version" stable
if test "$version" = 1; then app beta beta; fi
flatpak build-update-repo $sign $repo >/dev/null
gpgconf --homedir $keys --kill all; rm -rf $work
