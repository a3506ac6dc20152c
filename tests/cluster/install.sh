#!/bin/sh
# Install what the cluster tests need of the system, Postgres and Redis from Debian's packages, and start neither.
set -eu
missing=""
[ -n "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || command -v initdb >/dev/null || missing="postgresql"
command -v redis-server >/dev/null || missing="$missing redis-server"
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
    echo "The cluster tests need Postgres and Redis; missing here: $missing. Install them, with initdb and redis-server on the PATH."
    exit 1
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    as_root="sudo -n"
    if ! sudo -n true 2>/dev/null; then
        echo "The cluster tests need system packages: sudo apt-get install --no-install-recommends $missing"
        exit 1
    fi
fi
echo "Installing $missing"
# shellcheck disable=SC2086
$as_root sh tests/apt_install.sh $missing
