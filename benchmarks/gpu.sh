#!/usr/bin/env bash
# Times search and training on a GPU, and runs as much of a real search as fits, in ten minutes.
#
#   benchmarks/gpu.sh pack     # makes .gpu/: CIFAR-10 and Penn Treebank (from NASP_DATA) and wheels
#                              # of the small needs
#   benchmarks/gpu.sh [...]    # runs, on a machine with torch, pandas, pyarrow, matplotlib, Pillow,
#                              # PyYAML, psutil and rich; takes .gpu/ along if it is there
#
# Further options are those of benchmarks/gpu.py. The found cell is in ${OUT:-runs/gpu}.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

if [ "${1:-}" = pack ]; then
    mkdir -p .gpu/data .gpu/wheels
    : "${NASP_DATA:?name the folder of data sets in NASP_DATA}"
    cp -r "$NASP_DATA/cifar10" "$NASP_DATA/penn" .gpu/data/
    # Pure Python, so that they fit the other machine, whatever its version.
    "$python" -m pip download -q --no-deps --only-binary=:all: --platform any -c constraints.txt \
        -d .gpu/wheels jsonargparse docstring-parser typeshed-client typing-extensions \
        importlib-resources
    du -sh .gpu
    exit
fi

if [ -d .gpu/wheels ]; then
    site=$(mktemp -d)
    "$python" -m pip install -q --no-index --no-deps --no-compile --target "$site" .gpu/wheels/*.whl
    export PYTHONPATH=$PWD:$site
fi
export PYTHONPATH=${PYTHONPATH:-$PWD} PYTHONUNBUFFERED=1
if [ -d .gpu/data ]; then
    export NASP_DATA=$PWD/.gpu/data
fi
exec "$python" benchmarks/gpu.py --output "${OUT:-runs}/gpu" "$@"
