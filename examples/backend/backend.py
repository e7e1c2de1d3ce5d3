#!/usr/bin/env python3
"""A backend for `socketio-jwt serve --upstream-webhook`, with the standard library only.

    SECRET_FILE=hook.txt PORT=9100 python3 backend.py
"""
import base64
import hashlib
import hmac
import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

with open(os.environ["SECRET_FILE"], encoding="ascii") as file:
    SECRET = file.read().strip()


def verify(secret, headers, body):
    """Reports whether socketio-jwt has sent the body, and not more than 5 minutes ago."""
    id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not at.isdecimal() or abs(time.time() - int(at)) > 300:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    code = hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(code).decode()
    given = headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)


def answer(message):
    """Decides about a message. The result becomes the JSON of the response."""
    name = message["user"]["subject"] if "user" in message else "guest"
    if message["type"] == "connect":
        if name == "mallory":
            return {"refuse": {"message": "you are banned", "code": "banned", "reason": "banned"}}
        return {"join": ["lobby"], "emit": [{"event": "welcome", "args": [name]}]}
    if message["type"] == "event":
        return answer_event(message, name)
    print(f"{name} has left: {message['reason']}", file=sys.stderr)  # disconnect
    return {}


def answer_event(message, name):
    event, args = message["event"], message["args"]
    if event == "say":
        if not args or not isinstance(args[0], str):
            return {"ack": [{"error": "say a text"}]}
        return {"ack": [{"ok": True}], "emit": [{"event": "said", "args": [name, args[0]], "rooms": ["lobby"]}]}
    if event == "echo":
        return {"ack": args, "attachments": message.get("attachments", [])}
    if event == "whoami":
        return {"ack": [message.get("user")]}
    if event == "leave":
        return {"ack": ["bye"], "leave": ["lobby"], "disconnect": {}}
    return {"ack": [{"error": f"there is no event {event}"}]}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections are used again
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not verify(SECRET, self.headers, body):
            return self.respond(401, b"")
        return self.respond(200, json.dumps(answer(json.loads(body))).encode())

    def respond(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
server = Server(("127.0.0.1", int(os.environ.get("PORT", 9100))), Handler)
print(f"backend at http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
