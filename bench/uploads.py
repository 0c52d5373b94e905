"""Upload one large file to a bare MLflow and to a gate before it, in turns, and compare.

    python uploads.py http://127.0.0.1:5000 http://127.0.0.1:5001 TOKEN big.pt [ROUNDS [PID]]

The client is requests, which MLflow's own client uses; the file goes to the artifact proxy of experiment 1, which must exist. Eight bytes in the
middle of the file are changed before each upload, so that the gate cannot know it (use a file in which that does no harm, as among the weights of a
torch.save). The first upload to each is not counted: during the gate's it finds out how the server takes transfers that break off. With the gate's
PID the processor time of the gate and its workers is told, too.
"""

import os
import statistics
import sys
import time

import requests


def put(session, base, name, headers):
    with open(sys.argv[4], "r+b") as f:
        f.seek(os.path.getsize(sys.argv[4]) // 2)
        f.write(os.urandom(8))
        f.seek(0)
        url = base + "/api/2.0/mlflow-artifacts/artifacts/1/bench/artifacts/" + name
        began = time.perf_counter()
        answer = session.put(url, data=f, headers=headers)
        took = time.perf_counter() - began
    if answer.status_code != 200:
        sys.exit("%s answered %d: %s" % (base, answer.status_code, answer.text[:300]))
    return took


def processor(pid):
    """Seconds of a process and its children that still run."""
    total = 0.0
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open("/proc/%s/stat" % entry) as f:
                    fields = f.read().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(entry) == pid or int(fields[1]) == pid:
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    rounds = int(sys.argv[5]) if len(sys.argv) > 5 else 7
    pid = int(sys.argv[6]) if len(sys.argv) > 6 else 0
    session = requests.Session()
    token = {"Authorization": "Bearer " + sys.argv[3]}
    put(session, sys.argv[1], "bare", {})
    put(session, sys.argv[2], "gate", token)
    time.sleep(10)
    bare, gate = [], []
    before = processor(pid)
    for i in range(rounds):
        bare.append(put(session, sys.argv[1], "bare", {}))
        gate.append(put(session, sys.argv[2], "gate", token))
        print("bare %.2f s, gate %.2f s" % (bare[-1], gate[-1]), flush=True)
    a, b = statistics.median(bare), statistics.median(gate)
    pairs = statistics.median(x / y for x, y in zip(bare, gate))
    print("median: bare %.2f s, gate %.2f s, %.2f of the bare speed; by pairs %.2f; best %.2f" % (a, b, a / b, pairs, min(bare) / min(gate)))
    if pid:
        print("processor time of the gate: %.2f s an upload" % ((processor(pid) - before) / rounds))


main()
