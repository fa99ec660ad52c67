#!/usr/bin/env bash
# Measures the GPU rows of README.md in under ten minutes. Needs one NVIDIA GPU, ../shared beside the
# repository, and an environment with infra/requirements/{gpu,test}.txt:
#
#   PYTHON=.venv/bin/python tests/benchmarks/gpu.sh | tee gpu.log
#
# A measurement that exceeds its limit is ended, and the others still run; then the exit code is 1.
set -uo pipefail
cd "$(dirname "$0")/../.."
export TF_CPP_MIN_LOG_LEVEL=2
python=${PYTHON:-.venv/bin/python}
failed=0

measure() { # measure SECONDS SCRIPT [ARGUMENT]...
  local limit=$1
  shift
  printf '\n$ %s\n' "$*"
  timeout --kill-after=5 "$limit" "$python" "tests/benchmarks/$@" || {
    printf 'failed or exceeded %s s: %s\n' "$limit" "$*"
    failed=1
  }
}

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || exit 1
measure 200 training.py --rounds 1 --share 0.2
measure 100 search.py --rounds 2
measure 100 search.py --beam 50 --naive-photos 16 --rounds 1
measure 180 features.py --photos 2000 --memory 700 2000 --compared 128 --rounds 1
exit "$failed"
