#!/bin/sh
# The GPU's tests and benchmark with the Python that has torch: sh run.sh [test] [bench], by default both.
#   PYTHON=python3.12 sh run.sh test     another interpreter
# Works in a checkout (tests/gpu/run.sh) and in the bundle of `make gpu-bundle` (gpu/run.sh). Results: results/.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ -d "$here/meli_tasks" ] || here=$(cd "$here/../.." && pwd)
cd "$here"
python=${PYTHON:-python3}
results=${RESULTS:-results}
[ $# -gt 0 ] || set -- test bench

"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' || {
  echo "$python is not Python 3.11 or 3.12: name one that is and has torch, PYTHON=... sh run.sh"; exit 2; }
"$python" -c 'import torch' 2>/dev/null || {
  echo "$python has no torch: name an interpreter with a CUDA build of torch 2.11 or later, PYTHON=... sh run.sh"; exit 2; }

# A folder for packages that are missing, so that the machine's own stay as they are.
packages=$here/.packages
export PYTHONPATH="$here:$packages${PYTHONPATH:+:$PYTHONPATH}" PYTHONDONTWRITEBYTECODE=1
for need in numpy safetensors pydantic pytest; do
  "$python" -c "import $need" 2>/dev/null && continue
  [ -d wheels ] || { echo "$python has no $need: install it, or carry it along with make gpu-bundle WHEELS=1"; exit 2; }
  "$python" -m pip install --quiet --no-index --find-links wheels --target "$packages" --upgrade "$need"
done
mkdir -p "$results"
for what in "$@"; do
  case $what in
    test) "$python" -m pytest -c tests/gpu/pytest.ini --rootdir . --confcutdir tests/gpu --junitxml "$results/tests.xml" tests/gpu ;;
    bench) "$python" -m benchmarks.gpu --out "$results" ;;
    *) echo "sh run.sh [test] [bench], not $what"; exit 2 ;;
  esac
done
