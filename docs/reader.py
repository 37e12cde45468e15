#!/usr/bin/python3
"""Reads one cloud of an Overcast vault, format 1, without Overcast: for audits, and as a way out.

    age -d VAULT/keys.age | ./reader.py CLOUD OUT
    age -d -i KIT CLOUD/z-recovery.age | ./reader.py CLOUD OUT         with a recovery kit: KIT holds its line

verifies the directory CLOUD, lists it, and extracts it to OUT, a new one; only extended attributes, which no sync tool
keeps, stay behind. What does not verify, or has ended by what z-gone tells, is named on standard error, and the exit
code is then 1. It needs Python 3.10 with the package "cryptography" 37, and is written from format.md alone.
"""
import base64, functools, hashlib, hmac, json, os, re, stat, struct, sys, time
from cryptography.hazmat.primitives.ciphers import Cipher, aead, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

DIRTY, SPARSE = 1, 2
KINDS = {1: stat.S_IFREG, 3: stat.S_IFLNK, 4: stat.S_IFIFO, 5: stat.S_IFSOCK, 6: stat.S_IFCHR, 7: stat.S_IFBLK, 8: 0}
mac = functools.partial(hmac.digest, digest='sha256')

def check(condition, why):
    if not condition:
        raise ValueError(why)

def regular(path):
    """Opens a regular file. Nothing else that a provider can put in its place makes the reader wait or go elsewhere."""
    f = open(path, 'rb', opener=lambda path, flags: os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW))
    check(stat.S_ISREG(os.fstat(f.fileno()).st_mode), 'no file that Overcast makes')
    return f

def possible(name):
    return 0 < len(name) < 256 and not {0, 47} & set(name) and name not in (b'.', b'..')

def legal(vector):
    return len(vector) <= 27 and vector == sorted(dict(vector).items()) and all(0 < counter < 1 << 48 for _, counter in vector)

def entries(content):
    """Yields what a batch of removals tells, up to an entry that does not parse."""
    while content:
        check(content[0] <= 4, 'the batch ends with what is newer than this reader')
        kind, id, n = struct.unpack('>B16sB', content[:18])
        vector = list(struct.iter_unpack('>IQ', content[18:18 + 12 * n]))
        _, length = struct.unpack('>qH', content[18 + 12 * n:28 + 12 * n])
        path, content = content[28 + 12 * n:28 + 12 * n + length], content[28 + 12 * n + length:]
        check(kind and vector and legal(vector) and len(path) == length and any(id) == (kind < 3)
              and (all(map(possible, path.split(b'/'))) if kind > 2 else not path), 'the batch ends with no legal entry')
        yield kind, id, dict(vector)

