#!/usr/bin/python3
"""Reads one cloud of an Overcast vault, format 1, without Overcast: for audits, and as a way out.

    age -d VAULT/keys.age | ./reader.py CLOUD OUT

verifies the whole directory CLOUD, lists it, and extracts it to OUT, a new directory; only extended attributes, which
no sync tool keeps, stay behind. What does not verify is not extracted but named on standard error, and the exit code is
then 1. It needs Python 3.10 with the package "cryptography" 37, and is written from format.md alone.
"""
import base64, functools, hashlib, hmac, json, os, re, stat, struct, sys, time
from cryptography.hazmat.primitives.ciphers import Cipher, aead, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

DIRTY, SPARSE = 1, 2
KINDS = {1: stat.S_IFREG, 3: stat.S_IFLNK, 4: stat.S_IFIFO, 5: stat.S_IFSOCK, 6: stat.S_IFCHR, 7: stat.S_IFBLK}
mac = functools.partial(hmac.digest, digest='sha256')

def check(condition, why):
    if not condition:
        raise ValueError(why)

class Cloud:
    def __init__(self, root, keys):
        with open(os.path.join(root, b'z-overcast.json')) as f:
            marker = json.load(f)
        key = {c['id']: c for c in keys['clouds']}[marker['cloud_id']]
        ids = bytes.fromhex(keys['vault_id'] + key['id'])
        self.shape = bytes([key['suite'], keys['chunk_log2']])
        self.prk = mac(b'overcast/v1' + ids, bytes.fromhex(key['key']))
        check(mac(self.expand(b'marker', 32), b'overcast marker v1' + ids).hex() == marker['mac'], 'a damaged marker')
        self.siv, self.links, self.failed = aead.AESSIV(self.expand(b'name', 64)), {}, False

    def expand(self, info, length):
        return HKDFExpand(SHA256(), length, info).derive(self.prk)

    def decode(self, directory, entry):
        check(match := re.fullmatch(rb'(x?)([0-9a-v]+)([w-z]?)', entry), 'foreign, or the copy of a sync tool')
        long, text, suffix = match.groups()
        sealed = base64.b32hexdecode(text.upper() + b'=' * (-len(text) % 8))
        check(base64.b32hexencode(sealed).lower().rstrip(b'=') == text, 'not canonical')
        if long:
            with open(os.path.join(directory, b'y' + text), 'rb') as f:
                digest, sealed = sealed, f.read()
            check(hashlib.sha256(sealed).digest()[:25] == digest, 'the sidecar is damaged')
        padded = self.siv.decrypt(sealed, [b'name'])
        name = padded.rstrip(b'\0')
        check((len(padded) > 112) == bool(long) and len(padded) == -(-len(name) // 16) * 16 and 0 < len(name) < 256
              and not {0, 47} & set(name) and name not in (b'.', b'..'), 'no name that could be encoded')
        return name, suffix

    def walk(self, source, out):
        os.mkdir(out, 0o700)
        for entry in sorted(os.listdir(source)):
            try:  # but with no metadata, temporary file or deletion record
                if not re.fullmatch(rb'[yz].*|\.~.*|x?[0-9a-v]{40,}[x-z]', entry, re.DOTALL):
                    self.extract(source, entry, out)
            except Exception as err:
                self.failed = True
                print(f'{os.path.join(source, entry)!r}: {str(err) or "does not authenticate"}', file=sys.stderr)

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
        with open(path, 'rb') as f:
            file = File(self, f)
            check((suffix == b'w') == (file.type != 1), 'a name for another type')
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
        check(len(raw) == 512 and raw[:8] == b'OVERCAST', 'no header')
        keys = cloud.expand(b'file' + raw[8:32], 192)
        enc_key, self.mac_key, iv_key, hdr_enc_key, hdr_mac_key, acc_key = (keys[i:i + 32] for i in range(0, 192, 32))
        check(mac(hdr_mac_key, raw[:480]) == raw[480:], 'the header does not verify')
        size, self.type, self.chunk = 16 if raw[9] == 1 else 32, raw[11], 1 << raw[10]
        payload = Cipher(algorithms.AES(hdr_enc_key[:size]), modes.CBC(raw[32:48])).decryptor().update(raw[48:480])
        (self.acc, self.flags, mode, self.uid, self.gid, self.length, seconds, nanoseconds, entries,
         zero) = struct.unpack('>32x16sIIIIQqIH18s', payload[:104])
        check(raw[8] == 1 and self.type in KINDS and self.flags < 4, 'newer than this reader')
        vector = list(struct.iter_unpack('>IQ', payload[104:104 + 12 * entries]))
        self.version, self.mtime, self.mode = dict(vector), seconds * 10**9 + nanoseconds, KINDS[self.type] | mode
        check(raw[9:11] == cloud.shape and not any(raw[12:16] + zero + payload[104 + 12 * entries:])
              and entries <= 27 and vector == sorted(self.version.items()) and all(0 < c < 1 << 48 for _, c in vector)
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

reader = Cloud(os.fsencode(sys.argv[1]), json.load(sys.stdin))
reader.walk(os.fsencode(sys.argv[1]), os.fsencode(sys.argv[2]))
sys.exit(reader.failed)
