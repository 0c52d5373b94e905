"""Upload one large file to a bare MLflow and to a gate before it, in turns, and compare.

    python uploads.py http://127.0.0.1:5000 http://127.0.0.1:5001 TOKEN big.pt [ROUNDS]

The client is requests, which MLflow's own client uses; the file goes to the artifact proxy of experiment 1, which must exist.
"""

import statistics
import sys
import time

import requests


def put(session, base, name, headers):
    began = time.perf_counter()
    with open(sys.argv[4], "rb") as f:
        url = base + "/api/2.0/mlflow-artifacts/artifacts/1/bench/artifacts/" + name
        answer = session.put(url, data=f, headers=headers)
    took = time.perf_counter() - began
    if answer.status_code != 200:
        sys.exit("%s answered %d: %s" % (base, answer.status_code, answer.text[:300]))
    return took


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    rounds = int(sys.argv[5]) if len(sys.argv) > 5 else 7
    session = requests.Session()
    bare, gate = [], []
    for i in range(rounds):
        bare.append(put(session, sys.argv[1], "bare", {}))
        gate.append(put(session, sys.argv[2], "gate", {"Authorization": "Bearer " + sys.argv[3]}))
        print("bare %.2f s, gate %.2f s" % (bare[-1], gate[-1]), flush=True)
    a, b = statistics.median(bare), statistics.median(gate)
    print("median: bare %.2f s, gate %.2f s, %.2f of the bare speed; best %.2f" % (a, b, a / b, min(bare) / min(gate)))


main()
