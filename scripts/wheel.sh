#!/usr/bin/env bash
# Builds FOLDER/netmon_http-*.whl with the maturin that is installed beside PYTHON: wheel.sh PYTHON FOLDER
# If llvm-profdata of the compiler's own LLVM version is installed (rustup's llvm-tools, or Debian's package), the build
# is profile-guided: scripts/training.py runs first and shows the compiler what to make fast. MATURIN_PGO=0 skips this
# and halves the time.
set -euo pipefail

llvm=/usr/lib/llvm-$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')/bin
rustup=$(rustc --print sysroot)/lib/rustlib/$(rustc -vV | sed -n 's/^host: //p')/bin
if [ -z "${MATURIN_PGO-}" ]; then
  if [ -x "$rustup/llvm-profdata" ] || [ -x "$llvm/llvm-profdata" ]; then
    export MATURIN_PGO=1
  else
    echo "netmon is built without a profile and will be a sixth slower; for a profile, run 'rustup component add llvm-tools'" >&2
  fi
fi

# The build takes minutes; the compiler's own output shows the progress.
case ${MATURIN_PGO-0} in
  0) echo "building netmon: a few minutes the first time" ;;
  *) echo "building netmon twice, the second time with a profile from the first: several minutes" ;;
esac
rm -rf "$2"
PATH=$llvm:$PATH "$(dirname "$1")/maturin" build --release --locked --compatibility linux --interpreter "$1" --out "$2"
