package cbc

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// SP 800-38A, F.2.1 to F.2.6.
var sp800_38a = []struct{ name, key, ciphertext string }{
	{"F.2.1 AES-128", "2b7e151628aed2a6abf7158809cf4f3c",
		"7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"},
	{"F.2.3 AES-192", "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
		"4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd"},
	{"F.2.5 AES-256", "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
		"f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"},
}

const (
	sp800_38aIV        = "000102030405060708090a0b0c0d0e0f"
	sp800_38aPlaintext = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)

func TestKnownAnswers(t *testing.T) {
	iv := [16]byte(unhex(t, sp800_38aIV))
	plain := unhex(t, sp800_38aPlaintext)
	forEachKernel(t, func(t *testing.T, im implementation) {
		for _, v := range sp800_38a {
			c := im.mustNew(t, unhex(t, v.key))
			for _, n := range []int{1, 2, 4, 8, 16, 32} {
				lanes := make([]Lane, n)
				for i := range lanes {
					lanes[i] = Lane{IV: &iv, Dst: make([]byte, len(plain)), Src: plain}
				}
				c.Encrypt(lanes)
				for i, l := range lanes {
					if got := hex.EncodeToString(l.Dst); got != v.ciphertext {
						t.Errorf("%s, lane %d of %d: encrypted to %s", v.name, i, n, got)
					}
					lanes[i].Src = l.Dst
				}
				c.Decrypt(lanes)
				for i, l := range lanes {
					if !bytes.Equal(l.Dst, plain) {
						t.Errorf("%s, lane %d of %d: decrypted to %x", v.name, i, n, l.Dst)
					}
				}
			}
		}
	})
}

func TestNewRefusesKeySizes(t *testing.T) {
	for _, n := range []int{0, 1, 15, 17, 31, 33, 64} {
		if _, err := New(make([]byte, n)); err == nil {
			t.Errorf("a key of %d bytes was accepted", n)
		}
	}
}

func TestRedacted(t *testing.T) {
	c, _ := New(make([]byte, 32))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if got := fmt.Sprintf(verb, c); got != "[redacted]" {
			t.Errorf("%s printed %q", verb, got)
		}
	}
}

func TestPanics(t *testing.T) {
	c, _ := New(make([]byte, 32))
	var iv [16]byte
	buf := make([]byte, 96)
	for _, tt := range []struct {
		name string
		lane Lane
	}{
		{"dst ahead by a byte", Lane{&iv, buf[1:65], buf[:64]}},
		{"dst behind by a block", Lane{&iv, buf[:64], buf[16:80]}},
		{"dst ahead by all but a byte", Lane{&iv, buf[15:31], buf[:16]}},
		{"different lengths", Lane{&iv, buf[:32], buf[48:64]}},
		{"a broken block", Lane{&iv, buf[:17], buf[:17]}},
		{"no IV", Lane{nil, buf[:16], buf[:16]}},
	} {
		for name, call := range map[string]func(){
			"Encrypt":     func() { c.Encrypt([]Lane{tt.lane}) },
			"Decrypt":     func() { c.Decrypt([]Lane{tt.lane}) },
			"EncryptKeys": func() { EncryptKeys([]KeyLane{{c, tt.lane}}) },
		} {
			mustPanic(t, tt.name+", "+name, call)
		}
	}
}
