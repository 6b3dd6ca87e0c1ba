# SPDX-License-Identifier: Apache-2.0
"""An Ansible module: has a board run a bundle, by `liteproof deploy` on the control node."""

import json
import os
import re
import tempfile
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = """
module: bundle
short_description: Have a board run a liteproof bundle, proven there
version_added: 1.0.0
author: The liteproof authors
description:
  - Calls C(liteproof deploy) on the control node, so run it there, by the connection C(local).
  - C(liteproof deploy --dry-run) says whether the board runs the bundle already, by the service
    that is asked for; then nothing is done.
attributes:
  check_mode:
    description: Looks at the board, and says whether the bundle would be deployed.
    support: full
  diff_mode:
    description: The release before and after.
    support: full
options:
  path:
    description: The bundle, on the control node.
    type: path
    required: true
  host:
    description: The board, in any form that ssh accepts.
    type: str
    required: true
  user:
    description: The user on the board; by default, whatever ssh chooses.
    type: str
  ssh_port:
    description: The port of the board's sshd; by default, whatever ssh chooses.
    type: int
  private_key_file:
    description: A key for ssh, tried before those in its config.
    type: path
  ssh_config:
    description: The config for ssh, instead of C(~/.ssh/config).
    type: path
  trust:
    description: An allowed_signers file for the board, on the control node.
    type: path
  allow_downgrade:
    description: Accept a signed bundle with an older serial number.
    type: bool
    default: false
  check:
    description: A program on the control node, given the host; if it fails, so does the release.
    type: str
  keep:
    description: Releases to keep on the board.
    type: int
    default: 3
  service:
    description: Serve it by systemd, as a user unit.
    type: bool
    default: false
  listen:
    description: The service's address.
    type: str
    default: 127.0.0.1
  port:
    description: The service's port.
    type: int
    default: 8000
  memory:
    description: The most memory that the service may use, in MiB.
    type: int
    default: 256
  program:
    description: The C(liteproof) of the control node.
    type: path
    default: liteproof
"""

EXAMPLES = """
- name: Have the board run the bundle
  liteproof.fleet.bundle:
    path: models/mnist
    host: pi@kitchen.local
  connection: local
"""

RETURN = """
release:
  description: The id of what the board runs, or would run in check mode.
  type: str
  returned: success
runtime:
  description: What runs it there.
  type: str
  returned: success
p50_us:
  description: Median latency in µs, measured there; null if nothing was deployed.
  type: float
  returned: success
warnings:
  description: What one should know, such as that the clock is wrong.
  type: list
  elements: str
  returned: success
"""

OPTIONS = {
    "path": {"type": "path", "required": True},
    "host": {"type": "str", "required": True},
    "user": {"type": "str"},
    "ssh_port": {"type": "int"},
    "private_key_file": {"type": "path"},
    "ssh_config": {"type": "path"},
    "trust": {"type": "path"},
    "allow_downgrade": {"type": "bool", "default": False},
    "check": {"type": "str"},
    "keep": {"type": "int", "default": 3},
    "service": {"type": "bool", "default": False},
    "listen": {"type": "str", "default": "127.0.0.1"},
    "port": {"type": "int", "default": 8000},
    "memory": {"type": "int", "default": 256},
    "program": {"type": "path", "default": "liteproof"},
}
SSH_CONFIGS = ("~/.ssh/config", "/etc/ssh/ssh_config")
UNSAFE = re.compile(r'["\\\x00-\x1f]')


def main() -> None:
    """Look, and deploy unless the board runs the bundle already."""
    module = AnsibleModule(argument_spec=OPTIONS, supports_check_mode=True)
    given = module.params
    with tempfile.NamedTemporaryFile("w", prefix="liteproof-ssh-", encoding="utf-8") as config:
        config.write(_ssh_config(module))
        config.flush()
        command = [given["program"], "deploy", "--json", "--ssh-config", config.name]
        command += _options(given)
        arguments = ["--", given["path"], given["host"]]
        found = _run(module, [*command, "--dry-run", *arguments])
        before, changed = found["before"], found["changed"]
        if changed and not module.check_mode:
            found = _run(module, [*command, *arguments])
    for warning in found["warnings"]:
        module.warn(f"{given['host']}: {warning}")
    module.exit_json(
        changed=changed,
        release=found["release"],
        runtime=found["runtime"],
        p50_us=found["p50_us"],
        diff={"before": f"{before or 'nothing'}\n", "after": f"{found['release']}\n"},
    )


def _options(given: "dict[str, Any]") -> "list[str]":
    """Return the options of `liteproof deploy`."""
    found = [f"--keep={given['keep']}"]
    found += [f"--{name}={given[name]}" for name in ("trust", "check") if given[name]]
    found += ["--allow-downgrade"] if given["allow_downgrade"] else []
    if given["service"]:
        found += [
            "--service",
            *(f"--{name}={given[name]}" for name in ("listen", "port", "memory")),
        ]
    return found


def _ssh_config(module: AnsibleModule) -> str:
    """Return what the inventory says of a board as ssh's config; the user's own comes after it."""
    given = module.params
    pairs = {
        "User": given["user"],
        "Port": given["ssh_port"],
        "IdentityFile": given["private_key_file"],
    }
    own = [given["ssh_config"]] if given["ssh_config"] else SSH_CONFIGS
    for value in (given["host"], *pairs.values(), *own):
        if UNSAFE.search(str(value)):
            module.fail_json(msg=f"{value!r}: quotes and control characters are not for ssh")
    if given["ssh_config"] and not os.path.isfile(given["ssh_config"]):  # noqa: PTH113
        module.fail_json(msg=f"{given['ssh_config']}: not found")
    lines = [f'  {key} "{value}"' for key, value in pairs.items() if value is not None]
    lines = [f'Host "{given["host"].rpartition("@")[2]}"', *lines, "Host *"]
    includes = [f'  Include "{os.path.abspath(os.path.expanduser(path))}"' for path in own]  # noqa: PTH100, PTH111
    return "\n".join([*lines, *includes]) + "\n"


def _run(module: AnsibleModule, command: "list[str]") -> "dict[str, Any]":
    """Run `liteproof deploy`; end with its last line if it fails."""
    code, out, err = module.run_command(command)
    if code:
        said = [line for line in err.splitlines() if line.startswith("liteproof: ")] or [
            err.strip()
        ]
        module.fail_json(msg=said[-1], rc=code)
    found: dict[str, Any] = json.loads(out)
    return found


if __name__ == "__main__":
    main()
