#!/usr/bin/python3
"""Known answers for what has to be the same bytes on every machine: repairs, conflicts, batches of removals.

    ./derive.py > derived-v1.json

A second implementation, written from docs/format.md alone. It needs Python 3.10 with the package "cryptography" 37.
"""
import base64, datetime, hashlib, hmac, json, struct
from cryptography.hazmat.primitives.ciphers import Cipher, aead, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

ABOUT = (
    'Known answers for what is derived, so that every machine makes the same bytes of it. Byte strings are hex, names and '
    'paths of conflicts and removals too, since they need not be UTF-8. The content of a file is `pattern` repeated and '
    'cut to `length` bytes; a file without `cipher` is given by its size and SHA-256. `salt_from`: heal is a copy that '
    'repair writes whole, kept a header that it writes over an existing one, drawn the salt and IV of a commit. A batch '
    'has the entries that are to be believed, how it ends (whole, damaged or newer) and how many bytes are left unread. '
    'In `settled` winner and losers are places in `headers`, counted from 0.')


def noise(label, n):
    """Bytes that look random, the same at every run."""
    return hashlib.shake_256(b'overcast known answers: ' + label.encode()).digest(n)


def mac(key, message):
    return hmac.digest(key, message, 'sha256')


class Cloud:
    def __init__(self, label, suite, chunk_log2):
        self.label, self.suite, self.chunk_log2 = label, suite, chunk_log2
        self.key, self.cloud_id, self.vault_id = noise(label + ' key', 32), noise(label + ' id', 16), noise('vault', 16)
        self.prk = mac(b'overcast/v1' + self.vault_id + self.cloud_id, self.key)
        self.siv = aead.AESSIV(self.expand(b'name', 64))

    def expand(self, info, length):
        return HKDFExpand(SHA256(), length, info).derive(self.prk)

    def entry(self, name):
        assert len(name) <= 112
        sealed = self.siv.encrypt(name + bytes(-len(name) % 16), [b'name'])
        return base64.b32hexencode(sealed).decode().lower().rstrip('=')

    def heal_salt(self, file_id, commit_id):
        return self.expand(b'heal' + file_id + commit_id, 16)

    def json(self):
        return {'key': self.key.hex(), 'vault_id': self.vault_id.hex(), 'cloud_id': self.cloud_id.hex(),
                'suite': self.suite, 'chunk_log2': self.chunk_log2, 'prk': self.prk.hex()}


CLOUDS = [Cloud('alpha', 2, 12), Cloud('beta', 1, 16)]


def cbc(key, iv, plain):
    return Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor().update(plain)


def ecb(key, block):
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(block)


class Keys:
    """The keys of one backing file, and what is made with them."""

    def __init__(self, cloud, kind, salt):
        self.cloud, self.salt = cloud, salt
        self.ident = bytes([1, cloud.suite, cloud.chunk_log2, kind]) + bytes(4) + salt
        f = cloud.expand(b'file' + self.ident, 192)
        size = 16 if cloud.suite == 1 else 32
        self.enc, self.mac, self.iv, self.hdr_enc, self.hdr_mac, self.acc = (f[i:i + 32] for i in range(0, 192, 32))
        self.enc, self.hdr_enc = self.enc[:size], self.hdr_enc[:size]

    def record(self, i, write_id, plain):
        n, chunk = len(plain), 1 << self.cloud.chunk_log2
        assert 1 <= n <= chunk
        p = 0 if n == chunk else 16 - n % 16
        iv = ecb(self.iv, write_id)
        ct = cbc(self.enc, iv, plain + bytes([p]) * p)
        return iv + ct + mac(self.mac, struct.pack('>QQ', i, n) + iv + ct)[:32 - p]

    def term(self, i, write_id):
        first = ecb(self.acc, struct.pack('>QQ', i, 0))
        return int.from_bytes(ecb(self.acc, bytes(a ^ b for a, b in zip(first, write_id))), 'big')

    def derived_iv(self, payload):
        return mac(self.hdr_mac, b'iv' + payload)[:16]

    def header(self, payload, iv):
        head = b'OVERCAST' + self.ident + iv + cbc(self.hdr_enc, iv, payload)
        return head + mac(self.hdr_mac, head)


