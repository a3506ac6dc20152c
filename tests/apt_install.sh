#!/bin/sh
# apt_install.sh PACKAGE...: install Debian packages as root. Suites that run at once may both need some, and apt refuses
# to run a second time, so one waits for the other.
set -eu
mkdir -p "$(dirname "$0")/../.venv"
exec 9>"$(dirname "$0")/../.venv/apt.lock"
flock 9
# RUNLEVEL=1 keeps the packages from starting servers of their own.
export RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null
apt-get install -y -qq --no-install-recommends "$@" >/dev/null
