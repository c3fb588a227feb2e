#!/usr/bin/env bash
# The main job on real data: a stream of clip art, trained by two workers.
#
#   DEMO_DIR   where everything goes (default build/demo; its state is made anew)
#   DEMO_PORT  the coordinator's port (default 7217; metrics on 9217 and after)
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
bin=$root/build/cpu/bin
dir=${DEMO_DIR:-$root/build/demo}
port=${DEMO_PORT:-7217}
python=/usr/bin/python3
[ -x $python ] || python=python3
export KEEL_COORDINATOR=127.0.0.1:$port
domains="1-signs 2-nature 3-people 4-things"

say() { printf '\n== %s\n' "$*"; }

prepare() {
  [ -e "$dir/data/.complete" ] && return
  say "Preparing the clip-art stream (Debian's openclipart)"
  rm -rf "$dir/data" && mkdir -p "$dir/data"
  $python "$root/deploy/demo/prepare.py" "$dir/data"
  for part in train probe; do
    for domain in $domains; do
      "$bin/keel" pack --images "$dir/data/images" --captions "$dir/data/$domain-$part.tsv" \
        --out "$dir/data/$part/$domain" >/dev/null
      mv "$dir/data/$part/$domain/shard-000000.tar" "$dir/data/$domain-$part.tar"
    done
  done
  touch "$dir/data/.complete"
}

start_cluster() {
  say "Starting a coordinator and two CPU workers (logs in $dir/state)"
  rm -rf "$dir/state"
  mkdir -p "$dir/state"
  "$bin/keel" up --workers 2 --state-dir "$dir/state" --port "$port" \
    --metrics-port $((port + 2000)) >"$dir/cluster.log" 2>&1 &
  cluster=$!
  trap stop_cluster EXIT
  for _ in $(seq 100); do
    "$bin/keel" worker list --output json 2>/dev/null | grep -c '"IDLE"' | grep -qx 2 && { say_metrics; return; }
    kill -0 "$cluster" 2>/dev/null || break
    sleep 0.3
  done
  echo "the cluster did not start; see $dir/cluster.log" >&2
  tail -n 20 "$dir/cluster.log" >&2
  exit 1
}

say_metrics() {
  local first=$((port + 2000))
  cat <<TEXT
metrics: http://127.0.0.1:$first/metrics (coordinator), $((first + 1)) and $((first + 2)) (workers). To watch them meanwhile:
  deploy/setup.sh prometheus
  prometheus --config.file=deploy/prometheus/prometheus.yml --storage.tsdb.path=build/prometheus \\
    --web.listen-address=127.0.0.1:9290     then import deploy/grafana/drift.json into Grafana
TEXT
}

stop_cluster() {
  kill -TERM "$cluster" 2>/dev/null || true
  wait "$cluster" 2>/dev/null || true
}

# train STREAM CONFIG ORIGIN DOMAIN...: creates the stream, submits probes and
# chunks, watches its phases to their end. ORIGIN is the number of the checkpoint
# that knows the first domain; each domain after it is learned one phase later.
train() {
  local stream=$1 config=$2 origin=$3
  shift 3
  say "Stream $stream: $*"
  cp "$root/deploy/demo/$config" "$dir/"  # its initial checkpoint lies beside it
  "$bin/keel" stream create "$stream" --config "$dir/$config" >/dev/null
  for domain in $domains; do
    "$bin/keel" submit "$stream" "$dir/data/$domain-probe.tar" --probe \
      --origin $((origin++)) >/dev/null
  done
  for domain in "$@"; do "$bin/keel" submit "$stream" "$dir/data/$domain-train.tar"; done
  "$bin/keel" phase watch "$stream" --timeout 30m
}

show() {
  say "Recall of every checkpoint on every domain"
  for stream in clipart-finetune clipart-modx; do
    echo; echo "$stream (row 0 = frozen: the first checkpoint, never trained further)"
    "$bin/keel" recall "$stream"
  done
  say "Spatial disorder of each phase, against its parent and the origin of each domain (degrees)"
  for stream in clipart-finetune clipart-modx; do
    echo; echo "$stream"
    "$bin/keel" drift "$stream"
  done
  say "Was every sample trained exactly as often as promised?"
  for stream in clipart-first clipart-finetune clipart-modx; do
    "$bin/keel" ledger "$stream" --verify
  done
}

verdicts() {
  for stream in clipart-finetune clipart-modx; do
    "$bin/keel" recall "$stream" --output json >"$dir/recall-$stream.json"
  done
  $python "$root/deploy/demo/verdict.py" "$dir/recall-clipart-finetune.json" \
    "$dir/recall-clipart-modx.json"
}

what_next() {
  say "What is there now"
  cat <<TEXT
checkpoint of the first phase   $dir/first
checkpoint after all phases     $dir/modx          (OpenCLIP loads it: local-dir:$dir/modx)
cluster state and logs          $dir/state

What to type next (export PATH=$bin:\$PATH; the first one in a terminal of its own):
  keel up --workers 2                                  a cluster of your own
  keel pack --images DIR --captions FILE.tsv --out SHARDS
  echo 'train: {epochs: 12}' >mine.yaml                defaults: tiny, modx, 5 % held out
  keel stream create mine --config mine.yaml
  keel submit mine SHARDS/shard-000000.tar && keel phase watch mine && keel recall mine
TEXT
}

mkdir -p "$dir"
prepare
begin=$(date +%s)
start_cluster
rm -rf "$dir/first" "$dir/modx"
train clipart-first first.yaml 1 1-signs
"$bin/keel" checkpoint pull clipart-first@1 --out "$dir/first"
train clipart-finetune finetune.yaml 0 2-nature 3-people 4-things
train clipart-modx modx.yaml 0 2-nature 3-people 4-things
"$bin/keel" checkpoint pull clipart-modx --out "$dir/modx"
show
what_next
say "The job took $(($(date +%s) - begin)) seconds. Does it keep what it learned?"
verdicts
