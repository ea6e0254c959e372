"""What a live answer is measured against: a script that only makes the same calls, as anyone would write it.

``python by_hand.py ROUNDS``: a JSON list of rounds, each a list of [method, parameters]. Prints what came, counted.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3

rounds = json.loads(Path(sys.argv[1]).read_text())
ec2 = boto3.client("ec2")
with ThreadPoolExecutor(max_workers=10) as pool:
    for calls in rounds:
        futures = [(method, pool.submit(getattr(ec2, method), **parameters)) for method, parameters in calls]
        for method, future in futures:
            print(method, *(len(value) for value in future.result().values() if isinstance(value, list)))
