#!/usr/bin/env bash
# The zig of the package ziglang, which $ZIG_PYTHON has installed, with the one option of linkers that it does not know:
# builds that record a profile are linked with `-u SYMBOL`.
set -euo pipefail
options=()
while [ $# -gt 0 ]; do
  if [ "$1" = -u ]; then
    options+=("-Wl,-u,$2")
    shift
  else
    options+=("$1")
  fi
  shift
done
exec "$ZIG_PYTHON" -m ziglang "${options[@]}"
