#!/usr/bin/env bash
# The first hour of a user: install, serve, write, watch, lock, back up, restore, migrate from etcd.
# usage: first-hour.sh PACKAGE.tgz   in an empty directory. Prints a line for each step that has worked.
set -euo pipefail

trap 'kill $(jobs -p) 2> /dev/null; wait' EXIT

fail() {
  echo "first-hour.sh: $*" >&2
  exit 1
}

expect() {
  [ "$1" = "$2" ] || fail "expected $(printf %q "$2"), got $(printf %q "$1")"
}

# Waits until a command succeeds.
eventually() {
  for _ in {1..600}; do
    if "$@" > /dev/null 2>&1; then return; fi
    sleep 0.1
  done
  fail "not within a minute: $*"
}

# Starts a server on free ports. Sets the variables `server` to its process and `address` to where it listens.
serve() {
  # What an earlier server has said must be gone before it is looked for.
  : > server.log
  duetkv --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --log "$1" > server.log 2> server.err &
  server=$!
  eventually grep -q '"msg":"ready"' server.log
  address=$(sed -n 's/.*"listen":"\([^"]*\)".*/\1/p' server.log | head -1)
}

npm install --offline --silent --prefix . "$1"
PATH="$PWD/node_modules/.bin:$PATH"
duetkv --help > help
grep -q 'duetkv put' help
echo installed

serve file:data
export XDG_CONFIG_HOME=$PWD/config
duetkv context add here --server "$address" --quiet
expect "$(duetkv health)" SERVING
echo serves

duetkv put greeting hello --quiet
expect "$(duetkv get greeting)" hello
duetkv put config/app.json '{"debug":false}' --quiet
revision=$(duetkv get config/app.json --json | sed 's/.*"revision":"\([0-9]*\)".*/\1/')
duetkv put config/app.json '{"debug":true}' --if-revision "$revision" --quiet
code=0
duetkv put config/app.json '{}' --if-revision "$revision" 2> conflict || code=$?
expect "$code" 4
grep -q REVISION_MISMATCH conflict
duetkv revert config/app.json --to "$revision" --quiet
expect "$(duetkv get config/app.json)" '{"debug":false}'
expect "$(duetkv ls)" $'config/\ngreeting'
expect "$(duetkv complete zsh get conf)" $'words\nconfig/\t'
echo writes

duetkv watch --prefix config/ --json > changes 2> watch.err &
watch=$!
eventually test -s changes
duetkv put config/level info --quiet
eventually grep -q config/level changes
kill -INT "$watch"
code=0
wait "$watch" || code=$?
expect "$code" 130
echo watches

expect "$(duetkv lock locks/job -- sh -c 'test "$DUETKV_FENCE" -gt 0 && echo locked')" locked
code=0
duetkv lock locks/job -- sh -c 'duetkv lock locks/job --wait 100ms -- true' 2> held || code=$?
expect "$code" 4
grep -q LOCK_HELD held
echo locks

duetkv snapshot save backup.snapshot > saved
hash=$(sed 's/.*hash //' saved)
expect "$(duetkv snapshot verify backup.snapshot --server "$address" | sed 's/.*hash //')" "$hash"
duetkv export > all.jsonl
kill -KILL "$server"
wait "$server" 2> /dev/null || true
duetkv log verify --log file:data > /dev/null
echo backed up

duetkv snapshot restore backup.snapshot --log file:restored > /dev/null
serve file:restored
duetkv context add here --server "$address" --quiet
expect "$(duetkv get config/level)" info
expect "$(duetkv export | tail -1 | sed 's/.*"sha256":"\([^"]*\)".*/\1/')" "$(tail -1 all.jsonl | sed 's/.*"sha256":"\([^"]*\)".*/\1/')"
duetkv del --prefix config/ --yes > /dev/null
duetkv import all.jsonl --prefix config/ --mode mirror --quiet
expect "$(duetkv get config/level)" info
echo restored

etcd --data-dir etcd --listen-client-urls "http://127.0.0.1:$ETCD_PORT" --advertise-client-urls "http://127.0.0.1:$ETCD_PORT" \
  --listen-peer-urls "http://127.0.0.1:$ETCD_PEER_PORT" > etcd.log 2>&1 &
etcd_put() {
  curl --silent --fail "http://127.0.0.1:$ETCD_PORT/v3/kv/put" \
    --data "{\"key\":\"$(printf %s "$1" | base64)\",\"value\":\"$(printf %s "$2" | base64)\"}"
}
eventually etcd_put services/web 10.0.0.1
etcd_put services/db 10.0.0.2 > /dev/null
duetkv import --from etcd "http://127.0.0.1:$ETCD_PORT" --prefix services/ --to-prefix svc/ --quiet
expect "$(duetkv ls svc/ --values)" $'svc/db\t10.0.0.2\nsvc/web\t10.0.0.1'
echo migrated
