#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs commands in a fresh Debian 12, made with debootstrap from this machine's own package mirror, and times them.
#   sudo scripts/fresh_machine.sh                       the quick start, twice (15 minutes, 4 GB in a temporary folder)
#   sudo scripts/fresh_machine.sh COMMAND [COMMAND...]  something else, e.g. scripts/test.sh
# Each command runs in a copy of this clone's committed state. The network, pip and certificate settings are this
# machine's; nothing else is shared: no packages, no caches. Only Linux with debootstrap and root.
set -euo pipefail
source "$(dirname "$0")/env.sh"

copy_in() {  # copy_in PATH...: the same files at the same place within, where they exist here
  local path
  for path in "$@"; do
    [ -e "$path" ] || continue
    mkdir -p "$root$(dirname "$path")"
    cp -aLT "$path" "$root$path"
  done
}

# The mirror that apt uses here for Debian 12.
mirror() {
  cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
    awk '/^URIs:/ { uri = $2 } /^Suites:.* bookworm( |$)/ { print uri; exit } /^deb / { for (i = 2; i < NF; ++i) if ($(i + 1) == "bookworm") { print $i; exit } }'
}

# Folders of packages that pip's settings name here.
pip_folders() {
  { python3 -m pip config list 2>/dev/null; env | grep '^PIP_' || true; } | grep -oE "(file://)?/[^ '\"=]+" | sed 's,^file://,,' |
    while read -r path; do
      [ "$(basename "$path")" != simple ] || path=$(dirname "$path")  # an index points to files beside itself
      [ ! -d "$path" ] || echo "$path"
    done | sort -u
}

make_machine() {
  say "a fresh Debian 12 (2 minutes)"
  debootstrap --variant=minbase bookworm "$root" "$(mirror)" >"$root.log" 2>&1 || { tail "$root.log" >&2; die "debootstrap failed" 74; }
  chmod 755 "$root"
  copy_in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/xdg/pip /root/.config/pip
  # Under a name of its own: the package ca-certificates writes the usual file anew.
  [ ! -e "$certificates" ] || install -D -m 644 "$certificates" "$root/etc/ssl/this-machine.crt"
  local folder
  for folder in $(pip_folders); do
    mkdir -p "$root$folder"
    mount --bind -o ro "$folder" "$root$folder"
    mounts+=("$root$folder")
  done
  mount -t proc proc "$root/proc"; mounts+=("$root/proc")
  mount --bind /dev "$root/dev"; mounts+=("$root/dev")
  mount --bind /dev/pts "$root/dev/pts"; mounts+=("$root/dev/pts")
  git clone -q "$ALLOT_ROOT" "$root/root/allot"
  rm -rf "$root/root/allot/.git/hooks"
}

clean_up() {
  local path
  for path in $(printf '%s\n' "${mounts[@]}" | tac); do umount "$path"; done
  rm -rf --one-file-system "$root" "$root.log"
}

inside() {
  local variable keep=()
  for variable in $(compgen -e | grep -iE '^(PIP_.*|https?_proxy|no_proxy)$'); do keep+=("$variable=${!variable}"); done
  [ ! -e "$root/etc/ssl/this-machine.crt" ] || keep+=(PIP_CERT=/etc/ssl/this-machine.crt)
  chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LANG=C.UTF-8 "${keep[@]}" \
    bash -c "cd /root/allot && $1"
}

main() {
  certificates=/etc/ssl/certs/ca-certificates.crt
  [ "$(id -u)" = 0 ] || die "needs root" 77
  command -v debootstrap >/dev/null || die "needs debootstrap; run: apt-get install debootstrap" 69
  [ -n "$(mirror)" ] || die "apt names no mirror of Debian 12 (bookworm) here" 69
  [ $# -gt 0 ] || set -- scripts/quickstart.sh scripts/quickstart.sh
  root=$(mktemp -d "${TMPDIR:-/tmp}/fresh-debian.XXXXXX")
  mounts=()
  trap clean_up EXIT
  make_machine
  local command start status=0 report=()
  for command in "$@"; do
    start=$SECONDS
    inside "$command" || status=$?
    report+=("$(printf '%5d s  exit %d  %s' $((SECONDS - start)) "$status" "$command")")
    [ $status = 0 ] || break
  done
  printf '%s\n' "${report[@]}"
  return $status
}
main "$@"
