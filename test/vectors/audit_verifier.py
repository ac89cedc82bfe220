#!/usr/bin/env python3
"""Verifies audit logs by docs/audit.md alone, sharing nothing with the daemon.

  audit_verifier.py PUBLIC-KEY-FILE FOLDER

Prints JSON: for each log its records, how many of them a signed checkpoint covers, and the bytes of a torn last line;
and what is wrong. Signatures are verified by openssl. Parts that retention removed are not followed: it wants whole logs.
"""

import base64
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile

PART = re.compile(r"^(\d{8}T\d{6}Z)-([0-9a-f]{32})\.(\d{6,})\.jsonl(\.gz)?$")
CHECKPOINTS = re.compile(r"^(\d{8}T\d{6}Z)-([0-9a-f]{32})\.checkpoints$")
ED25519 = b"\x01"
SPKI = bytes.fromhex("302a300506032b6570032100")


def sha256(data):
    return hashlib.sha256(data).digest()


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def leaf(line):
    return sha256(b"\x00" + line)


def root(leaves):
    """RFC 9162, section 2.1.1, as it is written there."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + root(leaves[:k]) + root(leaves[k:]))


def read_key(path):
    name, key_id, encoded = open(path).read().strip().split("+", 2)
    raw = base64.b64decode(encoded)
    if raw[:1] != ED25519 or sha256(name.encode() + b"\n" + raw)[:4].hex() != key_id:
        raise SystemExit("this is no public key of an audit log")
    return name, key_id, raw[1:]


def signed(text, signature, public):
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, name) for name in ("key", "text", "signature")]
        for path, data in zip(paths, (SPKI + public, text, signature)):
            with open(path, "wb") as file:
                file.write(data)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths[0], "-rawin"]
        run = subprocess.run(command + ["-in", paths[1], "-sigfile", paths[2]], capture_output=True)
        return run.returncode == 0


def read_checkpoints(path, key):
    """The checkpoints of a file that the key signed, and whether all whole ones were."""
    name, key_id, public = key
    found, good = [], True
    notes = re.findall(r"(.+?\n\n— [^\n]*\n)(?:\n|$)", open(path, encoding="utf-8", newline="").read(), re.S)
    for note in notes:
        text, line = note.rsplit("\n\n", 1)
        text += "\n"
        _, who, encoded = line.strip().split(" ")
        blob = base64.b64decode(encoded)
        if who != name or blob[:4].hex() != key_id or not signed(text.encode(), blob[4:], public):
            good = False
            continue
        origin, size, hash_text = text.split("\n")[:3]
        found.append((origin, int(size), base64.b64decode(hash_text)))
    return found, good


def read_lines(path):
    data = (gzip.open if path.endswith(".gz") else open)(path, "rb").read()
    *lines, rest = data.split(b"\n")
    return lines, rest


def verify_log(log, parts, checkpoints, problems):
    previous = url64(sha256(b"keybroker audit v1\n" + log.encode()))
    leaves, torn = [], 0
    for path in parts:
        lines, rest = read_lines(path)
        torn = len(rest)
        if rest and path != parts[-1]:
            problems.append(f"{log}: a part ends within a record")
        for line in lines:
            record = json.loads(line)
            head = '{"log":"%s","seq":%d,"prev":"%s","time":"' % (log, len(leaves), previous)
            if not line.startswith(head.encode()) or record["log"] != log:
                problems.append(f"{log}: record {len(leaves)} is not the next")
                return leaves, 0, torn
            leaves.append(leaf(line))
            previous = url64(leaves[-1])
    checked = 0
    for origin, size, expected in checkpoints:
        if not origin.startswith("keybroker.audit/") or not origin.endswith("/" + log):
            problems.append(f"{log}: a checkpoint of {origin}")
        elif size > len(leaves):
            problems.append(f"{log}: {size} records were signed, {len(leaves)} are there")
        elif root(leaves[:size]) != expected:
            problems.append(f"{log}: the root at {size} is another")
        else:
            checked = max(checked, size)
    return leaves, checked, torn


def main():
    key = read_key(sys.argv[1])
    folder = sys.argv[2]
    problems, parts, checkpoints = [], {}, {}
    for file in sorted(os.listdir(folder)):
        path = os.path.join(folder, file)
        if match := PART.match(file):
            parts.setdefault(match[2], []).append((int(match[3]), path))
        elif match := CHECKPOINTS.match(file):
            checkpoints[match[2]], good = read_checkpoints(path, key)
            if not good:
                problems.append(f"{match[2]}: a checkpoint is not signed by the key")
    logs, all_leaves, heads = [], {}, []
    for log, own in parts.items():
        paths = [path for _, path in sorted(own)]
        leaves, checked, torn = verify_log(log, paths, checkpoints.get(log, []), problems)
        if not checkpoints.get(log):
            problems.append(f"{log}: nothing of it is signed")
        all_leaves[log] = leaves
        first = json.loads(read_lines(paths[0])[0][0])
        heads += [head.split(" ") for head in first["details"]["heads"]]
        logs.append({"log": log, "from": 0, "to": len(leaves), "checked": checked, "torn": torn})
    for log, size, last, _ in heads:
        leaves = all_leaves.get(log)
        if leaves is None:
            problems.append(f"{log}: the log is missing")
        elif int(size) > len(leaves) or url64(leaves[int(size) - 1]) != last:
            problems.append(f"{log}: it is not the log that a later one knows")
    print(json.dumps({"ok": not problems, "logs": logs, "problems": problems}))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    sys.exit(main())
