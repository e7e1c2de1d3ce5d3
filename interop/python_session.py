"""Drives one namespace of Debian's python3-socketio by commands.

Reads one JSON array from each line of standard input and answers each with one line of JSON:
["connect", url, namespace, options], where options are auth, transports and reconnection; the answer is null.
["emit", event, payload]: the answer is null.
["call", event, payload]: the answer is what the server acknowledged.
["heard", event]: the arguments of the next event of that name, in the order of arrival. It waits.
["story"]: the names of all events since the first connect, including those that were waited for.
Ends when standard input does.
"""

import json
import os
import sys
import threading
import traceback

import socketio

BOUND = 60  # seconds for each wait


class Session:
    def __init__(self):
        self.sio = None
        self.arrived = []  # names of events
        self.waiting = []  # [name, args] that heard has not returned
        self.changed = threading.Condition()

    def record(self, event, *args):
        with self.changed:
            self.arrived.append(event)
            self.waiting.append([event, list(args)])
            self.changed.notify_all()

    def connect(self, url, namespace, options):
        if self.sio:
            self.sio.disconnect()
        self.namespace = namespace
        self.sio = socketio.Client(reconnection=options.get("reconnection", False), reconnection_delay=0.1, reconnection_delay_max=0.1)
        for event in ("connect", "connect_error", "disconnect"):
            self.sio.on(event, lambda *args, event=event: self.record(event, *args), namespace=namespace)
        self.sio.on("*", self.record, namespace=namespace)
        # With wait=True, connect would wait for its whole timeout after a refusal.
        self.sio.connect(url, auth=options.get("auth"), namespaces=[namespace], transports=options.get("transports"), wait=False)

    def emit(self, event, payload=None):
        self.sio.emit(event, payload, namespace=self.namespace)

    def call(self, event, payload=None):
        return self.sio.call(event, payload, namespace=self.namespace, timeout=BOUND)

    def heard(self, wanted):
        def found():
            return next((item for item in self.waiting if item[0] == wanted), None)

        with self.changed:
            item = self.changed.wait_for(found, BOUND)
            if item is None:
                raise TimeoutError('no event "%s" within %d s; these arrived: %s' % (wanted, BOUND, self.arrived))
            self.waiting.remove(item)
            return item[1]

    def story(self):
        with self.changed:
            return self.arrived[:]


def main():
    session = Session()
    commands = {name: getattr(session, name) for name in ("connect", "emit", "call", "heard", "story")}
    for line in sys.stdin:
        name, *args = json.loads(line)
        print(json.dumps(commands[name](*args)), flush=True)
    if session.sio:
        session.sio.disconnect()


if __name__ == "__main__":
    try:
        main()
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # the threads of the client would go on
