#!/bin/sh
# Installs one lock into a virtual environment: install.sh VENV LOCK. A line every few seconds says what is going on.
set -eu
venv=$1 lock=$2
folder=$(dirname "$0")
interval=${INSTALL_INTERVAL:-5}
log=$(mktemp)
child=
# A shell lets its background processes ignore Ctrl-C.
trap 'if [ -n "$child" ]; then kill "$child" 2>/dev/null && wait "$child" || true; fi; rm -f "$log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Runs a command with its output in the log, and prints how long it has taken and the last line of it.
watched() {
    : >"$log"
    "$@" >"$log" 2>&1 &
    child=$!
    begun=$(date +%s)
    next=$interval
    while kill -0 "$child" 2>/dev/null; do
        sleep 0.2
        took=$(($(date +%s) - begun))
        if [ "$took" -ge "$next" ]; then
            next=$((took + interval))
            last=$(tr '\r' '\n' <"$log" | grep -v '^ *$' | tail -n 1 | cut -c 1-68)
            case $last in "Installed "*" packages in "*) last="$last, compiling them" ;; esac  # uv says so at the end
            printf '  %s s  %s\n' "$took" "$last"
        fi
    done
    code=0
    wait "$child" || code=$?
    child=
    return "$code"
}

# The same; if it fails, its output is shown.
needed() {
    watched "$@" || { code=$?; cat "$log" >&2; return "$code"; }
}

echo "Installing locks/$lock.txt into $venv/"
# uv installs the lock in seconds. Where it fails (it does not read pip's configuration), pip installs the same, more slowly.
VIRTUAL_ENV=$venv watched "$venv/bin/uv" pip install --system-certs --compile-bytecode --no-deps --require-hashes \
    -r "$folder/$lock.txt" || {
    echo "uv could not install it; pip does the same, more slowly"
    needed "$venv/bin/python" -m pip install --progress-bar off --no-deps --require-hashes -r "$folder/$lock.txt"
}
echo "Installing locks/torch.txt"
needed sh "$folder/torch.sh" "$venv/bin/python"
echo "Installing this project, and checking that everything fits together"
needed "$venv/bin/python" -m pip install --no-deps --no-build-isolation -e "$folder/.."
needed "$venv/bin/python" -m pip check
