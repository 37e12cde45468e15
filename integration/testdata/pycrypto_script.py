#!/usr/bin/python3
"""The script whose files overcast reads and writes, for python3-pycryptodome.

    pycrypto_script.py key FILE
    pycrypto_script.py encrypt KEYFILE NAME...     writes encrypted_NAME
    pycrypto_script.py decrypt KEYFILE NAME...     reads encrypted_NAME, writes decrypted_NAME
"""
import os
import sys

from Cryptodome.Cipher import AES

CHUNK = 64 * 1024


def generate_key(filename):
    with open(filename, 'wb') as f:
        f.write(os.urandom(16))


def encrypt_file(key, name):
    iv = os.urandom(16)
    cipher = AES.new(key, AES.MODE_CBC, iv)
    with open(name, 'rb') as infile, open('encrypted_' + name, 'wb') as outfile:
        outfile.write(iv)
        while True:
            chunk = infile.read(CHUNK)
            if len(chunk) == 0:
                break
            if len(chunk) % 16 != 0:
                chunk += b' ' * (16 - len(chunk) % 16)
            outfile.write(cipher.encrypt(chunk))


def decrypt_file(key, name):
    with open('encrypted_' + name, 'rb') as infile, open('decrypted_' + name, 'wb') as outfile:
        iv = infile.read(16)
        cipher = AES.new(key, AES.MODE_CBC, iv)
        while True:
            chunk = infile.read(CHUNK)
            if len(chunk) == 0:
                break
            outfile.write(cipher.decrypt(chunk))


def main():
    action, keyfile, *names = sys.argv[1:]
    if action == 'key':
        return generate_key(keyfile)
    with open(keyfile, 'rb') as f:
        key = f.read()
    for name in names:
        {'encrypt': encrypt_file, 'decrypt': decrypt_file}[action](key, name)


if __name__ == '__main__':
    main()
