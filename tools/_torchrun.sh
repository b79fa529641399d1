#!/usr/bin/env bash
# _torchrun.sh PROCESSES TOOL ARGUMENTS: run tools/TOOL under torchrun, several machines by
# NNODES, NODE_RANK, MASTER_ADDR and PORT, which Slurm's srun gives by itself (one task a machine).
# MAX_RESTARTS=N resumes by itself up to N times.
set -eu
processes=$1 tool=$2
shift 2
tools=$(cd "$(dirname "$0")" && pwd)
python=python3
"$python" -c 'import mmengine' 2>/dev/null || python=$tools/../.venv/bin/python
nodes=${SLURM_STEP_NUM_NODES:-1}
if [ -z "${NNODES:-}" ] && [ "$nodes" -gt 1 ]; then
    [ "${SLURM_STEP_NUM_TASKS:-$nodes}" -eq "$nodes" ] || {
        echo "error: srun --ntasks-per-node=1 tools/dist_train.sh CONFIG GPUS, or one task a GPU:" \
            "srun tools/train.py CONFIG --launcher slurm" >&2
        exit 2
    }
    NNODES=$nodes NODE_RANK=$SLURM_NODEID PORT=${PORT:-$((20000 + SLURM_JOB_ID % 10000))}
    MASTER_ADDR=${MASTER_ADDR:-$(scontrol show hostnames "$SLURM_STEP_NODELIST" | head -n 1)}
fi
if [ "${NNODES:-1}" -gt 1 ]; then
    [ "${NODE_RANK:?}" -eq 0 ] && first=1 || first=0
    where=(--nnodes="$NNODES" --rdzv-backend=c10d --rdzv-conf="is_host=$first"
        --rdzv-endpoint="${MASTER_ADDR:?}:${PORT:-29500}")
else
    where=(--standalone)
fi
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} MKL_NUM_THREADS=${MKL_NUM_THREADS:-1}
exec "$python" "$tools/_launch.py" "${where[@]}" --nproc_per_node="$processes" \
    --max-restarts="${MAX_RESTARTS:-0}" "$tools/$tool" "$@" --launcher pytorch
