"""Renders the chart with Helm's own engine and prints all manifests as one YAML stream.

usage: render.py CHART VALUES.yaml
Exit codes: 0 rendered, 1 the values or a template are refused (the reason is on standard error), 2 the chart has lint findings.
"""

import sys
from pathlib import Path

import yaml
from helm_python import Chart, HelmError
from helm_python.chart import lint

RELEASE, NAMESPACE = "farm", "films"


def main() -> int:
    chart_dir, values_file = Path(sys.argv[1]), Path(sys.argv[2])
    values = yaml.safe_load(values_file.read_text()) or {}
    try:
        chart = Chart.load(chart_dir)
        chart.validate_schema(values)
        rendered = chart.render(values, name=RELEASE, namespace=NAMESPACE, is_install=True, revision=1)
    except HelmError as error:
        print(error, file=sys.stderr)
        return 1
    report = lint(chart_dir, values, strict=True, namespace=NAMESPACE, kube_version="v1.35.0")
    # Severity 2 is a warning, 3 an error; the missing icon is only a hint (1).
    findings = [message for message in report["messages"] if message["severity"] >= 2] + report["errors"]
    if findings:
        print(findings, file=sys.stderr)
        return 2
    for path in sorted(rendered):
        if path.endswith("NOTES.txt"):
            continue
        for document in yaml.safe_load_all(rendered[path]):
            if document:
                print(f"# {path}")
                print("---")
                print(yaml.safe_dump(document, sort_keys=True, width=120), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
