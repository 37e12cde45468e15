#!/bin/sh
# The demo: a vault over two folders that stand for two clouds, mounted, with real files in it. Everything lies in demo/.
#
#   sh integration/demo.sh up      make it, or go on with what is there
#   sh integration/demo.sh down    unmount it and remove it
set -eu
umask 077
cd "$(dirname "$0")/.."

demo=$(pwd -P)/demo
files=$demo/files
overcast=bin/overcast

fail() { # WHAT [WHAT TO DO]
    printf 'demo: %s\n' "$1" >&2
    if [ $# -gt 1 ]; then printf '      %s\n' "$2" >&2; fi
    exit 1
}

bold= plain=
if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); fi
say() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }

is_root() { [ "$(id -u)" = 0 ]; }

# The kernel writes a space in a path as \040.
is_mounted() { grep -qF " $(printf %s "$files" | sed 's/ /\\040/g') fuse" /proc/self/mounts; }

# Eight of 64 words: 48 bits, as good as a demo needs.
passphrase() {
    set -- acorn amber anchor apple arrow autumn badger bamboo barley basin beacon birch \
        bramble breeze brook candle canyon cedar cherry clover cobalt copper coral cricket \
        dawn delta ember falcon fern flint forest garnet ginger glacier harbor hazel heron \
        island ivory jasmine juniper kettle lagoon lantern lemon linen maple marble meadow mint \
        nectar oasis olive orchid otter pebble pepper quartz raven river saffron thistle velvet willow
    phrase=
    for n in $(od -An -N8 -tu1 /dev/urandom); do
        eval "phrase=\"\$phrase \${$((n % 64 + 1))}\""
    done
    printf '%s\n' "${phrase# }"
}

# A mount whose process was killed answers nothing and is in the way.
drop_dead_mount() {
    if is_mounted && ! ls "$files" >/dev/null 2>&1; then detach; fi
}

detach() {
    if is_root; then umount -l "$files"; else fusermount3 -u -z "$files"; fi
}

make_vault() {
    mkdir -p "$files"
    if ! [ -s "$demo/passphrase" ]; then passphrase >"$demo/passphrase"; fi
    if ! [ -e "$demo/vault/keys.age" ]; then
        say 'Making a vault over two clouds'
        $overcast init "$demo/vault" --cloud "cloud-a=$demo/cloud-a" --cloud "cloud-b=$demo/cloud-b" --passfile "$demo/passphrase"
    fi
    if ! is_mounted; then
        say 'Mounting it on demo/files'
        $overcast mount "$demo/vault" "$files" --passfile "$demo/passphrase"
    fi
}

copy_files() {
    say 'Copying real files in: the documentation and the source'
    for f in README.md LICENSE docs go.mod cipher fs cmd; do
        if [ -e "$f" ]; then cp -R "$f" "$files/"; fi
    done
    printf '%s files, %s\n' "$(find "$files" -type f | wc -l)" "$(du -sh --apparent-size "$files" | cut -f1)"
}

# show_cloud shows what a provider sees of the folder, and of LICENSE, found by the size that the format gives it:
# 512 bytes of header and 48 for each chunk of 4 KiB.
show_cloud() {
    n=$(wc -c <"$files/LICENSE")
    size=$((512 + n + 48 * ((n + 4095) / 4096)))
    say "The same folder as $1 sees it: ls demo/$1"
    # shellcheck disable=SC2012 # the names are of a fixed alphabet
    ls "$demo/$1" | cut -c1-100 | sed -n '1,5p;6s/.*/…/p'
    f=$(find "$demo/$1" -maxdepth 1 -type f -size "${size}c" | sed -n 1p)
    if [ -n "$f" ]; then
        printf 'and LICENSE, %s bytes of it:\n' "$size"
        od -A d -t x1z -N 80 "$f" | sed '$d'
    fi
}

up() {
    sh integration/needs.sh demo
    "${MAKE:-make}" --no-print-directory build
    drop_dead_mount
    make_vault
    copy_files
    say 'As you see it: ls demo/files'
    ls -C "$files"
    sed -n '1,3p' "$files/LICENSE"
    show_cloud cloud-a
    show_cloud cloud-b
    cat <<END

It is mounted and yours: look into demo/files, change things, and watch demo/cloud-a and demo/cloud-b.
What goes on: bin/overcast status demo/vault

Any one of the two is enough. Take the other away, and all files are still there:

  bin/overcast unmount demo/files && mv demo/cloud-a demo/away
  bin/overcast mount demo/vault demo/files --passfile demo/passphrase

To undo everything: make demo-clean
END
}

down() {
    drop_dead_mount
    if is_mounted; then
        if [ -x $overcast ]; then $overcast unmount "$files" || true; else detach; fi
    fi
    if is_mounted; then
        fail 'demo/files is still in use, and nothing was removed.' 'Leave the folder and close what is open in it, then run make demo-clean again.'
    fi
    rm -rf --one-file-system "$demo"
    echo 'The demo is gone.'
}

case ${1:-} in
up | down) "$1" ;;
*) fail "usage: $0 up|down" ;;
esac