def payload(h, acc):
    fixed = struct.pack('>16s16s16sIIIIQqIH18x', h['file_id'], h['commit_id'], acc, h['flags'], h['mode'], h['uid'], h['gid'],
                        h['length'], h['mtime_s'], h['mtime_ns'], len(h['version']))
    vector = b''.join(struct.pack('>IQ', writer, counter) for writer, counter in h['version'])
    return (fixed + vector).ljust(432, b'\0')


def header_of(label, **fields):
    h = {'type': 1, 'file_id': noise(label + ' file', 16), 'commit_id': noise(label + ' commit', 16), 'flags': 0, 'mode': 0o644,
         'uid': 1000, 'gid': 100, 'length': 0, 'mtime_s': 1700000000, 'mtime_ns': 123456789, 'version': [[7, 70]]}
    return h | fields


def plain_json(h):
    return {k: v.hex() if isinstance(v, bytes) else v for k, v in h.items()}


def whole_file(number, h, pattern, salt_from, holes=()):
    """A backing file with all of its records, as a commit or a repair writes it into one cloud."""
    cloud, label = CLOUDS[number], h['commit_id'].hex()
    drawn = salt_from == 'drawn'
    salt = noise(label + cloud.label, 16) if drawn else cloud.heal_salt(h['file_id'], h['commit_id'])
    keys, chunk = Keys(cloud, h['type'], salt), 1 << cloud.chunk_log2
    content = (pattern * (h['length'] // len(pattern) + 1))[:h['length']] if pattern else b''
    write_ids, records, acc = [], b'', 0
    writer, counter = h['version'][0]
    for i in range(-(-h['length'] // chunk)):
        part = content[i * chunk:(i + 1) * chunk]
        if i in holes:
            write_ids.append('')
            records += bytes(len(part) + 48)
            continue
        write_id = struct.pack('>I', writer) + (counter - i % 3).to_bytes(6, 'big') + noise(f'{label} {i}', 6)
        write_ids.append(write_id.hex())
        records += keys.record(i, write_id, part)
        acc ^= keys.term(i, write_id)
    acc = acc.to_bytes(16, 'big')
    inside = payload(h, acc)
    iv = noise(label + cloud.label + ' iv', 16) if drawn else keys.derived_iv(inside)
    cipher = keys.header(inside, iv) + records
    assert len(cipher) == 512 + h['length'] + 48 * len(write_ids)
    out = {'cloud': number, 'salt_from': salt_from} | plain_json(h)
    out |= {'pattern': pattern.hex(), 'holes': list(holes), 'write_ids': write_ids, 'salt': salt.hex(), 'acc': acc.hex(),
            'iv': iv.hex(), 'header': cipher[:512].hex(), 'cipher_size': len(cipher),
            'cipher_sha256': hashlib.sha256(cipher).hexdigest()}
    if len(cipher) <= 2048:
        out['cipher'] = cipher.hex()
    return out


def header_over(number, h, why):
    """A header that repair writes over an existing copy, whose salt it keeps."""
    cloud, label = CLOUDS[number], h['commit_id'].hex()
    salt, acc = noise(label + ' old salt' + cloud.label, 16), noise(label + ' acc' + cloud.label, 16)
    keys, inside = Keys(cloud, h['type'], salt), payload(h, acc)
    iv = keys.derived_iv(inside)
    return {'why': why, 'cloud': number, 'salt_from': 'kept'} | plain_json(h) | {
        'salt': salt.hex(), 'acc': acc.hex(), 'iv': iv.hex(), 'header': keys.header(inside, iv).hex()}


def conflict_id(file_id, commit_id):
    return hashlib.sha256(b'conflict' + file_id + commit_id).digest()[:16]


def conflict_name(name, seconds, commit_id):
    seconds = min(max(seconds, -62135596800), 253402300799)
    when = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds)
    tag = b' (conflict %04d-%02d-%02d %02d%02d%02d %s)' % (
        when.year, when.month, when.day, when.hour, when.minute, when.second, commit_id[:2].hex().encode())
    stem, dot, after = name.rpartition(b'.')
    if not (dot and stem.strip(b'.') and 1 <= len(after) <= 15 and all(0x21 <= c <= 0x7e for c in after)):
        stem, extension = name, b''
    elif stem.endswith(b'.tar') and stem[:-4].strip(b'.'):
        stem, extension = stem[:-4], b'.tar.' + after
    else:
        extension = b'.' + after
    room = 255 - len(tag) - len(extension)
    if len(stem) > room:
        cut = room
        while room - cut < 3 and 0x80 <= stem[cut] <= 0xbf:
            cut -= 1
        stem = stem[:cut]
    return stem + tag + extension


def gone_name(writer, counter):
    return b'%08x-%012x' % (writer, counter)


def gone_id(vault_id, writer, counter):
    return hashlib.sha256(b'gone' + vault_id + struct.pack('>I', writer) + counter.to_bytes(6, 'big')).digest()[:16]


def entry(kind, vector, seconds=1700000000, id=None, path=b'', n=None, path_length=None):
    if id is None:
        id = bytes(16) if kind in (3, 4) else noise(f'entry {kind} {len(vector)}', 16)
    n, path_length = len(vector) if n is None else n, len(path) if path_length is None else path_length
    return (bytes([kind]) + id + bytes([n]) + b''.join(struct.pack('>IQ', w, c) for w, c in vector)
            + struct.pack('>qH', seconds, path_length) + path)


def path_allowed(path):
    return all(1 <= len(name) <= 255 and name not in (b'.', b'..') and 0 not in name for name in path.split(b'/'))


def parse_entries(content):
    """Returns the entries, how the batch ends, and how many bytes it leaves unread."""
    found, at = [], 0
    while at < len(content):
        rest = content[at:]
        kind = rest[0]
        if kind > 4:
            return found, 'newer', len(rest)
        if kind == 0 or len(rest) < 18:
            return found, 'damaged', len(rest)
        id, n = rest[1:17], rest[17]
        if not 1 <= n <= 27 or len(rest) < 18 + 12 * n + 10:
            return found, 'damaged', len(rest)
        vector = [list(e) for e in struct.iter_unpack('>IQ', rest[18:18 + 12 * n])]
        seconds, path_length = struct.unpack('>qH', rest[18 + 12 * n:28 + 12 * n])
        path = rest[28 + 12 * n:28 + 12 * n + path_length]
        legal = all(0 < c < 1 << 48 for _, c in vector) and all(a[0] < b[0] for a, b in zip(vector, vector[1:]))
        legal = legal and len(path) == path_length
        if kind in (1, 2):
            legal = legal and any(id) and path_length == 0
        else:
            legal = legal and not any(id) and path_allowed(path)
        if not legal:
            return found, 'damaged', len(rest)
        found.append({'kind': kind, 'id': id.hex(), 'version': vector, 'seconds': seconds, 'path': path.hex()})
        at += 28 + 12 * n + path_length
    return found, 'whole', 0


def maximum(vectors):
    top = {}
    for vector in vectors:
        for writer, counter in vector:
            top[writer] = max(top.get(writer, 0), counter)
    # More than 27: those with the smallest counters go, of equal ones the smallest writers.
    kept = sorted(top.items(), key=lambda e: (e[1], e[0]))[-27:]
    return sorted([w, c] for w, c in kept)


def at_most(a, b):
    b = dict(map(tuple, b))
    return all(counter <= b.get(writer, 0) for writer, counter in a)


def settle(headers):
    commits = {}
    for i, h in enumerate(headers):
        commits.setdefault(h['commit_id'], []).append(i)
    merged = {c: maximum([headers[i]['version'] for i in places]) for c, places in commits.items()}
    time = {c: max((headers[i]['mtime_s'], headers[i]['mtime_ns']) for i in places) for c, places in commits.items()}
    lesser = {c for c in commits for d in commits if at_most(merged[c], merged[d]) and not at_most(merged[d], merged[c])}
    rivals = sorted((c for c in commits if c not in lesser), key=lambda c: (time[c], c), reverse=True)
    return {'winner': commits[rivals[0]][0], 'version': maximum(merged.values()),
            'losers': [{'place': commits[c][0], 'version': merged[c]} for c in rivals[1:]]}


def files():
    batch = entry(1, [[7, 60]]) + entry(2, [[7, 61], [9, 5]]) + entry(3, [[7, 62]], path=b'photos/2019') + entry(4, [[7, 63]], path=b'photos/2019')
    def of_batch(writer, counter):
        return {'type': 8, 'mode': 0o600, 'version': [[writer, counter]], 'file_id': gone_id(CLOUDS[0].vault_id, writer, counter)}
    loser = header_of('rival', length=20, version=[[3, 30], [9, 90]])
    loser['file_id'] = conflict_id(loser['file_id'], loser['commit_id'])
    winner = header_of('winner', length=70000, version=[[7, 70], [9, 90]])
    many = [[i, 1000 + i] for i in range(1, 28)]
    cases = [
        (header_of('nothing in it'), b'', 'heal', ()),
        (header_of('one byte', length=1), b'x', 'heal', ()),
        (header_of('a block', length=16, mode=0o4755), noise('a block', 16), 'heal', ()),
        (winner, noise('winner', 61), 'heal', ()),
        (loser, noise('rival', 20), 'heal', ()),
        (header_of('sparse', length=200001, flags=2), noise('sparse', 97), 'heal', (0,)),
        (header_of('link', type=3, length=9, mode=0o777, mtime_s=-1, version=many), b'../target', 'heal', ()),
        (header_of('device', type=6, length=8), struct.pack('>II', 1, 3), 'heal', ()),
        (header_of('gone', length=len(batch), **of_batch(0x0a0b0c0d, 0x010203040506)), batch, 'drawn', ()),
        (header_of('gone', length=len(batch), **of_batch(0x0a0b0c0d, 0x010203040506)), batch, 'heal', ()),
        (header_of('joined', length=0, **of_batch(0xffffffff, 1)), b'', 'drawn', ()),
        (header_of('joined', length=0, **of_batch(0xffffffff, 1)), b'', 'heal', ()),
    ]
    return [whole_file(k, h, p, s, holes) for h, p, s, holes in cases for k in range(len(CLOUDS))]


def headers():
    cases = [
        (header_of('won', length=12345, version=[[7, 70], [9, 90]]), 'the maximum of two vectors'),
        (header_of('won', length=12345, version=[[7, 70]]), 'the same with the vector before'),
        (header_of('begun', length=12345, flags=1), 'DIRTY, before its records are written'),
        (header_of('begun', length=12345), 'the same, clean'),
        (header_of('full', version=[[i, 500 - i] for i in range(10, 37)], flags=2), '27 writers'),
    ]
    return [header_over(k, h, why) for h, why in cases for k in range(len(CLOUDS))]


NAMES = [
    (b'report.pdf', 1704164645), (b'report', 1704164645), (b'.bashrc', 1704164645), (b'.config.json', 1704164645),
    (b'..hidden', 1704164645), (b'...', 1704164645), (b'name.', 1704164645), (b'archive.tar.gz', 0), (b'.tar.gz', 0),
    (b'a.tar.gz.sig', 0), (b'Mr. Smith', 0), (b'version 1.2', 0), (b'photo.JPEG', 0), (b'a.b.c', 0), (b'x.123456789012345', 0),
    (b'x.1234567890123456', 0), ('naïve.tëxt'.encode(), 0), ('日本.txt'.encode(), 0), (b'new\nline.a b', 0), (b'\xff\xfe.\xff', 0),
    (b' ', 0), (b'a', -1), (b'a', -62135596800), (b'a', -62135596801), (b'a', -1 << 63), (b'a', 253402300799),
    (b'a', 253402300800), (b'a', (1 << 63) - 1), (b'a', 1709208000), (b'a (conflict 2024-01-02 030405 abcd).txt', 0),
    (b'n' * 255, 0), (b'n' * 251 + b'.txt', 0), (b'n' * 217 + b'.txt', 0), (b'n' * 218 + b'.txt', 0), (b'n' * 221, 0), (b'n' * 222, 0),
    (b'ab' + 'é'.encode() * 126, 0), (b'a' + 'é'.encode() * 127, 0), ('日'.encode() * 85, 0), (b'a' + '日'.encode() * 84, 0),
    (b'ab' + '日'.encode() * 84, 0), ('😀'.encode() * 63, 0), (b'a' + '😀'.encode() * 63, 0), (b'ab' + '😀'.encode() * 63, 0),
    (b'abc' + '😀'.encode() * 63, 0), (b'\x80' * 255, 0), (b'a' * 245 + b'.tar.zst', 0), (b'.' + b'h' * 254, 0), (b'.' * 255, 0),
]


def batches():
    some = entry(1, [[7, 60]])
    writers = [[i * 3, 1000 - i] for i in range(28)]
    cases = [
        ('nothing: a writer has joined', b''),
        ('ended, one writer', some),
        ('moved, two writers', entry(2, [[1, 1], [0xffffffff, (1 << 48) - 1]])),
        ('ended, 27 writers, writer 0 among them', entry(1, writers[:27])),
        ('a directory has ended', entry(3, [[7, 60]], path=b'photos')),
        ('a directory was made again', entry(4, [[7, 61], [8, 2]], path=b'photos/2019/\xff\n')),
        ('a name of 255 bytes in a directory of 255', entry(3, [[7, 60]], path=b'd' * 255 + b'/' + b'e' * 255)),
        ('all kinds', some + entry(2, [[7, 61]]) + entry(3, [[7, 62]], path=b'a') + entry(4, [[7, 63]], path=b'a')),
        ('the same twice', some + some),
        ('times before 1970 and far away', entry(1, [[7, 60]], seconds=-1 << 63) + entry(1, [[7, 60]], seconds=(1 << 63) - 1)),
        ('a name that begins with dots', entry(3, [[7, 60]], path=b'...x/.y')),
        ('zeros, as in a hole', some + bytes(100)),
        ('kind 0', some + entry(0, [[7, 60]])),
        ('kind 5', some + entry(5, [[7, 60]]) + some),
        ('kind 255 and nothing else', some + b'\xff'),
        ('no writers', some + entry(1, []) + some),
        ('28 writers', some + entry(1, writers)),
        ('255 writers, and too few bytes', some + entry(1, [[7, 60]], n=255)),
        ('writers descending', some + entry(1, [[8, 60], [7, 60]]) + some),
        ('a writer twice', some + entry(1, [[7, 60], [7, 61]])),
        ('counter 0', some + entry(1, [[7, 0]])),
        ('counter 2^48', some + entry(1, [[7, 1 << 48]])),
        ('ended, without an id', some + entry(1, [[7, 60]], id=bytes(16))),
        ('moved, with a path', some + entry(2, [[7, 60]], path=b'a')),
        ('a directory with an id', some + entry(3, [[7, 60]], id=noise('id', 16), path=b'a')),
        ('a directory without a path', some + entry(4, [[7, 60]])),
    ]
    for path in (b'/', b'/a', b'a/', b'a//b', b'.', b'..', b'a/..', b'./a', b'a\0', b'n' * 256):
        cases.append((f'a directory at {path[:8]!r}', some + entry(3, [[7, 60]], path=path) + some))
    cases.append(('a path that is cut', some + entry(3, [[7, 60]], path=b'abc', path_length=4)))
    for n in range(1, len(some)):
        cases.append((f'{n} bytes of an entry', some + some[:n]))
    out = []
    for why, content in cases:
        entries, ends, unread = parse_entries(content)
        out.append({'why': why, 'content': content.hex(), 'entries': entries, 'ends': ends, 'unread': unread})
    return out


def settled():
    def head(commit, mtime, *version, ns=0):
        return {'commit_id': noise('settled ' + commit, 16) if len(commit) < 32 else bytes.fromhex(commit),
                'mtime_s': mtime, 'mtime_ns': ns, 'version': [list(e) for e in version]}
    low, high = '00' * 15 + '01', 'ff' * 16
    full = [(10 * i, 200 + i) for i in range(1, 28)]
    cases = [
        ('one', [head('a', 5, (1, 1))]),
        ('equal', [head('a', 5, (1, 1)), head('a', 5, (1, 1))]),
        ('the greater one, though its time is before', [head('a', 9, (1, 1)), head('b', 5, (1, 2))]),
        ('the greater one in the middle', [head('a', 9, (1, 1)), head('b', 5, (1, 2), (2, 1)), head('c', 8, (1, 2))]),
        ('concurrent: the later time', [head('a', 5, (1, 1)), head('b', 6, (2, 1))]),
        ('concurrent: the later nanosecond', [head('a', 5, (1, 1), ns=2), head('b', 5, (2, 1), ns=1)]),
        ('concurrent, before 1970', [head('a', -5, (1, 1)), head('b', -6, (2, 1))]),
        ('concurrent, at the same time: the greater commit id', [head(low, 5, (1, 1)), head(high, 5, (2, 1))]),
        ('the same, the other way round', [head(high, 5, (1, 1)), head(low, 5, (2, 1))]),
        ('equal vectors of two commits', [head(low, 5, (1, 1)), head(high, 5, (1, 1))]),
        ('one commit with concurrent vectors', [head('a', 5, (1, 1), (2, 2)), head('a', 5, (1, 1), (3, 3))]),
        ('a commit that has won already', [head('a', 5, (1, 1)), head('b', 6, (2, 1)), head('a', 5, (1, 1), (2, 1))]),
        ('a lesser one takes no part, whatever its time', [head('a', 99, (1, 1)), head('b', 5, (1, 2)), head('c', 6, (1, 1), (2, 1))]),
        ('three rivals', [head('a', 5, (1, 1)), head('b', 7, (2, 1)), head('c', 6, (3, 1))]),
        ('a rival that was seen with two vectors', [head('a', 9, (1, 1)), head('b', 5, (2, 1)), head('b', 5, (2, 1), (3, 4))]),
        ('after a conflict, an edit of the loser', [head('a', 5, (1, 1), (2, 1)), head('c', 9, (2, 2))]),
        ('more than 27 writers', [head('a', 5, *full), head('b', 6, *full[1:], (275, 900))]),
        ('of equal counters the smallest writer goes', [head('a', 5, *[(i, 100) for i in range(20, 47)]), head('b', 6, (10, 100), (300, 500))]),
    ]
    return [{'why': why, 'headers': [plain_json(h) for h in heads]} | settle(heads) for why, heads in cases]


def main():
    commits = [header_of(label) for label in ('first', 'second')]
    commits += [{'file_id': bytes(16), 'commit_id': bytes(16)}, {'file_id': b'\xff' * 16, 'commit_id': noise('third', 16)}]
    stamps = [(0, 1), (1, 1 << 20), (0x0a0b0c0d, 0x010203040506), (0xffffffff, (1 << 48) - 1)]
    print(json.dumps({
        'about': ABOUT,
        'clouds': [c.json() for c in CLOUDS],
        'salts': [{'cloud': k, 'file_id': h['file_id'].hex(), 'commit_id': h['commit_id'].hex(),
                   'salt': c.heal_salt(h['file_id'], h['commit_id']).hex()} for h in commits for k, c in enumerate(CLOUDS)],
        'conflict_ids': [{'file_id': h['file_id'].hex(), 'commit_id': h['commit_id'].hex(),
                          'conflict_id': conflict_id(h['file_id'], h['commit_id']).hex()} for h in commits],
        'conflict_names': [{'name': name.hex(), 'mtime_s': s, 'commit_id': noise(f'name {i}', 16).hex(),
                            'conflict_name': conflict_name(name, s, noise(f'name {i}', 16)).hex()} for i, (name, s) in enumerate(NAMES)],
        'settled': settled(),
        'files': files(),
        'headers': headers(),
        'batch_ids': [{'writer': w, 'counter': c, 'name': gone_name(w, c).decode(), 'file_id': gone_id(CLOUDS[0].vault_id, w, c).hex(),
                       'entries': [cloud.entry(gone_name(w, c)) for cloud in CLOUDS]} for w, c in stamps],
        'batches': batches(),
    }, indent=1))


main()
