#!/usr/bin/env bash
# Start a SLURM of one node and one pretended GPU on loopback: start_cluster.sh FOLDER
# Needs Debian's slurmctld, slurmd, slurm-client and munge. Everything lives in FOLDER (a short path: sockets), with an
# own munge and own ports. Use it with ". FOLDER/environment.sh"; end it with "stop_cluster.sh FOLDER".
set -euo pipefail

here=$(dirname "$(realpath "$0")")
cluster=$(realpath --canonicalize-missing "$1")
port=${GLIOFILL_SLURM_PORT:-17817}

await() { # await WHAT COMMAND…: until the command succeeds, 2 minutes at most
  for _ in $(seq 600); do
    "${@:2}" >/dev/null 2>&1 && return
    sleep 0.2
  done
  echo "start_cluster: $1 does not answer; the ends of its logs:" >&2
  tail -n 15 "$cluster"/*.log >&2
  exit 1
}

umask 022
mkdir -p "$cluster"/{state,spool,bin}
getent ahostsv4 "$(hostname)" >/dev/null || echo "127.0.0.1 $(hostname)" >>/etc/hosts

(umask 077 && head --bytes=1024 /dev/urandom >"$cluster/munge.key")
# --force: the folder may belong to a user whom munge would not trust with a key
munged --force --key-file="$cluster/munge.key" --socket="$cluster/munge.socket" --pid-file="$cluster/munged.pid" \
  --seed-file="$cluster/munge.seed" --log-file="$cluster/munged.log" 2>/dev/null
await munged munge --no-input --socket="$cluster/munge.socket"

sed -e "s|@CLUSTER@|$cluster|g; s|@PORT@|$port|; s|@NODE_PORT@|$((port + 1))|; s|@USER@|$(id --user --name)|" \
  "$here/slurm.conf" >"$cluster/slurm.conf"
# any device file will do as a GPU; without one SLURM would not set CUDA_VISIBLE_DEVICES
echo "NodeName=localhost Name=gpu File=/dev/null" >"$cluster/gres.conf"
# slurmd loads a cgroup plug-in even if nothing uses it, and this one loads where there are no cgroups
echo "CgroupPlugin=cgroup/v1" >"$cluster/cgroup.conf"

# inside a job, Snakemake's plug-in forgets SLURM_CONF before it calls srun; a cluster's own stands in /etc/slurm
printf '#!/bin/sh\nSLURM_CONF=%s exec %s "$@"\n' "$cluster/slurm.conf" "$(command -v srun)" >"$cluster/bin/srun"
chmod 755 "$cluster/bin/srun"
printf 'export SLURM_CONF=%s PATH=%s:$PATH\n' "$cluster/slurm.conf" "$cluster/bin" >"$cluster/environment.sh"

export SLURM_CONF=$cluster/slurm.conf
slurmctld
await slurmctld scontrol ping
slurmd -N localhost
await slurmd sh -c "sinfo --noheader --format %T | grep --quiet idle"
echo "$(sinfo --version) runs in $cluster: one node, one pretended GPU"
