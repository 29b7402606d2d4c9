"""Looks at the files in deploy/: `python tests/deploy/check.py`, with what requirements.txt names.

Holds the manifest against the schemas of Kubernetes and the job definition against the model of AWS Batch,
which these packages bring along, and both against what a campaign takes: nobody else would notice that
there are more indices than shards, or that a pod with failures is started again and again.
"""

import json
import sys

import botocore.session
import botocore.validate
import kubernetes_validate
import scripts
import yaml
from scripts import DEPLOY, Wrong, check

# Those that the README names as the oldest, and the newest that there is a schema of.
KUBERNETES = ("1.29", kubernetes_validate.latest_version())
# What a shard ends with that is started again: it could not write, or make more runs; 128 and SIGABRT,
# SIGBUS, SIGKILL, SIGSEGV, SIGTERM.
AGAIN = [3, 4, 134, 135, 137, 139, 143]
# The same each time: failures, a complaint, a panic.
ENDED = [1, 2, 101]


def check_arguments(what: str, command: list[str], environment: list[dict[str, str]], folder: str) -> int:
    """Checks what a container runs; returns the number of shards."""
    check(command[1] == "campaign", f"{what}: runs {command}")
    options = dict(zip(command[3::2], command[4::2], strict=True))
    check(options.keys() == {"--seeds", "--out", "--jobs"}, f"{what}: has the options {options}")
    check(options["--out"] == folder, f"{what}: writes to {options['--out']}, and mounts {folder}")
    check(options["--jobs"] == "1", f"{what}: one core, and {options['--jobs']} jobs")
    variables = {variable["name"]: variable["value"] for variable in environment}
    check(variables.keys() == {"SEEDLOOP_SHARDS"}, f"{what}: sets {variables}")
    return int(variables["SEEDLOOP_SHARDS"])


def check_kubernetes() -> None:
    claim, job = yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text())
    for version in KUBERNETES:
        for document in (claim, job):
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                raise Wrong(f"kubernetes.yaml, Kubernetes {version}: {error.message}") from error
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    (mount,), (volume,) = container["volumeMounts"], pod["volumes"]
    check(spec["completionMode"] == "Indexed", "the Job has no indices")
    check(pod["restartPolicy"] == "Never", "a pod policy takes restartPolicy: Never")
    check(mount["name"] == volume["name"], "the volume is not mounted")
    check(volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"], "another claim")
    command = container["command"] + container["args"]
    shards = check_arguments("Kubernetes", command, container["env"], mount["mountPath"])
    check(spec["completions"] == shards, f"{spec['completions']} indices, and {shards} shards")
    # The first rule that fits counts.
    ignored, failed = spec["podFailurePolicy"]["rules"]
    check(ignored["action"] == "Ignore", "a node that is drained counts against the shard")
    codes = failed["onExitCodes"]
    check(failed["action"] == "FailIndex", "a shard with failures is tried again, or ends all others")
    check(codes["containerName"] == container["name"], "the codes are those of another container")
    check((codes["operator"], codes["values"]) == ("NotIn", AGAIN), f"other codes: {codes}")
    print(f"kubernetes.yaml: {shards} shards; valid for Kubernetes {' and '.join(KUBERNETES)}")


def check_batch() -> None:
    definition = json.loads((DEPLOY / "aws-batch.json").read_text())
    model = botocore.session.get_session().get_service_model("batch")
    shape = model.operation_model("RegisterJobDefinition").input_shape
    report = botocore.validate.ParamValidator().validate(definition, shape)
    check(not report.has_errors(), report.generate_report())
    container = definition["containerProperties"]
    (mount,), (volume,) = container["mountPoints"], container["volumes"]
    check(mount["sourceVolume"] == volume["name"], "the volume is not mounted")
    folder = mount["containerPath"]
    shards = check_arguments("AWS Batch", container["command"], container["environment"], folder)
    rules = definition["retryStrategy"]["evaluateOnExit"]
    check(len(rules) <= 5, "AWS Batch takes five rules")
    for codes, action in ((AGAIN, "RETRY"), (ENDED, "EXIT")):
        for code in codes:
            fits = [rule for rule in rules if rule.get("onExitCode") in (str(code), "*")]
            check(fits[0]["action"] == action, f"exit code {code}: {fits[0]}")
    print(f"aws-batch.json: {shards} shards; valid for AWS Batch {model.api_version}")


def main() -> int:
    try:
        check_kubernetes()
        check_batch()
        scripts.check_scripts()
        return 0
    except Wrong as wrong:
        print(f"error: {wrong}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
