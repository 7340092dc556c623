#!/usr/bin/env bash
# Everything that is measured on a GPU, in order of worth, in at most six and a half minutes.
#
#   bash benchmarks/gpu.sh              on a machine with a CUDA GPU and PyTorch
#   bash benchmarks/gpu.sh --rehearse   all of it with tiny sizes on the CPU
#
# OUT     folder of results.md, results.jsonl and log.txt (default: gpu-results); each line is written as it is known
# EXTRA   folder that holds what a machine without internet lacks: wheels/*.whl, photos/*.jpg
# PYTHON  the interpreter (default: python3)
# LIMIT   seconds in all (default: 390)
# ITEMS   the files to run (default: all), such as "smoothgrad.py score.py"
set -u
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
out=${OUT:-gpu-results}
extra=${EXTRA:-}
limit=${LIMIT:-390}
items=${ITEMS:-smoothgrad.py steps.py embed_catalog.py score.py all_pairs.py transformer.py}
rehearse=()
if [ "${1:-}" = --rehearse ]; then rehearse=(--rehearse); limit=3600; fi
mkdir -p "$out"
export PYTHONUNBUFFERED=1 PYTHONPATH="$here/../src:$here:$here/on_gpu${PYTHONPATH:+:$PYTHONPATH}"
if [ -n "$extra" ]; then
  export LIKEWISE_GPU_PHOTOS="$extra/photos"
  installed=$(mktemp -d)
  "$python" -m pip install --quiet --no-index --no-deps --target "$installed" "$extra"/wheels/*.whl 2>&1 | tail -n 3
  export PYTHONPATH="$installed:$PYTHONPATH"
fi

"$python" - "$out" <<'PYTHON' 2>&1 | tee -a "$out/log.txt"
import os, platform, sys
import torch
from record import HEADER
name = torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"
words = f"{name}, {len(os.sched_getaffinity(0))} cores, torch {torch.__version__}, Python {platform.python_version()}"
with open(f"{sys.argv[1]}/results.md", "w") as table:
    table.write(f"{words}\n\n| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}\n")
print(words)
PYTHON

# item SECONDS FILE [OPTIONS]: runs one measurement; it ends itself a little before it would be ended
item() {
  local seconds=$1 file=$2; shift 2
  case " $items " in *" $file "*) ;; *) return ;; esac
  local left=$((limit - SECONDS))
  if [ "$left" -lt 20 ]; then echo "no time left for $file" | tee -a "$out/log.txt"; return; fi
  [ ${#rehearse[@]} = 0 ] || seconds=$((4 * seconds))
  [ "$seconds" -le "$left" ] || seconds=$left
  echo "== $file $* (at most $seconds s, started at $SECONDS s)" | tee -a "$out/log.txt"
  timeout --kill-after=5 "$seconds" "$python" "$here/on_gpu/$file" --out "$out" --seconds $((seconds * 6 / 10)) \
    ${rehearse[@]+"${rehearse[@]}"} "$@" 2>&1 | tee -a "$out/log.txt"
  echo "== $file ended with ${PIPESTATUS[0]}" | tee -a "$out/log.txt"
}

item 75 smoothgrad.py
item 100 steps.py
item 85 embed_catalog.py
item 45 score.py
item 70 all_pairs.py
item 60 transformer.py
item 90 steps.py --compile
echo
cat "$out/results.md"
