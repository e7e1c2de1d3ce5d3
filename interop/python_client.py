"""Connects Debian's python3-socketio once for each payload and prints how each attempt ended.

Reads one JSON object from standard input: url, namespace, mode ("handshake" or "event"), transports (null: polling, then an
upgrade) and payloads, an object by name. Prints one JSON object: for each name admitted, transport, error, claims, echoed.
"""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import socketio

BOUND = 60  # seconds for each wait


def attempt(url, namespace, mode, transports, payload):
    outcome = {"admitted": False}
    heard = {name: threading.Event() for name in ("connect", "connect_error", "authenticated", "unauthorized", "disconnect")}
    sio = socketio.Client(reconnection=False)

    def listen(event, keep=None):
        def handler(*args):
            if keep and args:
                outcome[keep] = args[0]
            heard[event].set()

        sio.on(event, handler, namespace=namespace)

    listen("connect")
    listen("connect_error", "error")
    listen("authenticated")
    listen("unauthorized", "error")  # what a handler returns is the acknowledgement
    listen("disconnect")

    def wait_for(*events):
        end = time.monotonic() + BOUND
        while not any(heard[event].is_set() for event in events):
            if time.monotonic() > end:
                raise TimeoutError("none of %s within %d s" % (", ".join(events), BOUND))
            time.sleep(0.01)

    try:
        auth = payload if mode == "handshake" else None
        # With wait=True, connect would wait for its whole timeout after a refusal.
        sio.connect(url, auth=auth, namespaces=[namespace], transports=transports, wait=False)
        wait_for("connect", "connect_error")
        if heard["connect_error"].is_set():
            return outcome
        if mode == "event":
            sio.emit("authenticate", payload, namespace=namespace)
            wait_for("authenticated", "disconnect")
            if not heard["authenticated"].is_set():
                return outcome
        outcome["admitted"] = True
        outcome["transport"] = sio.transport()
        outcome["claims"] = sio.call("whoami", namespace=namespace, timeout=BOUND)
        sent = {"deep": [{"bytes": bytes(range(256))}], "text": "größe"}
        outcome["echoed"] = sio.call("echo", sent, namespace=namespace, timeout=BOUND) == sent
        return outcome
    finally:
        sio.disconnect()


def main():
    task = json.load(sys.stdin)
    payloads = task.pop("payloads")
    with ThreadPoolExecutor(len(payloads)) as pool:
        running = {name: pool.submit(attempt, payload=payload, **task) for name, payload in payloads.items()}
    json.dump({name: future.result() for name, future in running.items()}, sys.stdout)


if __name__ == "__main__":
    main()