class Cloud:
    def __init__(self, root, keys):
        with regular(os.path.join(root, b'z-overcast.json')) as f:
            marker = json.loads(f.read(16384))
        key = {c['id']: c for c in keys['clouds']}[marker['cloud_id']]
        self.ids = ids = bytes.fromhex(keys['vault_id'] + key['id'])
        self.shape = bytes([key['suite'], keys['chunk_log2']])
        self.prk = mac(b'overcast/v1' + ids, bytes.fromhex(key['key']))
        check(mac(self.expand(b'marker', 32), b'overcast marker v1' + ids).hex() == marker['mac'], 'a damaged marker')
        self.siv, self.links, self.ended, self.failed = aead.AESSIV(self.expand(b'name', 64)), {}, {}, False

    def expand(self, info, length):
        return HKDFExpand(SHA256(), length, info).derive(self.prk)

    def decode(self, directory, entry):
        check(match := re.fullmatch(rb'(x?)([0-9a-v]+)([w-z]?)', entry), 'foreign, or the copy of a sync tool')
        long, text, suffix = match.groups()
        sealed = base64.b32hexdecode(text.upper() + b'=' * (-len(text) % 8))
        check(base64.b32hexencode(sealed).lower().rstrip(b'=') == text, 'not canonical')
        if long:
            with regular(os.path.join(directory, b'y' + text)) as f:
                digest, sealed = sealed, f.read(273)  # one byte more than the longest has
            check(hashlib.sha256(sealed).digest()[:25] == digest, 'the sidecar is damaged')
        padded = self.siv.decrypt(sealed, [b'name'])
        name = padded.rstrip(b'\0')
        check((len(padded) > 112) == bool(long) and len(padded) == -(-len(name) // 16) * 16 and possible(name),
              'no name that could be encoded')
        return name, suffix

    def each(self, source, do):
        """Does something with every entry but metadata, temporary files and what has a reserved letter."""
        for entry in sorted(os.listdir(source)):
            try:
                if not re.fullmatch(rb'[yz].*|\.~.*|x?[0-9a-v]{40,}[x-z]', entry, re.DOTALL):
                    do(source, entry)
            except Exception as err:
                self.failed = True
                print(f'{os.path.join(source, entry)!r}: {str(err) or "does not authenticate"}', file=sys.stderr)

    def walk(self, source, out):
        os.mkdir(out, 0o700)
        self.each(source, lambda source, entry: self.extract(source, entry, out))

    def learn(self, source, entry):
        """Learns from a batch of removals which files have ended, and at which versions."""
        name, suffix = self.decode(source, entry)
        with regular(os.path.join(source, entry)) as f:
            file, stamp = File(self, f), re.fullmatch(rb'([0-9a-f]{8})-([0-9a-f]{12})', name)
            check(stamp and not suffix and file.type == 8, 'foreign: no batch of removals')
            writer, counter = (bytes.fromhex(digits.decode()) for digits in stamp.groups())
            check(file.id == hashlib.sha256(b'gone' + self.ids[:16] + writer + counter).digest()[:16], 'foreign: another id')
            check(file.version == {int.from_bytes(writer, 'big'): int.from_bytes(counter, 'big')} and file.length <= 1 << 24,
                  'not what a batch of removals can be')
            content = b''.join(plain or bytes(file.chunk) for plain in list(file.chunks()))[:file.length]
        for kind, id, vector in entries(content):
            if kind == 1:
                self.ended.setdefault(id, []).append(vector)

    def extract(self, source, entry, out):
        name, suffix = self.decode(source, entry)
        path, target = os.path.join(source, entry), os.path.join(out, name)
        st = os.lstat(path)
        if stat.S_ISDIR(st.st_mode):
            self.walk(path, target)
            return restore(target, st.st_mode, st.st_uid, st.st_gid, 0, st.st_mtime_ns)
        if (st.st_dev, st.st_ino) in self.links:
            return os.link(self.links[st.st_dev, st.st_ino], target, follow_symlinks=False)
        check(stat.S_ISREG(st.st_mode), 'no file that Overcast makes')
        with regular(path) as f:
            file = File(self, f)
            check(file.type != 8, 'foreign: a batch of removals outside of z-gone')
            check((suffix == b'w') == (file.type != 1), 'a name for another type')
            check(not any(all(counter <= ended.get(writer, 0) for writer, counter in file.version.items())
                          for ended in self.ended.get(file.id, [])), 'it has ended, by a batch of removals')
            file.extract(target)
        self.links[st.st_dev, st.st_ino] = target
        restore(target, file.mode, file.uid, file.gid, file.length, file.mtime)

def restore(out, mode, uid, gid, size, mtime):
    when = time.strftime('%F %T', time.localtime(mtime // 10**9))
    print(f'{stat.filemode(mode)} {size:12} {when} {os.fsdecode(out)!r}')
    if os.geteuid() == 0:
        os.lchown(out, uid, gid)
    if not stat.S_ISLNK(mode):
        os.chmod(out, stat.S_IMODE(mode))
    os.utime(out, ns=(mtime, mtime), follow_symlinks=False)

class File:
    def __init__(self, cloud, f):
        raw, self.f = f.read(512), f
        check(len(raw) == 512 and any(raw), 'no header: never committed, or still arriving')
        check(raw[:8] == b'OVERCAST', 'no header')
        keys = cloud.expand(b'file' + raw[8:32], 192)
        enc_key, self.mac_key, iv_key, hdr_enc_key, hdr_mac_key, acc_key = (keys[i:i + 32] for i in range(0, 192, 32))
        check(mac(hdr_mac_key, raw[:480]) == raw[480:], 'the header does not verify')
        size, self.type, self.chunk = 16 if raw[9] == 1 else 32, raw[11], 1 << raw[10]
        payload = Cipher(algorithms.AES(hdr_enc_key[:size]), modes.CBC(raw[32:48])).decryptor().update(raw[48:480])
        (self.id, self.acc, self.flags, mode, self.uid, self.gid, self.length, seconds, nanoseconds, n,
         zero) = struct.unpack('>16s16x16sIIIIQqIH18s', payload[:104])
        check(raw[8] == 1 and self.type in KINDS and self.flags < 4, 'newer than this reader')
        vector = list(struct.iter_unpack('>IQ', payload[104:104 + 12 * n]))
        self.version, self.mtime, self.mode = dict(vector), seconds * 10**9 + nanoseconds, KINDS[self.type] | mode
        check(raw[9:11] == cloud.shape and not any(raw[12:16] + zero + payload[104 + 12 * n:]) and legal(vector)
              and mode <= 0o7777 and nanoseconds < 10**9 and self.length < 1 << 63, 'no legal header')
        check(vector and not self.flags & DIRTY, 'an interrupted commit: other clouds or the redo log have it whole')
        self.enc_key, self.ids = enc_key[:size], Cipher(algorithms.AES(iv_key), modes.ECB()).decryptor()
        self.terms = Cipher(algorithms.AES(acc_key), modes.ECB()).encryptor()

    def chunks(self):
        """Yields the plaintext of each chunk, b'' for a hole. The last step compares acc: run it to its end."""
        acc, uncounted = 0, min(self.version.values()) if len(self.version) == 27 else 0
        for i in range(-(-self.length // self.chunk)):
            n = min(self.chunk, self.length - i * self.chunk)
            p = 0 if n == self.chunk else 16 - n % 16
            record = self.f.read(n + 48)
            check(len(record) == n + 48, 'truncated')
            if self.flags & SPARSE and not any(record):
                yield b''
                continue
            sealed, tag = record[:16 + n + p], record[16 + n + p:]
            check(mac(self.mac_key, struct.pack('>QQ', i, n) + sealed)[:32 - p] == tag, f'chunk {i} does not verify')
            write_id = self.ids.update(sealed[:16])
            writer, counter = int.from_bytes(write_id[:4], 'big'), int.from_bytes(write_id[4:10], 'big')
            check(counter <= self.version.get(writer, uncounted), f'chunk {i} is of an interrupted commit')
            masked = bytes(a ^ b for a, b in zip(self.terms.update(struct.pack('>QQ', i, 0)), write_id))
            acc ^= int.from_bytes(self.terms.update(masked), 'big')
            plain = Cipher(algorithms.AES(self.enc_key), modes.CBC(sealed[:16])).decryptor().update(sealed[16:])
            check(plain[n:] == bytes([p]) * p, f'chunk {i} has bad padding')
            yield plain[:n]
        check(acc == int.from_bytes(self.acc, 'big'), 'a mixture of versions')

    def extract(self, out):
        if self.type == 3:
            os.symlink(b''.join(self.chunks()), out)
        elif self.type != 1:
            os.mknod(out, self.mode, os.makedev(*struct.unpack('>II', b''.join(self.chunks()) or bytes(8))))
        else:
            with open(out, 'xb') as f:
                try:
                    for i, plain in enumerate(self.chunks()):
                        f.seek(i * self.chunk)
                        f.write(plain)
                    f.truncate(self.length)
                except Exception:
                    os.unlink(out)
                    raise

root, out = map(os.fsencode, sys.argv[1:])
reader = Cloud(root, json.load(sys.stdin))
if os.path.isdir(os.path.join(root, b'z-gone')):
    reader.each(os.path.join(root, b'z-gone'), reader.learn)
reader.walk(root, out)
sys.exit(reader.failed)
