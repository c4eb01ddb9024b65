"""Runs the tasks of one submission as Ray tasks, then the command that follows.

Argument: the file `ray.json` beside this script. The state of task 7 is the
file `state/00007.json` beside it, that of the last command `state/finish.json`;
each is replaced as a whole, so that a reader never sees half of one.
"""

import json
import os
import signal
import subprocess
import sys

import ray

# Seconds from SIGTERM to SIGKILL, for a clean stop.
GRACE = 60


def note(folder, name, **state):
    path = os.path.join(folder, name + ".json")
    with open(path + ".new", "w") as file:
        json.dump(state, file)
    os.replace(path + ".new", path)


def work(folder, name, command, limit):
    """Runs one command where Ray placed it, and notes how it ended."""
    node = os.uname().nodename
    # A session of its own: what the command starts ends with it.
    process = subprocess.Popen(command, start_new_session=True)

    def stop(number, _frame):
        os.killpg(process.pid, number)

    signal.signal(signal.SIGTERM, stop)
    note(folder, name, state="running", node=node, session=process.pid)
    try:
        code = process.wait(limit)
        note(folder, name, state="ended", code=code)
    except subprocess.TimeoutExpired:
        stop(signal.SIGTERM, None)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            stop(signal.SIGKILL, None)
            process.wait()
        note(folder, name, state="lost", reason="TIMEOUT")


def main(path):
    folder = os.path.join(os.path.dirname(os.path.abspath(path)), "state")
    os.makedirs(folder, exist_ok=True)
    with open(path) as file:
        plan = json.load(file)
    ray.init(address="auto", log_to_driver=False)

    def start(name, command, needs):
        # Ray runs a task again if its node is lost, three times at most.
        remote = ray.remote(**needs["options"])(work)
        return remote.remote(folder, name, command, needs["seconds"])

    def settle(name, reference):
        try:
            ray.get(reference)
        except Exception as error:  # whatever happened, the others go on
            kind = type(error).__name__
            reason = {"OutOfMemoryError": "OUT_OF_MEMORY", "NodeDiedError": "NODE_FAIL"}
            note(folder, name, state="lost", reason=reason.get(kind, kind))

    waiting = list(reversed(plan["tasks"]))
    running = {}
    while waiting or running:
        while waiting and len(running) < plan["concurrency"]:
            number = waiting.pop()
            name = "%05d" % number
            running[start(name, plan["task"] + [str(number)], plan["needs"])] = name
        for reference in ray.wait(list(running))[0]:
            settle(running.pop(reference), reference)
    if plan["finish"]:
        settle("finish", start("finish", plan["finish"], plan["finish_needs"]))


if __name__ == "__main__":
    main(sys.argv[1])
