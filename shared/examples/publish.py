"""A bundle to the registry, and an environment to its version. The commands pipit publish and promote do the same.

python publish.py nas.local:50050 runs/TASK/RUN/publish/bundle --key ~/.config/pipit/signing.pem --environment staging
"""

import argparse
import sys
from pathlib import Path

from pipit.bundle.signing import load_private_key, sign
from pipit.errors import GatesFailed
from pipit.fleet import FleetClient
from pipit.registry import RegistryClient

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("registry", help="host:port")
parser.add_argument("bundle", type=Path, help="folder with a bundle.yaml")
parser.add_argument("--key", type=Path, help="private key that signs it, where the registry trusts that (pipit keys)")
parser.add_argument("--environment", default="", help="point it to the new version, if its gates pass")
parser.add_argument("--reason", default="", help="kept in the history")
options = parser.parse_args()

signature = None
if options.key is not None:
    signature = sign(load_private_key(options.key), (options.bundle / "bundle.yaml").read_bytes())
with RegistryClient(options.registry) as registry:
    published = registry.publish(options.bundle, signature=signature)
    version = published.version
    print(f"{version.task} {version.version}: {'published' if published.created else 'was there, the same'}")
    if options.environment:
        try:
            with FleetClient(options.registry) as fleet:
                started = fleet.start_rollout(version.task, version.version, options.environment, reason=options.reason)
        except GatesFailed as refusal:
            sys.exit(f"not promoted: {refusal}")
        if started.rollout is None:
            print(f"{options.environment} points to {version.version}")
        else:
            print(f"{options.environment} is on its way to {version.version}, one device first")
