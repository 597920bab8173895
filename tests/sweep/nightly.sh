#!/bin/sh
# nightly.sh TEST_SWEEP LIBRARY SEEDS: the sweep in as many shards as there are cores; fails when one of them does.
# SPDX-License-Identifier: Apache-2.0
set -eu
shards=$(nproc) shard=0 pids="" status=0
while [ "$shard" -lt "$shards" ]; do
    shard=$((shard + 1))
    "$1" "$2" "$3" "$shard" "$shards" &
    pids="$pids $!"
done
for pid in $pids; do wait "$pid" || status=1; done
exit $status
