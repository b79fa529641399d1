#!/usr/bin/env bash
# Train on several processes of this machine: tools/dist_train.sh CONFIG N [options of train.py]
# One GPU a process (NCCL, SyncBN); without GPUs on CPUs (gloo).
set -eu
[ $# -ge 2 ] || { sed -n 2,3p "$0" | cut -c3- >&2; exit 2; }
config=$1 processes=$2
shift 2
exec "$(dirname "$0")/_torchrun.sh" "$processes" train.py "$config" "$@"
