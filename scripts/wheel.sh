#!/usr/bin/env bash
# Builds FOLDER/netmon_http-*.whl with the maturin that is installed beside PYTHON: wheel.sh PYTHON FOLDER [portable]
# A portable wheel contains libpcap and runs on every Linux with glibc 2.28 or later; without `portable`, the wheel is for
# this machine.
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

# macOS has a libpcap of its own.
pcap=
system=(--compatibility linux)
if [ "${3-}" = portable ] && [ "$(uname -s)" = Linux ]; then
  pcap=target/libpcap
  "$(dirname "$0")/libpcap.sh" "$1" "$pcap"
  read -r LIBPCAP_VER _ <"$pcap/version"
  ZIG_PYTHON=$(realpath --no-symlinks "$1")
  export LIBPCAP_LIBDIR=$PWD/$pcap LIBPCAP_VER ZIG_PYTHON CARGO_ZIGBUILD_ZIG_PATH=$PWD/scripts/zig.sh
  system=(--compatibility manylinux_2_28 --auditwheel check --zig)
elif [ "$(uname -s)" != Linux ]; then
  system=()
fi

# A wheel for others has a bill of materials. It does not tell where the building machine keeps its files, which messages
# of panics would name.
if [ "${3-}" = portable ]; then
  between=$'\x1f' # the only separator that may not occur in a path
  CARGO_ENCODED_RUSTFLAGS=--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}/registry/src=crates
  CARGO_ENCODED_RUSTFLAGS+=$between--remap-path-prefix=$PWD=netmon
  CARGO_ENCODED_RUSTFLAGS+=$between--remap-path-prefix=$(rustc --print sysroot)=rust
  export CARGO_ENCODED_RUSTFLAGS
  "$1" scripts/bill.py target/bill/netmon.cdx.json ${pcap:+"$pcap"}
  system+=(--sbom-include target/bill/netmon.cdx.json)
fi

# The build takes minutes; the compiler's own output shows the progress.
case ${MATURIN_PGO-0} in
  0) echo "building netmon: a few minutes the first time" ;;
  *) echo "building netmon twice, the second time with a profile from the first: several minutes" ;;
esac
rm -rf "$2"
PATH=$llvm:$PATH "$(dirname "$1")/maturin" build --release --locked "${system[@]}" --interpreter "$1" --out "$2"
