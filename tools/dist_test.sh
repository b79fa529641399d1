#!/usr/bin/env bash
# Evaluate on several processes: tools/dist_test.sh CONFIG CHECKPOINT N [options of test.py]
set -eu
[ $# -ge 3 ] || { sed -n 2p "$0" | cut -c3- >&2; exit 2; }
config=$1 checkpoint=$2 processes=$3
shift 3
exec "$(dirname "$0")/_torchrun.sh" "$processes" test.py "$config" "$checkpoint" "$@"
