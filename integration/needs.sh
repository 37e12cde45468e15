#!/bin/sh
# What the demo and the tests need of the machine. As root, or where sudo asks nothing, it installs what is missing;
# else it prints the one command that does, and stops.
#
#   sh integration/needs.sh demo|test|test-long
set -eu

# Each line: a Debian package, and a command that succeeds where it, or its equal, is already there.
demo='
fuse3                  fusermount3 --version
'
test='
fuse3                  fusermount3 --version
age                    age --version
rclone                 rclone version
rsync                  rsync --version
git                    git --version
sqlite3                sqlite3 --version
attr                   getfattr --version
acl                    getfacl --version
fio                    fio --version
vim-tiny               vi --version
man-db                 man --version
libglib2.0-bin         gio version
tar                    tar --version
make                   make --version
gcc                    gcc --version
libc6-dev              test -e /usr/include/stdlib.h
openssl                openssl version
procps                 ps --version
util-linux             losetup --version
gocryptfs              gocryptfs -version
e2fsprogs              mkfs.ext4 -V
xfsprogs               mkfs.xfs -V
btrfs-progs            mkfs.btrfs -V
exfatprogs             command -v mkfs.exfat
exfat-fuse             test -e /usr/sbin/mount.exfat-fuse
ntfs-3g                ntfs-3g --version
bindfs                 bindfs --version
python3-cryptography   /usr/bin/python3 -c "import cryptography"
python3-pycryptodome   /usr/bin/python3 -c "import Cryptodome"
'

fail() { # WHAT [WHAT TO DO]
    printf '%s: %s\n' "$for" "$1" >&2
    if [ $# -gt 1 ]; then printf '      %s\n' "$2" >&2; fi
    exit 1
}

# missing lists the packages of the list whose commands fail, in one line.
missing() {
    printf '%s\n' "$wanted" | while read -r package probe; do
        if [ -n "$package" ] && ! PATH=$PATH:/usr/sbin:/sbin sh -c "$probe" >/dev/null 2>&1 </dev/null; then
            printf '%s ' "$package"
        fi
    done | sed 's/ $//'
}

# install runs apt-get as root. Without root and without a sudo that asks nothing it fails.
install() {
    command -v apt-get >/dev/null || return
    as_root=
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || return
        as_root='sudo -n'
    fi
    printf '== installing %s\n' "$packages"
    # shellcheck disable=SC2086 # the packages are words
    $as_root apt-get update -q && $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $packages
}

long="$test
syncthing              syncthing --version
debootstrap            command -v debootstrap
"

for=${1:-}
case $for in
demo) wanted=$demo ;;
test) wanted=$test ;;
test-long) wanted=$long ;;
*)
    printf 'usage: %s demo|test|test-long\n' "$0" >&2
    exit 2
    ;;
esac

command -v "${GO:-go}" >/dev/null || fail 'Go is missing' 'Get it from https://go.dev/dl, or: sudo apt-get install golang-go'
packages=$(missing)
if [ -n "$packages" ]; then
    if ! install; then fail "missing on this machine: $packages" "Run: sudo apt-get install --no-install-recommends $packages"; fi
    packages=$(missing)
    if [ -n "$packages" ]; then fail "still missing after the installation: $packages"; fi
fi
[ -c /dev/fuse ] || fail '/dev/fuse is missing' 'Run: sudo modprobe fuse   (in a container: start it with --device /dev/fuse --cap-add SYS_ADMIN)'
