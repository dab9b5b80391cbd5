# Two commands do everything on a fresh Debian 12 with a Rust toolchain: `make demo` and `make test`.
.DEFAULT_GOAL := help
.PHONY: help setup setup-tests build demo test fullwidth longfilm sanitize lint doc bench peers

EMOFARM := target/release/emofarm
FILM    := target/demo/film.mp4
# What the program tells its allocator (cli/src/memory.rs).
AS_PROGRAM := MIMALLOC_PURGE_DELAY=100

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: ## install the system packages that are missing
	@tools/setup.sh

setup-tests:
	@tools/setup.sh tests
	@tools/helm.sh

build: setup ## build the release binary
	cargo build --release --locked --package cli

demo: build ## render the shipped portrait and speech with the shipped demo model
	@mkdir -p $(dir $(FILM))
	$(EMOFARM) render demo/portrait.png demo/speech.wav -o $(FILM) --size 512 --overwrite
	@echo "The demo model knows drawn faces only; docs/models.md says what photographs need."

test: setup-tests ## run all tests
	cargo test --workspace --locked

fullwidth: setup ## the Hallo network at the published width: 5 GB of disk, 6 GB of memory, minutes
	cargo test --workspace --locked --lib full_width -- --ignored --nocapture

longfilm: setup setup-tests ## a film of ten minutes (EMOFARM_FILM_MINUTES) through a farm: memory, frames, sound; as long as it renders
	cargo test --workspace --test long_film -- --ignored --nocapture

# The sanitizer is not stable yet: the compiler is told to have it all the same. It sees neither assembly nor numbers that were never written;
# tests see the latter, by debug assertions, without which the memory that is not zeroed first is compiled here. In a folder
# of its own, since build scripts that ask for the variable would be run again by every other target.
sanitize: setup ## the tests of the CPU kernels, the one place with unsafe code that computes, under the address sanitizer
	CARGO_TARGET_DIR=target/sanitize RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address -Cdebug-assertions=off" cargo test --locked --package diffusion --lib \
		--target x86_64-unknown-linux-gnu -- kernels

lint: setup ## formatting and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

doc: setup ## build the documentation, without a warning
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

bench: build ## time the network of the demo model
	$(AS_PROGRAM) cargo bench --locked --package diffusion --bench clip

peers: ## time the network at the published width beside PyTorch and ONNX Runtime; EMOFARM_PYTHON names a Python that has them
	$(AS_PROGRAM) cargo bench --locked --package diffusion --bench peers
