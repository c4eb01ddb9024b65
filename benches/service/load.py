#!/usr/bin/env python3
"""Loads a HETERO-2 server and prints what it took (standard library only).

    cargo build --release --features service
    benches/service/load.py target/release/hetero2                      SQLite
    benches/service/load.py target/release/hetero2 --postgres           a PostgreSQL of its own

Three loads, one after the other: reads at a fixed rate; lists in a table of a
million runs; uploads at once. Latency is from when a request was due, not from
when it was sent, so a server that falls behind is not spared.
"""

import argparse
import base64
import hashlib
import http.client
import json
import os
import pathlib
import queue
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time

PART = 16 << 20


class Server:
    """A server in a folder of its own, on a port that is free."""

    def __init__(self, program, folder, database=None):
        environment = dict(os.environ)
        environment.pop("HETERO2_DATABASE", None)
        if database:
            environment["HETERO2_DATABASE"] = database
        self.data = folder / "data"
        self.process = subprocess.Popen(
            [program, "serve", "--json", "--listen", "127.0.0.1:0", "--data", self.data,
             "--requests-per-second", "100000"],
            stdout=subprocess.PIPE, stderr=open(folder / "log", "w"), env=environment, text=True)
        text = ""
        for line in self.process.stdout:
            text += line
            try:
                ready = json.loads(text)
                break
            except json.JSONDecodeError:
                continue
        self.address = ready["url"].removeprefix("http://")
        self.organisation, self.token = ready["organisation"], ready["token"]

    def memory(self):
        """MiB that it holds, and held at most."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return [int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")]

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Client:
    def __init__(self, server):
        self.connection = http.client.HTTPConnection(server.address)
        self.headers = {"Authorization": f"Bearer {server.token}"}

    def ask(self, method, path, body=None, **headers):
        if isinstance(body, dict):
            body, headers = json.dumps(body), {"Content-Type": "application/json", **headers}
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, body, {**self.headers, **headers})
        response = self.connection.getresponse()
        return response.status, response.read()

    def post(self, path, body):
        status, answer = self.ask("POST", path, body)
        assert status == 201, answer
        return json.loads(answer)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def at_rate(server, rate, seconds, path_of, workers=16):
    """Asks `rate` times a second; milliseconds and statuses."""
    due, times, statuses = queue.Queue(), [], []
    start = time.perf_counter() + 0.2
    for number in range(rate * seconds):
        due.put((start + number / rate, path_of(number)))

    def work():
        client = Client(server)
        while True:
            try:
                at, path = due.get_nowait()
            except queue.Empty:
                return
            time.sleep(max(0, at - time.perf_counter()))
            status, _ = client.ask("GET", path)
            times.append((time.perf_counter() - at) * 1000)
            statuses.append(status)

    threads = [threading.Thread(target=work) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, statuses


def report(name, server, times, statuses):
    wrong = sum(status != 200 for status in statuses)
    now, peak = server.memory()
    print(f"{name}: {len(times)} requests, p50 {percentile(times, 0.5):.1f} ms, "
          f"p95 {percentile(times, 0.95):.1f} ms, p99 {percentile(times, 0.99):.1f} ms, "
          f"{wrong} errors, {peak:.0f} MiB at most", flush=True)


def million_runs(server, project, count, psql):
    """Runs in the table, as if jobs had made them."""
    columns = "org_id, id, project_id, name, kind, state, created_at"
    if psql:
        psql(f"INSERT INTO run ({columns}) SELECT '{server.organisation}', 'run_' || lpad((n * 10)::text, 26, '0'), "
             f"'{project}', 'run ' || n, 'run', 'succeeded', n FROM generate_series(1, {count}) n")
        psql("ANALYZE run")
        return
    database = sqlite3.connect(server.data / "hetero2.sqlite", timeout=60)
    rows = ((server.organisation, f"run_{n * 10:026}", project, f"run {n}", "run", "succeeded", n)
            for n in range(1, count + 1))
    database.executemany(f"INSERT INTO run ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    database.commit()
    database.close()


def upload(server, uploads, size):
    """One upload of `size` bytes that differ from part to part."""
    client, digest = Client(server), hashlib.sha256()
    parts = -(-size // PART)
    block = os.urandom(PART - 8)

    def part(number):
        length = min(PART, size - number * PART)
        return (number.to_bytes(8, "big") + block)[:length]

    for number in range(parts):
        digest.update(part(number))
    made = client.post(uploads, {"name": "big", "size": size, "sha256": digest.hexdigest()})
    path = f"{uploads}/{made['id']}"
    for number in range(parts):
        body = part(number)
        check = base64.b64encode(hashlib.sha256(body).digest()).decode()
        status, answer = client.ask("PUT", f"{path}/parts/{number + 1}", body,
                                    Content_Digest=f"sha-256=:{check}:",
                                    Content_Type="application/octet-stream")
        assert status < 300, answer
    status, answer = client.ask("POST", f"{path}/complete")
    assert status < 300, answer
    return made["id"]


class Postgres:
    """A PostgreSQL of its own, under a folder; run by somebody who is not root."""

    def __init__(self, folder):
        newest = sorted(pathlib.Path("/usr/lib/postgresql").iterdir())[-1] / "bin"
        self.folder, self.bin = folder / "pg", newest
        self.folder.mkdir()
        self.prefix = []
        if os.getuid() == 0:
            shutil.chown(self.folder, 65534, 65534)
            folder.chmod(0o755)
            self.prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        self.run("initdb", "--auth=trust", "--username=postgres", "-D", self.folder / "data")
        self.process = subprocess.Popen(
            [*self.prefix, newest / "postgres", "-D", self.folder / "data", "-k", self.folder,
             "-c", "listen_addresses="], stderr=subprocess.DEVNULL, cwd="/tmp")
        for _ in range(100):
            try:
                self.psql("SELECT 1", "postgres")
                break
            except subprocess.CalledProcessError:
                time.sleep(0.1)
        self.psql("CREATE ROLE h2_owner LOGIN CREATEROLE", "postgres")
        self.psql("CREATE DATABASE h2 OWNER h2_owner", "postgres")
        self.psql("CREATE ROLE h2_app LOGIN", "postgres")

    def run(self, name, *arguments):
        subprocess.run([*self.prefix, self.bin / name, *arguments], check=True, cwd="/tmp",
                       stdout=subprocess.DEVNULL)

    def psql(self, sql, user="h2_owner"):
        database = "h2" if user == "h2_owner" else "postgres"
        subprocess.run([self.bin / "psql", "-Xq", "-h", self.folder, "-U", user, "-d", database,
                        "-c", sql], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)

    def url(self, user):
        return f"postgres://{user}@localhost/h2?host={self.folder}"

    def stop(self):
        self.process.terminate()
        self.process.wait()


def started(program, folder, on_postgres):
    """A server with an organisation, and its PostgreSQL where it is on one."""
    postgres = Postgres(folder) if on_postgres else None
    database = None
    if postgres:
        environment = {**os.environ, "HETERO2_DATABASE": postgres.url("h2_owner")}
        subprocess.run([program, "admin", "migrate"], check=True, env=environment)
        postgres.psql("GRANT hetero2_app TO h2_app", "postgres")
        made = subprocess.run([program, "admin", "--json", "org", "create", "load"], check=True,
                              env=environment, stdout=subprocess.PIPE)
        database = postgres.url("h2_app")
    server = Server(program, folder, database)
    if postgres:
        made = json.loads(made.stdout)
        server.organisation, server.token = made["organisation"], made["token"]
    return server, postgres


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--postgres", action="store_true", help="PostgreSQL in place of SQLite")
    parser.add_argument("--rate", type=int, default=200, help="reads a second")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--uploads", type=int, default=8)
    parser.add_argument("--upload-size", type=int, default=1 << 30, help="bytes")
    options = parser.parse_args()
    program = options.program.resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="h2-load-"))
    server, postgres = started(program, folder, options.postgres)
    try:
        client = Client(server)
        base = f"/v1/orgs/{server.organisation}"
        project = client.post(f"{base}/projects", {"slug": "load", "name": "Load"})["id"]
        path = f"{base}/projects/{project}"
        report(f"reads at {options.rate}/s", server,
               *at_rate(server, options.rate, options.seconds, lambda _: path))
        million_runs(server, project, options.runs, postgres and postgres.psql)
        report(f"lists of 50 of {options.runs} runs at {options.rate}/s", server,
               *at_rate(server, options.rate, options.seconds // 3, lambda n: page(path, n, options.runs)))
        server.forget_peak()
        before, _ = server.memory()
        start = time.perf_counter()
        threads = [threading.Thread(target=upload, args=(server, f"{path}/uploads", options.upload_size))
                   for _ in range(options.uploads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - start
        total = options.uploads * options.upload_size / (1 << 20)
        _, peak = server.memory()
        print(f"{options.uploads} uploads at once: {total:.0f} MiB in {seconds:.0f} s, "
              f"{total / seconds:.0f} MiB/s, memory {before:.0f} MiB before, {peak:.0f} MiB at most")
    finally:
        server.stop()
        if postgres:
            postgres.stop()
        shutil.rmtree(folder)


def page(path, number, runs):
    """The newest page, or one from anywhere in the table."""
    if number % 2 == 0:
        return f"{path}/runs"
    at = (number * 7919) % runs + 1
    cursor = base64.urlsafe_b64encode(f"run_{at * 10:026}".encode()).decode().rstrip("=")
    return f"{path}/runs?cursor={cursor}"


if __name__ == "__main__":
    main()
