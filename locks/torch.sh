#!/bin/sh
# Installs PyTorch from its locks: torch.sh PYTHON [OPTIONS OF PIP]. A build for GPUs needs CUDA's libraries too, and which
# build it is depends on the package index.
set -eu
python=$1
shift
folder=$(dirname "$0")
wanted=$(sed -n 's/^\(torch==[^ ]*\).*/\1/p' "$folder/torch.txt")
found=$("$python" -c 'import importlib.metadata as found; print("torch==" + found.version("torch"))' 2>/dev/null || true)
case $found in "$wanted" | "$wanted+"*) ;; *)
    wheels=$(mktemp -d)
    trap 'rm -rf "$wheels"' EXIT
    # First downloaded, then checked: given hashes, pip prefers any file of an index to a better one in a folder.
    "$python" -m pip download --progress-bar off --no-deps --dest "$wheels" "$@" "$wanted"
    "$python" -m pip install --progress-bar off --no-deps --require-hashes --no-index --find-links "$wheels" -r "$folder/torch.txt" ;;
esac
needs=$("$python" -c 'import importlib.metadata as found; print(found.requires("torch"))')
case $needs in *nvidia-* | *cuda-*)
    "$python" -m pip install --progress-bar off --no-deps --require-hashes "$@" -r "$folder/torch-cuda.txt" ;;
esac
