#!/usr/bin/env bash
# End the SLURM that start_cluster.sh started: stop_cluster.sh FOLDER
set -uo pipefail
cluster=$(realpath "$1")
export SLURM_CONF=$cluster/slurm.conf

# the processes of a job would outlive slurmd
scancel --user="$(id --user --name)" 2>/dev/null
for _ in $(seq 50); do
  [ -z "$(squeue --noheader --states=RUNNING,COMPLETING 2>/dev/null)" ] && break
  sleep 0.2
done
for daemon in slurmd slurmctld munged; do
  pid=$(cat "$cluster/$daemon.pid" 2>/dev/null) || continue
  # a number may have passed to another program
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$daemon" ] || continue
  kill "$pid"
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null && echo "stop_cluster: $daemon had to be killed" >&2
done
exit 0
