#!/usr/bin/env bash
# Installs the system packages that are missing: those that the build needs, and with the word `tests` those that the tests need too.
# Does nothing when all are there.
set -euo pipefail

# FFmpeg's libraries; libclang with its own headers for the bindings; a C compiler for SQLite and the allocator.
packages=(
  build-essential pkg-config
  libavcodec-dev libavformat-dev libavutil-dev libswscale-dev libswresample-dev
  libclang1-14 libclang-common-14-dev
)
if [ "${1:-}" = tests ]; then
  # The services that the tests of the farm start by themselves, and Python for the tools that check the Helm chart.
  packages+=(postgresql rabbitmq-server python3 python3-venv)
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done

if ! command -v cargo >/dev/null; then
  echo "setup: cargo is not on the PATH: install a Rust toolchain, version 1.95 or later, then run this again" >&2
  exit 1
fi
have=$(cargo --version | sed -E 's/cargo ([0-9]+)\.([0-9]+).*/\1 \2/')
read -r major minor <<<"$have"
if [ "$major" -eq 1 ] && [ "$minor" -lt 95 ]; then
  echo "setup: $(cargo --version) is too old: install Rust 1.95 or later (rustup update stable)" >&2
  exit 1
fi
[ ${#missing[@]} -eq 0 ] && exit 0

echo "setup: installing ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "setup: run as root, or install sudo: apt-get install ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi

# The packages of services start them at once and at every boot. The tests need the programs only, so both are prevented; a service
# that was there before is left as it is.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod +x "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
for service in postgresql rabbitmq-server; do
  if [[ " ${missing[*]} " == *" $service "* ]] && [ -d /run/systemd/system ]; then
    "${as_root[@]}" systemctl disable --quiet "$service"
  fi
done
