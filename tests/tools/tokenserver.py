#!/usr/bin/env python3
"""tokenserver.py CERT KEY SERVICE: a token server for docker-registry, on a free loopback port, which it prints. The account is
user:secret; nobody else may push, and who is nobody may only pull public/…. Each request is a line on standard error. Ends with its
standard input."""
import base64, http.server, json, ssl, subprocess, sys, threading, time, urllib.parse

cert, key, service = sys.argv[1:4]


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def signed(claims):
    pem = open(cert, encoding="ascii").read().split("-----")[2].replace("\n", "")
    head = {"typ": "JWT", "alg": "RS256", "x5c": [pem]}
    text = b64(json.dumps(head).encode()) + b"." + b64(json.dumps(claims).encode())
    signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=text, stdout=subprocess.PIPE, check=True).stdout
    return (text + b"." + b64(signature)).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        given = self.headers.get("Authorization", "")
        known = given == "Basic " + base64.b64encode(b"user:secret").decode()
        scopes = [s for value in query.get("scope", []) for s in value.split()]
        sys.stderr.write("%s %s\n" % ("user" if known else "nobody", " ".join(scopes)))
        sys.stderr.flush()
        if given and not known or query.get("service") != [service]:
            return self.reply(401, b"{}")
        access = []
        for scope in scopes:
            kind, name, actions = scope.split(":")
            allowed = {"pull", "push"} if known else {"pull"} if name.startswith("public/") else set()
            access.append({"type": kind, "name": name, "actions": sorted(allowed & set(actions.split(",")))})
        now = int(time.time())
        self.reply(200, json.dumps({"token": signed({
            "iss": "test", "sub": "user" if known else "", "aud": service, "exp": now + 300, "nbf": now - 10, "iat": now, "jti": str(time.time()),
            "access": access}), "expires_in": 300}).encode())


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdout.write("%d\n" % server.server_address[1])
sys.stdout.flush()
sys.stdin.buffer.read()
