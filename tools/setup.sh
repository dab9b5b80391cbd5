#!/usr/bin/env bash
# Installs the system packages that the build needs and that are missing. Does nothing when all are there.
set -euo pipefail

# FFmpeg's libraries; libclang with its own headers for the bindings; a C compiler for SQLite and the allocator.
packages=(
  build-essential pkg-config
  libavcodec-dev libavformat-dev libavutil-dev libswscale-dev libswresample-dev
  libclang1-14 libclang-common-14-dev
)

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
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
