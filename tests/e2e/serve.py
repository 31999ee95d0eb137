#!/usr/bin/env python3
"""serve.py DIR PORTFILE [USER:PASSWORD]: files of DIR on a free port of the loopback interface, with ETag and Last-Modified.

/git/NAME.git/... is answered by git itself (smart protocol) from DIR/git. With USER:PASSWORD everything below /secret/ and
/git/secret/ asks for it. /redirect/X leads to /X, /status/N answers N, the ETag of files with "control" in their names has such a byte. Each request is a line in DIR/../requests."""
import base64
import email.utils
import hashlib
import http.server
import os
import subprocess
import sys

root, port_file = sys.argv[1], sys.argv[2]
wanted = sys.argv[3] if len(sys.argv) > 3 else None
log = os.path.join(os.path.dirname(os.path.abspath(root)), "requests")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def send(self, status, body=b"", **headers):
        with open(log, "a") as f:
            f.write(f"{self.command} {self.path} {status}\n")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 304:
            self.wfile.write(body)

    def allowed(self):
        if not wanted or not self.path.startswith(("/secret/", "/git/secret/")):
            return True
        given = self.headers.get("Authorization", "")
        return given in ("Bearer " + wanted, "Basic " + base64.b64encode(wanted.encode()).decode())

    def git(self):
        path, _, query = self.path.partition("?")
        size = int(self.headers.get("Content-Length") or 0)
        env = dict(os.environ, GIT_PROJECT_ROOT=root, GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path, QUERY_STRING=query,
                   REQUEST_METHOD=self.command, CONTENT_TYPE=self.headers.get("Content-Type", ""),
                   CONTENT_LENGTH=str(size), GIT_PROTOCOL=self.headers.get("Git-Protocol", ""),
                   HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""), GIT_CONFIG_COUNT="1",
                   GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*")
        body = self.rfile.read(size)
        if self.headers.get("Transfer-Encoding") == "chunked":
            while int(line := self.rfile.readline(), 16):
                body += self.rfile.read(int(line, 16))
                self.rfile.readline()
            env["CONTENT_LENGTH"] = str(len(body))
        answer = subprocess.run(["git", "http-backend"], input=body, env=env, stdout=subprocess.PIPE).stdout
        head, _, data = answer.partition(b"\r\n\r\n")
        lines = [line.split(": ", 1) for line in head.decode().split("\r\n")]
        fields = {name.replace("-", "_"): value for name, value in lines}
        self.send(int(fields.pop("Status", "200").split()[0]), data, **fields)

    def do_GET(self):
        if not self.allowed():
            return self.send(401, b"who are you?", WWW_Authenticate='Basic realm="x"')
        if self.path.startswith("/git/"):
            return self.git()
        if self.path.startswith("/redirect/"):
            return self.send(302, Location=self.path[len("/redirect"):])
        if self.path.startswith("/status/"):
            return self.send(int(self.path.split("/")[2]))
        name = root + self.path.partition("?")[0]
        if not os.path.isfile(name):
            return self.send(404, b"not found")
        body = open(name, "rb").read()
        etag = '"' + hashlib.sha256(body).hexdigest() + '"' + ("\x01" if "control" in name else "")
        date = email.utils.formatdate(os.stat(name).st_mtime, usegmt=True)
        if self.headers.get("If-None-Match") == etag:
            return self.send(304, ETag=etag)
        self.send(200, body, ETag=etag, Last_Modified=date)

    do_HEAD = do_GET
    do_POST = do_GET


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(port_file + ".tmp", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(port_file + ".tmp", port_file)
server.serve_forever()
