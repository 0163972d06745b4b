#!/bin/sh
# Replaces run-app on a developer's machine and in tests: same arguments, but neither another user nor limits.
set -eu
logs=$3
shift 3
mkdir -p "$logs"
exec >>"$logs/current" 2>&1
exec "$@"
