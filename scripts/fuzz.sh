#!/usr/bin/env bash
# Runs each fuzzer for SECONDS in JOBS processes: fuzz.sh SECONDS JOBS
# Needs a nightly compiler; installs cargo-fuzz if it is missing. Inputs that fail are kept in rust/fuzz/artifacts.
set -euo pipefail

if ! cargo +nightly --version >/dev/null 2>&1; then
  echo "fuzzers need a nightly compiler: rustup toolchain install nightly" >&2
  exit 1
fi
command -v cargo-fuzz >/dev/null || cargo install -q --locked cargo-fuzz
for target in rust/fuzz/targets/*.rs; do
  name=$(basename "$target" .rs)
  echo "$name: $1 s"
  cargo +nightly fuzz run --fuzz-dir rust/fuzz -s none "$name" -- -max_total_time="$1" -fork="$2" -ignore_timeouts=0 -print_final_stats=1
done
