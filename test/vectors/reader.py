#!/usr/bin/env python3
"""Reads keybroker envelopes: written from docs/envelope.md alone, with nothing but Python's standard library.

  reader.py
      opens every valid golden vector beside this file and refuses every invalid one; blobs that only their backends
      unwrap are looked at, and the shares in their vectors' files stand for them
  reader.py --master-key-file FILE … [--context NAME=VALUE …] ENVELOPE
      opens an envelope (a file in binary or text form, or - for standard input) with master keys of the env
      provider, and writes the data key's bytes to standard output

Exit status: 0 done, 1 a vector failed, 2 usage, 4 refused. It is a specification that runs, and a way back to
data when the daemon is gone; its AES is slow and not proof against timing, so it is no part of a service.
"""

import argparse
import base64
import binascii
import hashlib
import hmac
import itertools
import json
import pathlib
import re
import sys

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"


class Refused(Exception):
    """Not an envelope, or not one that opens with these keys and this context."""


def need(condition, fault):
    if not condition:
        raise Refused(fault)


# --- AES-256-GCM (FIPS 197, SP 800-38D) ---------------------------------------------------------------------


def times2(a):
    return (a << 1) ^ (0x11B if a & 0x80 else 0)


def gf_multiply(a, b):
    """The product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1: AES's field, and the shares'."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a, b = times2(a), b >> 1
    return product


def gf_invert(a):
    return next((b for b in range(256) if gf_multiply(a, b) == 1), 0)


def make_sbox():
    box = []
    for value in range(256):
        inverse = gf_invert(value)
        turned = inverse
        for _ in range(4):
            inverse = ((inverse << 1) | (inverse >> 7)) & 0xFF
            turned ^= inverse
        box.append(turned ^ 0x63)
    return box


SBOX = make_sbox()
# One column of MixColumns after SubBytes, for a byte in each of the four rows, as 32-bit words.
TABLES = [
    [
        int.from_bytes(bytes((column[-row % 4], column[(1 - row) % 4], column[(2 - row) % 4], column[(3 - row) % 4])), "big")
        for column in ((times2(s), s, s, times2(s) ^ s) for s in SBOX)
    ]
    for row in range(4)
]


def expand_key(key):
    """AES-256's 60 round-key words."""
    words = [int.from_bytes(key[i : i + 4], "big") for i in range(0, 32, 4)]
    rcon = 1
    substitute = lambda word: int.from_bytes(bytes(SBOX[b] for b in word.to_bytes(4, "big")), "big")
    for i in range(8, 60):
        word = words[-1]
        if i % 8 == 0:
            word = substitute(((word << 8) | (word >> 24)) & 0xFFFFFFFF) ^ (rcon << 24)
            rcon = times2(rcon)
        elif i % 8 == 4:
            word = substitute(word)
        words.append(words[-8] ^ word)
    return words


def encrypt_block(words, block):
    t0, t1, t2, t3 = TABLES
    state = [int.from_bytes(block[4 * i : 4 * i + 4], "big") ^ words[i] for i in range(4)]
    for at in range(4, 56, 4):
        a, b, c, d = state
        state = [
            t0[a >> 24] ^ t1[b >> 16 & 255] ^ t2[c >> 8 & 255] ^ t3[d & 255] ^ words[at],
            t0[b >> 24] ^ t1[c >> 16 & 255] ^ t2[d >> 8 & 255] ^ t3[a & 255] ^ words[at + 1],
            t0[c >> 24] ^ t1[d >> 16 & 255] ^ t2[a >> 8 & 255] ^ t3[b & 255] ^ words[at + 2],
            t0[d >> 24] ^ t1[a >> 16 & 255] ^ t2[b >> 8 & 255] ^ t3[c & 255] ^ words[at + 3],
        ]
    out = bytearray()
    for i in range(4):
        shifted = (state[(i + row) % 4] >> (24 - 8 * row) & 255 for row in range(4))
        word = int.from_bytes(bytes(SBOX[b] for b in shifted), "big") ^ words[56 + i]
        out += word.to_bytes(4, "big")
    return bytes(out)


