#!/usr/bin/env bash
# Runs the tests of the code around `unsafe` (calls of libpcap, socket options, the structs of Arrow) with AddressSanitizer, and
# of the tables of the pipeline, whose crates are full of it: sanitize.sh
set -euo pipefail

if ! cargo +nightly --version >/dev/null 2>&1; then
  echo "skipped: AddressSanitizer needs a nightly compiler: rustup toolchain install nightly" >&2
  exit 0
fi
target=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="-Zsanitizer=address" ASAN_OPTIONS="detect_leaks=0"
cargo +nightly test -q --locked --target "$target" --target-dir target/sanitize --lib -- arrow:: capture:: engine:: pipeline::aggregate pipeline::histogram pipeline::snapshot
