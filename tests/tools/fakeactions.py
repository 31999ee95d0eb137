#!/usr/bin/env python3
"""fakeactions.py DIR: a stand-in for the cache service of GitHub Actions (version 2) and the blob storage behind it, on a free
loopback port, which is written to DIR/port. Entries are in DIR/entries, whoever knows the token "runner-token" may use it, and
DIR/requests has a line a request. Words in DIR/mode change what it does, from one request to the next:
  down       500 for everything             readonly  no entry can be made, as for a fork's pull request
  denied     the token is not valid         busy      each request is answered with 429 the first time
  stuck      names without a suffix are reserved by somebody who never finishes
  expired    the first address at which an entry can be read is refused
  broken     half of what is read, if that is much, then the connection is closed
"""
import hashlib, http.server, json, os, re, secrets, sys, threading, urllib.parse
import xml.etree.ElementTree as xml

root = sys.argv[1]
entries = os.path.join(root, "entries")
os.makedirs(entries, exist_ok=True)
lock = threading.Lock()
signed = {}    # signature: (what it is for, the entry)
refused = set()
reserved = {}  # (name, version): file of what comes
blocks = {}    # (file, block): bytes
BLOB = "/storage/"


def mode(word):
    try:
        return word in open(os.path.join(root, "mode")).read().split()
    except FileNotFoundError:
        return False


def file_of(name, version):
    return hashlib.sha256(f"{version} {name}".encode()).hexdigest()


def finished():
    """name, version, file of each entry, the newest first"""
    found = [os.path.join(entries, f) for f in os.listdir(entries) if f.endswith(".json")]
    for f in sorted(found, key=os.path.getmtime, reverse=True):
        e = json.load(open(f))
        yield e["name"], e["version"], f[:-5]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **headers):
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fail(self, status, code, text):
        self.answer(status, {"code": code, "msg": text})

    def sign(self, what, path):
        signature = secrets.token_hex(16)
        signed[signature] = (what, path)
        host, port = self.server.server_address
        return f"http://{host}:{port}{BLOB}{os.path.basename(path)}?se=2030-01-01&sig={signature}"

    # ---- the service
    def method_CreateCacheEntry(self, q):
        name, version = q["key"], q["version"]
        path = os.path.join(entries, file_of(name, version))
        if mode("readonly"):
            return self.fail(403, "permission_denied", "cache write denied")
        if not re.fullmatch(r"[^,]{1,512}", name):
            return self.fail(400, "invalid_argument", "key")
        if os.path.exists(path + ".json") or (name, version) in reserved or (mode("stuck") and "." not in name):
            return self.fail(409, "already_exists", "cache entry with the same key, version, and scope already exists")
        reserved[name, version] = path
        self.answer(200, {"ok": True, "signed_upload_url": self.sign("write", path)})

    def method_FinalizeCacheEntryUpload(self, q):
        path = reserved.pop((q["key"], q["version"]), None)
        if not path or not os.path.exists(path) or os.path.getsize(path) != int(q["size_bytes"]):
            return self.fail(400, "invalid_argument", "nothing of that size was sent")
        with open(path + ".new", "w") as f:
            json.dump({"name": q["key"], "version": q["version"]}, f)
        os.rename(path + ".new", path + ".json")
        self.answer(200, {"ok": True, "entry_id": "1"})

    def method_GetCacheEntryDownloadURL(self, q):
        found = list(finished())
        for name, whole in [(q["key"], True)] + [(k, False) for k in q.get("restore_keys", [])]:
            for n, v, path in found:
                if v == q["version"] and (n == name if whole else n.startswith(name)):
                    return self.answer(200, {"ok": True, "signed_download_url": self.sign("read", path), "matched_key": n})
        self.answer(200, {"ok": False, "signed_download_url": "", "matched_key": ""})

    # ---- the storage
    def storage(self, body):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        what, path = signed.get(query.get("sig"), (None, None))
        first = mode("expired") and what == "read" and path not in refused
        if first:
            refused.add(path)
        if not path or os.path.basename(path) != url.path[len(BLOB):] or what != ("write" if self.command == "PUT" else "read") or first:
            return self.answer(403, b"<Error><Code>AuthenticationFailed</Code></Error>", x_ms_error_code="AuthenticationFailed")
        if self.headers["Authorization"]:
            return self.answer(400, b"the token of the service has nothing to do here")
        if self.command != "PUT":
            return self.read(path)
        kind = self.headers["x-ms-blob-type"]
        if query.get("comp") == "block":
            blocks[path, query["blockid"]] = body
        elif query.get("comp") == "blocklist":
            with open(path, "wb") as f:
                for b in xml.fromstring(body):
                    f.write(blocks.pop((path, b.text)))
        elif kind == "BlockBlob":
            open(path, "wb").write(body)
        else:
            return self.answer(400, b"x-ms-blob-type", x_ms_error_code="MissingRequiredHeader")
        self.answer(201)

    def read(self, path):
        data = open(path, "rb").read()
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        headers, status = {}, 200
        if part:
            first, last = int(part[1]), int(part[2] or len(data) - 1)
            headers, status = {"Content_Range": f"bytes {first}-{last}/{len(data)}"}, 206
            data = data[first:last + 1]
        if mode("broken") and not part and len(data) > 20000:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[:len(data) // 2])
            self.close_connection = True
            return
        self.answer(status, data, **headers)

    def handle_one(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        with lock:
            with open(os.path.join(root, "requests"), "a") as f:
                f.write(f"{self.command} {self.path.split('?')[0]} {body.decode() if self.command == 'POST' else len(body)}\n")
            ticket = self.command + self.path + str(body)
            if mode("down"):
                return self.answer(500)
            if mode("busy") and ticket not in refused:
                refused.add(ticket)
                return self.answer(429, Retry_After="0")
            if self.path.startswith(BLOB):
                return self.storage(body)
            if self.headers["Authorization"] != "Bearer runner-token" or mode("denied"):
                return self.fail(401, "unauthenticated", "token")
            name = self.path.removeprefix("/twirp/github.actions.results.api.v1.CacheService/")
            getattr(self, "method_" + name)(json.loads(body))

    do_GET = do_HEAD = do_POST = do_PUT = handle_one


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
with open(os.path.join(root, "port.new"), "w") as f:
    f.write(str(server.server_address[1]))
os.rename(os.path.join(root, "port.new"), os.path.join(root, "port"))
server.serve_forever()