def ghash(h, data):
    """GHASH over whole blocks; H is turned once into its 128 multiples by powers of x."""
    multiples = []
    for _ in range(128):
        multiples.append(h)
        h = (h >> 1) ^ ((0xE1 << 120) if h & 1 else 0)
    y = 0
    for at in range(0, len(data), 16):
        y ^= int.from_bytes(data[at : at + 16], "big")
        product = 0
        for multiple, bit in zip(multiples, format(y, "0128b")):
            if bit == "1":
                product ^= multiple
        y = product
    return y


def pad(data):
    return data + bytes(-len(data) % 16)


def gcm_open(key, nonce, associated, sealed):
    """The plaintext of ciphertext and 16-byte tag."""
    words = expand_key(key)
    ciphertext, tag = sealed[:-16], sealed[-16:]
    h = int.from_bytes(encrypt_block(words, bytes(16)), "big")
    lengths = (8 * len(associated)).to_bytes(8, "big") + (8 * len(ciphertext)).to_bytes(8, "big")
    digest = ghash(h, pad(associated) + pad(ciphertext) + lengths).to_bytes(16, "big")
    mask = encrypt_block(words, nonce + (1).to_bytes(4, "big"))
    expected = bytes(a ^ b for a, b in zip(digest, mask))
    need(hmac.compare_digest(expected, tag), "the tag is wrong")
    stream = bytearray()
    for counter in range(2, 2 + (len(ciphertext) + 15) // 16):
        stream += encrypt_block(words, nonce + counter.to_bytes(4, "big"))
    return bytes(a ^ b for a, b in zip(ciphertext, stream))


# --- HKDF-SHA-512 (RFC 5869) --------------------------------------------------------------------------------


def hkdf(key, salt, info, length):
    prk = hmac.digest(salt or bytes(64), key, "sha512")
    okm, block = b"", b""
    while len(okm) < length:
        block = hmac.digest(prk, block + info + bytes([len(okm) // 64 + 1]), "sha512")
        okm += block
    return okm[:length]


# --- The layout ---------------------------------------------------------------------------------------------

REALM = re.compile(rb"[a-z0-9][a-z0-9-]{0,62}")
SEGMENT = re.compile(rb"[a-z0-9._-]+")


def is_key_name(name):
    segments = name.split(b"/")
    good = all(SEGMENT.fullmatch(s) and s not in (b".", b"..") for s in segments)
    return good and 1 <= len(name) <= 128


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        need(length <= len(self.data) - self.at, "cut short")
        self.at += length
        return self.data[self.at - length : self.at]

    def number(self, length):
        return int.from_bytes(self.take(length), "big")

    def so_far(self):
        return self.data[: self.at]


def utf8(data, fault):
    try:
        return data.decode("utf-8", "strict")
    except UnicodeDecodeError:
        raise Refused(fault) from None


def decode_recipient(cursor):
    kind, scheme = cursor.number(1), cursor.number(1)
    master_key_id = utf8(cursor.take(cursor.number(2)), "row 12 is not UTF-8")
    need(master_key_id, "row 12 is empty")
    version = utf8(cursor.take(cursor.number(1)), "row 13 is not UTF-8")
    length = cursor.number(2)
    need(1 <= length <= 2048, "row 14 has no such length")
    return {
        "kind": kind,
        "scheme": scheme,
        "masterKeyId": master_key_id,
        "version": version,
        "wrapped": cursor.take(length),
    }


def decode(data):
    cursor = Cursor(data)
    need(cursor.take(4) == b"KBE\x01", "rows 1-2 are not KBE, 01")
    need(cursor.number(1) == 1, "row 3 is not suite 01")
    envelope = {"threshold": cursor.number(1)}
    count = cursor.number(1)
    need(1 <= count <= 8, "row 5 is not 1 to 8")
    need(1 <= envelope["threshold"] <= count, "row 4 is not 1 to n")
    envelope["branchId"] = cursor.take(16)
    realm = cursor.take(cursor.number(1))
    need(REALM.fullmatch(realm), "row 7 is no realm")
    key = cursor.take(cursor.number(1))
    need(is_key_name(key), "row 8 is no key name")
    envelope["realm"], envelope["key"] = realm.decode("ascii"), key.decode("ascii")
    envelope["recipients"] = [decode_recipient(cursor) for _ in range(count)]
    envelope["h0"] = cursor.so_far()
    envelope["commitment"] = cursor.take(32)
    envelope["nonce"] = cursor.take(12)
    length = cursor.number(4)
    envelope["associated"] = cursor.so_far()
    need(length == len(data) - cursor.at, "row 17 is not what is left")
    need(32 + 1 + 16 <= length <= 32 + 65536 + 16, "row 18 holds no data key of 1 to 65,536 bytes")
    envelope["sealed"] = cursor.take(length)
    return envelope


def from_text(text):
    need(text.startswith("kb1."), "the text form does not begin with kb1.")
    body = text[4:]
    need(re.fullmatch(r"[A-Za-z0-9_-]+", body), "the text form is not base64url")
    try:
        data = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except binascii.Error:
        raise Refused("the text form is not base64url") from None
    need(to_base64url(data) == body, "the text form is not canonical")
    return data


def to_base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


# --- The context --------------------------------------------------------------------------------------------

CONTEXT_NAME = re.compile(r"[a-z0-9][a-z0-9._/-]{0,63}")


def context_hash(context):
    need(len(context) <= 32, "the context has more than 32 pairs")
    pairs, total = [], 0
    for name, value in context.items():
        need(CONTEXT_NAME.fullmatch(name), "a context name breaks its grammar")
        try:
            pair = (name.encode("ascii"), value.encode("utf-8", "strict"))
        except UnicodeEncodeError:
            raise Refused("a context value has a lone surrogate") from None
        need(len(pair[1]) <= 1024, "a context value is longer than 1,024 bytes")
        total += len(pair[0]) + len(pair[1])
        pairs.append(pair)
    need(total <= 4096, "the context is longer than 4,096 bytes")
    prefixed = lambda data: len(data).to_bytes(2, "big") + data
    form = b"".join(prefixed(name) + prefixed(value) for name, value in sorted(pairs))
    return hashlib.sha256(b"keybroker context v1" + len(pairs).to_bytes(2, "big") + form).digest()


# --- Opening ------------------------------------------------------------------------------------------------


def env_id(master_key):
    return hkdf(master_key, b"", b"keybroker env v1 id", 8).hex()


def unwrap_env(master_key, wrapped, binding):
    """The env provider's scheme 1: 32 bytes of salt, then 64 bytes under AES-256-GCM."""
    need(len(wrapped) == 32 + 64 + 16, "the wrapped blob has not 112 bytes")
    t = hkdf(master_key, wrapped[:32], b"keybroker env v1 wrap", 44)
    return gcm_open(t[:32], t[32:], binding, wrapped[32:])


def share_at(envelope, position, master_key):
    place = f"{position}/{envelope['threshold']}/{len(envelope['recipients'])}"
    binding = (
        f"keybroker/1;suite=1;realm={envelope['realm']};key={envelope['key']}"
        f";branch={envelope['branchId'].hex()};share={place}"
    ).encode("ascii")
    material = unwrap_env(master_key, envelope["recipients"][position - 1]["wrapped"], binding)
    need(hmac.compare_digest(material[32:], hashlib.sha256(binding).digest()), "the share is bound to something else")
    return material[:32]


def combine(shares):
    """Lagrange's interpolation at 0, byte by byte."""
    secret = bytes(32)
    for x, share in shares.items():
        weight = 1
        for other in shares:
            if other != x:
                weight = gf_multiply(weight, gf_multiply(other, gf_invert(other ^ x)))
        secret = bytes(s ^ gf_multiply(b, weight) for s, b in zip(secret, share))
    return secret


def branch_key_of(envelope, master_keys):
    by_id = {env_id(key): key for key in master_keys}
    shares = {}
    for position, recipient in enumerate(envelope["recipients"], 1):
        master_key = by_id.get(recipient["masterKeyId"])
        known = (recipient["kind"], recipient["scheme"]) == (1, 1)
        if known and master_key and len(shares) < envelope["threshold"]:
            shares[position] = share_at(envelope, position, master_key)
    need(len(shares) == envelope["threshold"], "too few recipients have one of these master keys")
    return branch_key_from(envelope, shares)


def branch_key_from(envelope, shares):
    return next(iter(shares.values())) if envelope["threshold"] == 1 else combine(shares)


def open_envelope(data, context, master_keys):
    """The data key, or Refused. Each step is one of docs/envelope.md's."""
    envelope = decode(data)
    expected_hash = context_hash(context)
    return open_under(branch_key_of(envelope, master_keys), envelope, expected_hash)


def open_under(branch_key, envelope, expected_hash):
    info = b"keybroker envelope v1" + hashlib.sha512(envelope["h0"]).digest()
    okm = hkdf(branch_key, b"", info, 64)
    need(hmac.compare_digest(okm[32:], envelope["commitment"]), "the commitment is another key's")
    plaintext = gcm_open(okm[:32], envelope["nonce"], envelope["associated"], envelope["sealed"])
    need(hmac.compare_digest(plaintext[:32], expected_hash), "the context is another")
    return plaintext[32:]


# --- Blobs of real backends, as the registry has them --------------------------------------------------------

AWS_ID = re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+")
GCP_ID = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
PKCS11_ID = re.compile(r"pkcs11:serial=(?:[A-Za-z0-9_.!~*'()-]|%[0-9A-F]{2})+;id=(?:%[0-9a-f]{2})+")
VAULT_BLOB = re.compile(rb"vault:v([1-9][0-9]*):([A-Za-z0-9+/]+={0,2})")
# RSA's blobs are as long as the modulus, which the envelope does not tell.
PKCS11_BYTES = {1: (92,), 2: (92,), 3: (96,), 4: (88,), 5: (256, 384, 512), 6: (256, 384, 512)}


def is_vault_blob(recipient):
    found = VAULT_BLOB.fullmatch(recipient["wrapped"])
    if not found or found[1].decode("ascii") != recipient["version"]:
        return False
    try:
        return base64.b64encode(base64.b64decode(found[2], validate=True)) == found[2]
    except binascii.Error:
        return False


def is_registered(recipient):
    """Whether a recipient looks as the registry says of its kind and scheme: more cannot be seen without its backend."""
    kind, scheme, identity, blob = (recipient[name] for name in ("kind", "scheme", "masterKeyId", "wrapped"))
    if kind == 5:
        return bool(PKCS11_ID.fullmatch(identity)) and len(blob) in PKCS11_BYTES.get(scheme, ())
    if scheme != 1:
        return False
    if kind == 1:
        return bool(re.fullmatch(r"[0-9a-f]{16}", identity)) and len(blob) == 112
    if kind in (2, 3):
        return bool((AWS_ID if kind == 2 else GCP_ID).fullmatch(identity)) and len(blob) > 64
    return kind == 4 and is_vault_blob(recipient)


# --- The golden vectors -------------------------------------------------------------------------------------


def open_vector(vector):
    data = envelope_of(vector)
    master_keys = [bytes.fromhex(key) for key in vector["masterKeys"]]
    return open_envelope(data, vector["context"], master_keys)


def envelope_of(vector):
    return bytes.fromhex(vector["envelope"]) if "envelope" in vector else from_text(vector["text"])


def open_from_shares(vector):
    """The data keys that every choice of k of the shares in the vector's file opens to."""
    envelope, expected_hash = decode(envelope_of(vector)), context_hash(vector["context"])
    for recipient in envelope["recipients"]:
        need(is_registered(recipient), f"kind {recipient['kind']}: not as the registry says")
    shares = [bytes.fromhex(share) for share in vector["steps"]["shares"]]
    need(len(shares) == len(envelope["recipients"]), "not one share for each recipient")
    choices = itertools.combinations(enumerate(shares, 1), envelope["threshold"])
    branch_keys = [branch_key_from(envelope, dict(choice)) for choice in choices]
    return [open_under(branch_key, envelope, expected_hash) for branch_key in branch_keys]


def check_valid(vector):
    """What is wrong, or None."""
    try:
        data = envelope_of(vector)
        data_keys = [open_vector(vector)] if vector["masterKeys"] else []
        data_keys += open_from_shares(vector) if "shares" in vector["steps"] else []
    except Refused as refused:
        return f"refused: {refused}"
    if not data_keys:
        return "neither master keys nor shares"
    if any(data_key != bytes.fromhex(vector["dataKey"]) for data_key in data_keys):
        return "another data key"
    header, read = vector["header"], decode(data)
    wanted = [(r["kind"], r["scheme"], r["masterKeyId"], r["version"]) for r in header["recipients"]]
    found = [(r["kind"], r["scheme"], r["masterKeyId"], r["version"]) for r in read["recipients"]]
    same = all(header[name] == read[name] for name in ("threshold", "realm", "key")) and wanted == found
    return None if same and header["branchId"] == read["branchId"].hex() else "another header"


def check_invalid(vector):
    try:
        open_vector(vector)
    except Refused:
        return None
    return f"opened, in spite of: {vector.get('fault')}"


def check_vectors():
    checked = {}
    failures = []
    for sort, check in (("valid", check_valid), ("invalid", check_invalid)):
        paths = sorted((GOLDEN / sort).glob("*.json"))
        checked[sort] = len(paths)
        for path in paths:
            fault = check(json.loads(path.read_text("utf-8")))
            failures += [f"{sort}/{path.name}: {fault}"] if fault else []
    for failure in failures:
        print(failure)
    print(f"{checked['valid']} valid and {checked['invalid']} invalid vectors read, {len(failures)} failed")
    return 1 if failures or 0 in checked.values() else 0


# --- A user's envelope --------------------------------------------------------------------------------------


def read_master_key(path):
    """32 bytes as 64 hex digits, base64 or base64url, with at most one line end after them."""
    text = pathlib.Path(path).read_bytes()
    text = text[:-1] if text.endswith(b"\n") else text
    try:
        if re.fullmatch(rb"[0-9a-fA-F]{64}", text):
            return bytes.fromhex(text.decode("ascii"))
        if re.fullmatch(rb"[A-Za-z0-9+/_-]{43}=?", text):
            return base64.b64decode(text.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/")) + b"=")
    except ValueError:
        pass
    sys.exit(usage(f"{path}: not 32 bytes in hex, base64 or base64url"))


def read_context(arguments):
    context = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or name in context:
            sys.exit(usage(f"--context {name}: " + ("given twice" if equals else "not NAME=VALUE")))
        context[name] = value
    return context


def usage(message):
    print(f"reader.py: {message}", file=sys.stderr)
    return 2


def read_envelope(path):
    data = sys.stdin.buffer.read() if path == "-" else pathlib.Path(path).read_bytes()
    if not data.startswith(b"kb1."):
        return data
    return from_text((data[:-1] if data.endswith(b"\n") else data).decode("latin-1"))


def open_users(arguments):
    master_keys = [read_master_key(path) for path in arguments.master_key_file]
    context = read_context(arguments.context)
    try:
        data_key = open_envelope(read_envelope(arguments.envelope), context, master_keys)
    except Refused as refused:
        print(f"reader.py: refused: {refused}", file=sys.stderr)
        return 4
    sys.stdout.buffer.write(data_key)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--master-key-file", action="append", default=[], metavar="FILE")
    parser.add_argument("--context", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("envelope", nargs="?", metavar="ENVELOPE")
    arguments = parser.parse_args()
    if arguments.envelope is not None and arguments.master_key_file:
        return open_users(arguments)
    if arguments.envelope is not None or arguments.master_key_file or arguments.context:
        return usage("an envelope and --master-key-file go together")
    return check_vectors()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit(usage(f"{error.filename}: {error.strerror}"))
