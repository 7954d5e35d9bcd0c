"""Fetches the uv program from PyPI with Python's standard library alone: Debian's Python has neither pip nor venv.

Usage: python3 fetch-uv.py FOLDER
"""
import hashlib
import json
import os
import platform
import re
import sys
import urllib.request
import zipfile

folder = sys.argv[1]
index = os.environ.get("UV_DEFAULT_INDEX") or os.environ.get("UV_INDEX_URL") or os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
machine = {"amd64": "x86_64", "arm64": "arm64" if sys.platform == "darwin" else "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
if sys.platform == "darwin":
    wanted = r"macosx_\d+_\d+_" + machine
elif platform.libc_ver()[0] == "glibc":
    wanted = r"manylinux_2_\d+_" + machine
else:
    wanted = r"musllinux_1_\d+_" + machine
# The newest release that has a wheel for this machine (PEP 691: the simple index as JSON).
request = urllib.request.Request(index.rstrip("/") + "/uv/", headers={"Accept": "application/vnd.pypi.simple.v1+json"})
with urllib.request.urlopen(request, timeout=60) as answer:
    base = answer.geturl()
    files = json.load(answer)["files"]
wheels = [f for f in files if re.match(r"uv-\d+\.\d+\.\d+-py3-none-.*" + wanted, f["filename"]) and not f.get("yanked")]
wheel = max(wheels, key=lambda f: tuple(map(int, f["filename"].split("-")[1].split("."))))
with urllib.request.urlopen(urllib.parse.urljoin(base, wheel["url"]), timeout=300) as answer:
    content = answer.read()
if hashlib.sha256(content).hexdigest() != wheel["hashes"]["sha256"]:
    sys.exit("the downloaded uv is damaged")
os.makedirs(folder, exist_ok=True)
path = os.path.join(folder, "uv.whl")
with open(path, "wb") as file:
    file.write(content)
with zipfile.ZipFile(path) as archive:
    name = next(n for n in archive.namelist() if n.endswith("/scripts/uv"))
    target = os.path.join(folder, "uv")
    with open(target + ".part", "wb") as file:
        file.write(archive.read(name))
os.chmod(target + ".part", 0o755)
os.replace(target + ".part", target)
os.remove(path)
