#!/usr/bin/env bash
# Checks licences, sources and duplicates of the crates, and advisories if their database can be reached: deny.sh
# Without cargo-deny the checks are skipped with a message. Building cargo-deny takes minutes; `make deny` does so.
set -euo pipefail
PATH=$PATH:$PWD/target/tools/bin

if ! command -v cargo-deny >/dev/null; then
  echo "skipped: cargo deny (licences, sources, duplicates, advisories of crates); 'make deny' installs it"
  exit 0
fi
cargo deny --locked --log-level error check licenses sources bans
if cargo deny --locked --log-level off fetch db 2>/dev/null; then
  cargo deny --locked --log-level error check --disable-fetch advisories
else
  echo "skipped: advisories of crates, because their database cannot be reached"
fi
