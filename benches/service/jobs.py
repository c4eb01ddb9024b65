#!/usr/bin/env python3
"""Loads the queue of a HETERO-2 server and prints what it took (standard library only).

    cargo build --release --features remote,service
    benches/service/jobs.py target/release/hetero2                      SQLite
    benches/service/jobs.py target/release/hetero2 --postgres           a PostgreSQL of its own

First lifecycles: jobs are submitted, claimed and ended over HTTP, by clients and workers
side by side, and nothing is computed between. Then claims one by one, with no other jobs
queued and with many.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import shutil
import sqlite3
import tempfile
import time

from load import Client, percentile, started, upload

COLUMNS = ("org_id, {}, project_id, member_id, name, kind, pool, priority, spec, state, "
           "most_attempts, not_before, created_at")


class Worker(Client):
    """A worker that computes nothing."""

    def __init__(self, server, token):
        super().__init__(server)
        self.headers = {"Authorization": f"Bearer {token}"}
        hello = {"name": f"bench:{os.getpid()}", "version": "0", "slots": 64}
        self.worker = self.say("/worker/v1/workers", hello)["worker"]

    def say(self, path, body, **headers):
        status, answer = self.ask("POST", path, body, **headers)
        assert status < 300, (path, status, answer)
        return json.loads(answer) if answer else None

    def claim(self, most):
        claim = {"worker": self.worker, "most": most, "wait_seconds": 0}
        return self.say("/worker/v1/claims", claim)["jobs"]

    def end(self, lease):
        headers = {"Hetero2_Org": lease["org"], "Hetero2_Attempt": str(lease["attempt"]),
                   "Hetero2_Lease": lease["secret"]}
        outcome = {"state": "succeeded", "content_digest": "0" * 64, "verdict": None, "rows": {},
                   "artifacts": []}
        self.say(f"/worker/v1/jobs/{lease['job']}/end",
                 {"outcome": outcome, "usage": {"core_seconds": 1}}, **headers)


def submit_all(server, path, job, count):
    client = Client(server)
    for _ in range(count):
        client.post(path, job)


def work_all(server, token, done, count):
    """Claims and ends until `count` jobs are done by all workers together."""
    worker = Worker(server, token)
    while done.value < count:
        leases = worker.claim(8)
        for lease in leases:
            worker.end(lease)
        with done.get_lock():
            done.value += len(leases)
        if not leases:
            time.sleep(0.01)


def lifecycles(server, token, path, job, count, clients):
    done = multiprocessing.Value("i", 0)
    tasks = [multiprocessing.Process(target=submit_all, args=(server, path, job, count // clients))
             for _ in range(clients)]
    tasks += [multiprocessing.Process(target=work_all, args=(server, token, done, count))
              for _ in range(clients)]
    start = time.perf_counter()
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    seconds = time.perf_counter() - start
    assert done.value == count and all(task.exitcode == 0 for task in tasks)
    print(f"{count} jobs submitted, claimed and ended in {seconds:.1f} s: {count / seconds:.0f} lifecycles/s",
          flush=True)


def queue_many(server, model, count, psql):
    """Copies of the job `model`, as if they had been submitted, less urgent than it."""
    into, of = COLUMNS.format("id"), COLUMNS.replace("priority", "-50").replace("state", "'queued'")
    if psql:
        name = "'job_' || lpad(n::text, 25, '0') || '0'"
        psql(f"INSERT INTO job ({into}) SELECT {of.format(name)} FROM job, generate_series(1, {count}) n "
             f"WHERE id = '{model}'")
        return
    database = sqlite3.connect(server.data / "hetero2.sqlite", timeout=60)
    name = "'job_' || printf('%025d0', n)"
    database.execute(
        f"WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count}) "
        f"INSERT INTO job ({into}) SELECT {of.format(name)} FROM job, number WHERE id = '{model}'")
    database.commit()
    database.close()


def claims(server, token, path, job, count, what):
    """Milliseconds of claims of one job each."""
    client, worker, times = Client(server), Worker(server, token), []
    for _ in range(count):
        client.post(path, job)
        start = time.perf_counter()
        leases = worker.claim(1)
        times.append((time.perf_counter() - start) * 1000)
        worker.end(*leases)
    print(f"{what}: {count} claims, p50 {percentile(times, 0.5):.2f} ms, p95 {percentile(times, 0.95):.2f} ms",
          flush=True)
    return percentile(times, 0.5), leases[0]["job"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--postgres", action="store_true", help="PostgreSQL in place of SQLite")
    parser.add_argument("--jobs", type=int, default=6000)
    parser.add_argument("--clients", type=int, default=4, help="clients, and as many workers")
    parser.add_argument("--queued", type=int, default=100_000)
    parser.add_argument("--claims", type=int, default=300)
    options = parser.parse_args()
    program = options.program.resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="h2-jobs-"))
    server, postgres = started(program, folder, options.postgres)
    # Processes are handed the address and the token alone.
    process, server.process = server.process, None
    try:
        token = (server.data / "worker.token").read_text().strip()
        client = Client(server)
        base = f"/v1/orgs/{server.organisation}"
        project = client.post(f"{base}/projects", {"slug": "load", "name": "Load"})["id"]
        path = f"{base}/projects/{project}"
        made = upload(server, f"{path}/uploads", 1000)
        dataset = client.post(f"{path}/datasets", {"upload": made, "name": "library.smi"})["id"]
        spec = {"kind": "run", "inputs": [{"role": "library", "source": {"dataset": dataset}}]}
        job, path = {"spec": spec}, f"{path}/jobs"
        lifecycles(server, token, path, job, options.jobs, options.clients)
        few, model = claims(server, token, path, job, options.claims, "no other job queued")
        queue_many(server, model, options.queued, postgres and postgres.psql)
        many, _ = claims(server, token, path, job, options.claims, f"{options.queued} others queued")
        print(f"a claim then costs {many / few:.2f} times as much")
    finally:
        process.terminate()
        process.wait()
        if postgres:
            postgres.stop()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
