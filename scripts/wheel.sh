#!/usr/bin/env bash
# Builds FOLDER/netmon_http-*.whl with the maturin beside the given Python: wheel.sh PYTHON FOLDER
# Where there is an llvm-profdata of the compiler's own LLVM (rustup's llvm-tools, or Debian's), the compiler first
# learns from scripts/training.py what to make fast; MATURIN_PGO=0 leaves that out, for a build in half the time.
set -euo pipefail

llvm=/usr/lib/llvm-$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')/bin
rustup=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin
if [ -z "${MATURIN_PGO-}" ]; then
  if [ -x "$rustup/llvm-profdata" ] || [ -x "$llvm/llvm-profdata" ]; then
    export MATURIN_PGO=1
  else
    echo "netmon is built without a profile, and a sixth slower: for one, run 'rustup component add llvm-tools'" >&2
  fi
fi

# The compiler's own lines are the progress: it takes minutes.
case ${MATURIN_PGO-0} in
  0) echo "building netmon: a few minutes the first time" ;;
  *) echo "building netmon twice, the second time by the profile of the first: several minutes" ;;
esac
rm -rf "$2"
PATH=$llvm:$PATH "$(dirname "$1")/maturin" build --release --locked --compatibility linux --interpreter "$1" --out "$2"
