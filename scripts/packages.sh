#!/usr/bin/env bash
# Installs the Debian packages that are missing: packages.sh build|wheel|test|system|bench
# If all are installed, it prints nothing and needs neither network nor root.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
python=${PYTHON:-python3}

have() { command -v "$1" >/dev/null; }
may_make_venvs() { "$python" -c 'import ensurepip, venv' 2>/dev/null; }
has_pcap() { [ -e /usr/include/pcap/pcap.h ] || pkg-config --exists libpcap 2>/dev/null; }

missing=()
need() { local package=$1; shift; "$@" || missing+=("$package"); }

need python3 have "$python"
need python3-venv may_make_venvs
need gcc have cc
need libc6-dev test -e /usr/include/stdlib.h
need pkg-config have pkg-config
need libpcap-dev has_pcap
need openssl have openssl # the other end of TLS in tests
if [ "$1" != build ]; then # the wheel contains a libpcap that is built from its source
  need curl have curl
  need xz-utils have xz
  need flex have flex
  need bison have bison
fi
if [ "$1" = test ] || [ "$1" = bench ]; then # real servers and clients for the live tests, in network namespaces
  need nginx-light have nginx # also a proxy before the live page
  need wrk have wrk
  need nghttp2-server have nghttpd # HTTP/2
  need nghttp2-client have h2load
  need nghttp2-proxy have nghttpx # upgrades to HTTP/2
  need tcpdump have tcpdump
  need iproute2 have ip
  need ethtool have ethtool
  need nftables have nft
  need zstd have zstd
  need tshark have editcap # the package contains editcap
  need prometheus-alertmanager have prometheus-alertmanager # alerts are posted to a real one
  need prometheus have prometheus # metrics are scraped by a real one, and promtool checks rules
  need chromium have chromium # the page of a report is looked at in a real browser
  need zsh have zsh # completions are tried in the shells that use them
  need fish have fish
  need mandoc have mandoc
  need groff have groff # with preconv, which man calls
  need man-db have man
  need systemd have systemd-analyze # the unit in contrib is verified, and the log is rotated
  need logrotate have logrotate
  need strace have strace # makes system calls fail
  need faketime have faketime
fi
if [ "$1" = system ]; then # other releases of Debian, in folders of their own
  need debootstrap have debootstrap
  need iproute2 have ip
fi
if [ "$1" = bench ]; then # the tools that netmon is compared with, and tcpreplay, which replays captures
  need httpry have httpry
  need ngrep have ngrep
  need tcpflow have tcpflow
  need tcpreplay have tcpreplay
fi

# llvm-profdata reads the profile that makes the wheel faster. Where no package offers it, the wheel is built without a
# profile (see wheel.sh).
case $1 in wheel | bench) wants_profile=yes ;; *) wants_profile= ;; esac
llvm=$(rustc -vV 2>/dev/null | sed -n 's/^LLVM version: \([0-9]*\).*/llvm-\1/p' || true)
is_offered() { [[ $(apt-cache policy "$1" 2>/dev/null) == *"Candidate: "[0-9]* ]]; }
need_profdata() {
  if [ -n "$wants_profile" ] && [ -n "$llvm" ] && ! compgen -G "$(rustc --print sysroot)/lib/rustlib/*/bin/llvm-profdata" >/dev/null && is_offered "$llvm"; then
    need "$llvm" test -x "/usr/lib/$llvm/bin/llvm-profdata"
  fi
}
need_profdata

if [ ${#missing[@]} -gt 0 ]; then
  if ! have apt-get; then
    echo "netmon needs what Debian calls: ${missing[*]}. Please install it with your system's package manager." >&2
    exit 1
  fi
  root=() && [ "$(id -u)" = 0 ] || root=(sudo)
  echo "installing: ${missing[*]}"
  "${root[@]}" apt-get update -q
  [[ " ${missing[*]} " == *" $llvm "* ]] || need_profdata
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

if ! have cargo; then
  echo "netmon is built with Rust, and there is no cargo: see https://rustup.rs" >&2
  exit 1
fi
