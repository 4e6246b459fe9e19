#!/usr/bin/env bash
# Makes FOLDER/libpcap.a, which the wheel is linked with: libpcap.sh PYTHON FOLDER
# FOLDER/version has the version of libpcap and the checksum of its source, and FOLDER/LICENSE its licence.
# The source is the upstream tarball of Debian's source package. The compiler is the zig that is installed beside PYTHON.
set -euo pipefail

# The version that was tested, then the one that follows it in Debian, each with the SHA-256 sum of its tarball. The
# signature of the first tarball was verified with the key in Debian's source package; the second sum is the one in
# Debian's signed index.
tarballs=(
  1.10.6:ec97d1206bdd19cb6bdd043eaa9f0037aa732262ec68e070fd7c7b5f834d5dfc
  1.11.0:9237f5bae9dcf3a91823d9963ec43b7c0e2e3374ef2ad57d92c8cd39530f4723
)
upstream=https://www.tcpdump.org/release
glibc=2.28 # the oldest that the wheel runs with: RHEL 8, Debian 10, Ubuntu 18.10

ZIG_PYTHON=$(realpath --no-symlinks "$1")
export ZIG_PYTHON
mkdir -p "$2"
folder=$(realpath "$2")
[ ! -e "$folder/version" ] || exit 0

is_good() { echo "$2  $1" | sha256sum --check --status 2>/dev/null; }

# Prints the addresses of a tarball: in the archives of Debian that this machine installs packages from, then upstream.
addresses() {
  local base
  for base in $(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Created-By: Packages' 2>/dev/null | sort -u); do
    echo "${base}pool/main/libp/libpcap/libpcap_$1.orig.tar.xz"
  done
  echo "$upstream/libpcap-$1.tar.xz"
}

# Sets `version`, `sum` and `tarball` to the first that is in FOLDER already, or that can be had.
find_source() {
  local pair address
  for pair in "${tarballs[@]}"; do
    version=${pair%:*} sum=${pair#*:}
    tarball=$folder/libpcap-$version.tar.xz
    ! is_good "$tarball" "$sum" || return 0
    for address in $(addresses "$version"); do
      curl --fail --silent --location --max-time 60 --output "$tarball" "$address" || continue
      ! is_good "$tarball" "$sum" || return 0
    done
    rm -f "$tarball"
  done
  echo "the source of libpcap could not be fetched: put libpcap-${tarballs[0]%:*}.tar.xz from $upstream into $folder" >&2
  return 1
}
find_source

echo "building libpcap $version"
source=$folder/source
rm -rf "$source"
mkdir "$source"
tar --extract --xz --file "$tarball" --directory "$source" --strip-components 1
compiler="$(realpath "$(dirname "$0")")/zig.sh cc -target $(uname -m)-linux-gnu.$glibc"
(
  cd "$source"
  # Left out is what needs further libraries: devices that are no network interfaces, and cards of single makers.
  ./configure CC="$compiler" CFLAGS='-O2 -g0 -fPIC' --disable-shared --disable-dbus --disable-rdma --disable-bluetooth \
    --disable-usb --disable-netmap --disable-remote --without-libnl --without-dag --without-dpdk --without-septel --without-snf
  make -j "$(nproc)" libpcap.a
) >"$folder/log" 2>&1 || { tail -n 20 "$folder/log" >&2; exit 1; }
cp "$source/libpcap.a" "$source/LICENSE" "$folder"
echo 'INPUT(libpcap.a)' >"$folder/libpcap.so" # what a linker reads where it is asked for a shared library
rm -rf "$source"
echo "$version $sum" >"$folder/version"
