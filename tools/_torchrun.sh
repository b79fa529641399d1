#!/usr/bin/env bash
# _torchrun.sh PROCESSES TOOL ARGUMENTS: run tools/TOOL under torchrun, several machines by
# NNODES, NODE_RANK, MASTER_ADDR and PORT. MAX_RESTARTS=N resumes by itself up to N times.
set -eu
processes=$1 tool=$2
shift 2
tools=$(cd "$(dirname "$0")" && pwd)
python=python3
"$python" -c 'import mmengine' 2>/dev/null || python=$tools/../.venv/bin/python
if [ -n "${NNODES:-}" ]; then
    where=(--nnodes="$NNODES" --node_rank="${NODE_RANK:?}" --master_addr="${MASTER_ADDR:?}"
        --master_port="${PORT:-29500}")
else
    where=(--standalone)
fi
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} MKL_NUM_THREADS=${MKL_NUM_THREADS:-1}
exec "$python" "$tools/_launch.py" "${where[@]}" --nproc_per_node="$processes" \
    --max-restarts="${MAX_RESTARTS:-0}" "$tools/$tool" "$@" --launcher pytorch
