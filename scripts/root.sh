#!/usr/bin/env bash
# Makes FOLDER a Debian of another release, with Python and nothing else: root.sh SUITE FOLDER [PACKAGE...]
# Packages come from the archive of Debian that this machine uses. A root that is complete is left as it is.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

suite=$1 folder=$2
shift 2
[ ! -e "$folder/complete" ] || exit 0
archive=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Created-By: Packages' | grep -v security | sort -u | head -n 1)
if [ -z "$archive" ]; then
  echo "this machine installs its packages from no archive of Debian" >&2
  exit 1
fi
rm -rf "$folder"
mkdir -p "$(dirname "$folder")"
debootstrap --variant=minbase --include=python3,python3-venv "$suite" "$folder" "$archive"
if [ $# -gt 0 ]; then
  DEBIAN_FRONTEND=noninteractive chroot "$folder" apt-get install -q -y --no-install-recommends "$@"
fi
chroot "$folder" apt-get clean
rm -rf "$folder"/var/lib/apt/lists/*
touch "$folder/complete"
