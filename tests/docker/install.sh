#!/bin/sh
# Where no Docker engine answers and we are root on Debian: install what a test needs to start one of its own.
set -eu
if docker info >/dev/null 2>&1 || [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    exit 0
fi
missing=""
for program in dockerd:docker.io containerd:containerd runc:runc iptables:iptables ip:iproute2 slirp4netns:slirp4netns \
    docker-init:tini mmdebstrap:mmdebstrap; do
    command -v "${program%:*}" >/dev/null || missing="$missing ${program#*:}"
done
[ -n "$missing" ] || exit 0
echo "Installing$missing"
# shellcheck disable=SC2086
sh tests/apt_install.sh $missing
