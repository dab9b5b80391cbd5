#!/usr/bin/env bash
# On a machine with an NVIDIA card, in one call: builds the program, looks for CUDA's libraries, holds every operator on the card against the CPU and a
# whole network against its golden file, times a step at full width (512 x 512, 16 frames, guided, bf16) beside PyTorch, and says what share of the card's
# measured matrix peak it reaches and how much memory it takes.
#
#   tools/gpu.sh [OUT]                  results go to OUT (target/gpu); ends with 0 when every check passes
#   EMOFARM=path/to/emofarm …           a program that was built elsewhere, in place of a build here
#   PYTHON=path/to/python …             the Python with PyTorch [python3]; without PyTorch its rows are left out
#   DEVICE=cuda:1 …                     the card [cuda:0]
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:-target/gpu} python=${PYTHON:-python3} device=${DEVICE:-cuda:0} failed=0
mkdir -p "$out"

step() { printf '\n== %s\n' "$*"; }
check() {
    "$@" || { failed=1; printf 'FAILED: %s\n' "$*"; }
}

# A machine with PyTorch has CUDA's libraries in its packages, and they are used where the toolkit's are not there.
packages=$("$python" -c 'import nvidia, os; print(list(nvidia.__path__)[0])' 2>/dev/null) &&
    LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$(find "$packages" -maxdepth 2 -name lib -type d | paste -sd:) && export LD_LIBRARY_PATH

step "build"
program=${EMOFARM:-target/x86_64-unknown-linux-gnu/release/emofarm}
if [ -z "${EMOFARM:-}" ]; then
    # The libraries are opened when the program runs: the cfg reaches the crates, and --target keeps it from their build scripts.
    RUSTFLAGS='--cfg feature="dynamic-loading"' cargo build --release --locked --package cli --features cuda \
        --target x86_64-unknown-linux-gnu || exit 1
fi

step "device and libraries"
nvidia-smi || true
for library in cuda cublas curand; do
    "$python" - "$library" <<'P'
import ctypes, sys
for ending in (".so.13", ".so.12", ".so.10", ".so.9", ".so.1", ".so"):
    try:
        ctypes.CDLL(f"lib{sys.argv[1]}{ending}")
        print(f"lib{sys.argv[1]}{ending} is there")
        break
    except OSError:
        pass
else:
    print(f"lib{sys.argv[1]} is NOT there")
P
done
"$program" --device "$device" doctor | grep -E '^(ok  |FAIL) device' || true

step "operators against the CPU, the card's peak, a step at full width"
check "$program" --device "$device" --json bench --only card >"$out/card.json"
"$python" - "$out/card.json" <<'P'
import json, sys
card = json.load(open(sys.argv[1]))["card"]
for row in card["checks"]:
    print(f'{row["kind"]:5} {row["name"]:48} {row["error"]!s:24} {"ok" if row["passes"] else "WRONG"}')
step = card["step"]
print(f'peak {card["peak"] / 1e12:.0f} TFLOP/s; step {step["seconds"] * 1e3:.1f} ms, {100 * step["share"]:.0f} % of the peak, {step["memory"]} MiB')
P

step "whole networks against golden files"
for compute in f32 f16 bf16; do
    case $compute in f32) tolerance=1e-3 ;; f16) tolerance=2e-2 ;; bf16) tolerance=1e-1 ;; esac
    check "$program" --device "$device" model verify diffusion/tests/data/hallo-tiny --compute "$compute" --tolerance "$tolerance" \
        >"$out/verify-$compute.txt"
    tail -n 1 "$out/verify-$compute.txt"
done

step "the demo film on the card and on the CPU"
for where in "$device" cpu; do
    check "$program" --device "$where" --json render demo/portrait.png demo/speech.wav -o "$out/film-${where/:/-}.mp4" --overwrite \
        --compute f32 --data-dir "$out/data-${where/:/-}" >"$out/film-${where/:/-}.json"
done
ffmpeg -v error -i "$out/film-${device/:/-}.mp4" -i "$out/film-cpu.mp4" -lavfi "psnr=stats_file=-" -f null - 2>&1 | tail -n 1 || true

step "the same step in PyTorch"
if "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
    "$python" tools/gpu_step.py | tee "$out/pytorch.txt"
else
    echo "there is no PyTorch with CUDA here: no row beside"
fi

[ $failed -eq 0 ] && echo "all checks pass"
exit $failed
