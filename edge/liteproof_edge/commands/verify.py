"""`verify`: every byte, and the golden vectors on this device's runtime."""

import argparse
import json
from dataclasses import asdict

from liteproof_edge.bundle.reader import Bundle
from liteproof_edge.bundle.serials import admit, remember
from liteproof_edge.bundle.signature import Trust
from liteproof_edge.commands.output import show_rows
from liteproof_edge.errors import VerificationError
from liteproof_edge.measurement.verification import verify


def run(options: argparse.Namespace) -> int:
    """Verify the bundle on this device."""
    bundle = Bundle.load(options.bundle, Trust(options.trust) if options.trust else None)
    admit(bundle, allow_downgrade=options.allow_downgrade)
    result = verify(bundle, options.runtime)
    if options.json:
        about = {"bundle": bundle.name, "signer": bundle.signer or None, "serial": bundle.serial}
        print(json.dumps({**about, "passed": result.passed, **asdict(result)}))
    else:
        signed = f"{bundle.signer}, serial {bundle.serial}" if bundle.signer else ""
        n, difference = result.pictures, result.largest_difference_lsb
        tolerance, unit = bundle.golden_tolerance, " LSB" if bundle.output.quantization else ""
        alike = f"the host's to within {tolerance:.3g}" if tolerance else "the host's bytes"
        show_rows(
            [
                ("bundle", f"{bundle.name}: {len(bundle.files)} files, sizes and hashes right"),
                *([("signed by", signed)] if signed else []),
                ("runtime", result.runtime),
                ("preprocessing", f"{result.same_inputs} of {n} pictures give the host's bytes"),
                ("outputs", f"{result.same_outputs} of {n} give {alike}"),
                ("labels", f"{result.same_labels} of {n} are the host's"),
                ("as it ships", f"at most {difference:.4g}{unit} from the host"),
            ]
        )
    if not result.passed:
        raise VerificationError(
            f"{options.bundle}: this device does not answer as the host did: "
            f"{result.same_inputs} inputs, {result.same_outputs} outputs and "
            f"{result.same_labels} labels are the host's, expected {result.pictures} of each"
        )
    remember(bundle)
    if not options.json:
        print("verified: this device answers as the host did")
    return 0
