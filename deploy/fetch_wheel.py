#!/usr/bin/env python3
"""Downloads one file of the Python package index that pip is set up with.

Goes on where a broken download stopped, and checks the SHA-256 before the
file gets its name. Only the standard library is used.

    fetch_wheel.py PACKAGE FILE SHA256 OUT
"""
import hashlib
import html.parser
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

TRIES = 8


def index_url():
    if url := os.environ.get("PIP_INDEX_URL"):
        return url
    try:
        shown = subprocess.run(
            [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
            capture_output=True, text=True, check=False)
        if shown.returncode == 0 and shown.stdout.strip():
            return shown.stdout.strip()
    except OSError:
        pass
    return "https://pypi.org/simple"


class Links(html.parser.HTMLParser):
    """Collects the links of an index page (PEP 503)."""

    def __init__(self):
        super().__init__()
        self.links = []

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.links.append(dict(attrs).get("href", ""))


def open_url(url, headers=None):
    """Opens a URL; user and password in it are sent as basic authentication."""
    parts = urllib.parse.urlsplit(url)
    headers = dict(headers or {})
    if parts.username:
        import base64
        token = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        headers["Authorization"] = "Basic " + base64.b64encode(token.encode()).decode()
        host = parts.hostname + (f":{parts.port}" if parts.port else "")
        url = urllib.parse.urlunsplit(parts._replace(netloc=host))
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60)


def find_file(package, file_name):
    page = f"{index_url().rstrip('/')}/{package.lower().replace('_', '-')}/"
    with open_url(page, {"Accept": "text/html"}) as reply:
        links = Links()
        links.feed(reply.read().decode())
    for link in links.links:
        url = urllib.parse.urljoin(page, link)
        if urllib.parse.unquote(urllib.parse.urlsplit(url).path).endswith("/" + file_name):
            base = urllib.parse.urlsplit(page)
            target = urllib.parse.urlsplit(url)._replace(fragment="")
            if target.hostname == base.hostname and base.username:
                target = target._replace(netloc=base.netloc)
            return urllib.parse.urlunsplit(target)
    raise SystemExit(f"{file_name} is not in the index of {package}")


def digest_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def download(url, partial):
    have = os.path.getsize(partial) if os.path.exists(partial) else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        reply = open_url(url, headers)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # all of it is there
            return
        raise
    with reply, open(partial, "ab" if reply.status == 206 else "wb") as file:
        missing = int(reply.headers.get("Content-Length", 0))
        while block := reply.read(1 << 20):
            file.write(block)
            missing -= len(block)
    # A connection that is closed early ends like a whole one.
    if missing > 0:
        raise OSError(f"the connection closed {missing} bytes early")


def main():
    package, file_name, sha256, out = sys.argv[1:5]
    if os.path.exists(out) and digest_of(out) == sha256:
        return
    partial = out + ".partial"
    for attempt in range(1, TRIES + 1):
        try:
            download(find_file(package, file_name), partial)
            break
        except (OSError, urllib.error.URLError) as error:
            print(f"  {file_name}: {error}; try {attempt} of {TRIES}", file=sys.stderr)
            if attempt == TRIES:
                raise SystemExit(1)
            time.sleep(min(30, 2 ** attempt))
    if digest_of(partial) != sha256:
        os.remove(partial)
        raise SystemExit(f"{file_name}: SHA-256 differs from the pinned one; removed")
    os.replace(partial, out)


if __name__ == "__main__":
    main()
