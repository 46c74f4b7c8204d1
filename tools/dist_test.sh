#!/usr/bin/env bash
# Copyright (c) DKSAN-MM contributors.
# Evaluate with several processes, one for each GPU (without GPUs: on CPUs).
# CHECKPOINT is `none` for a model without parameters.
set -eu

if [ $# -lt 3 ] || ! [ "$3" -gt 0 ] 2>/dev/null; then
    echo "usage: [NNODES=1 NODE_RANK=0 MASTER_ADDR=127.0.0.1 PORT=29500]" \
        "$0 CONFIG CHECKPOINT GPUS [options of tools/test.py]" >&2
    exit 2
fi
config=$1
checkpoint=$2
gpus=$3
shift 3
if [ "$checkpoint" != none ]; then
    set -- "$checkpoint" "$@"
fi

exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$gpus" \
    "$(dirname "$0")/test.py" "$config" "$@" --launcher pytorch
