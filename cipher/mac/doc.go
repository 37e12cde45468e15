// Package mac computes HMAC-SHA-256 (RFC 2104, FIPS 180-4) of many messages
// under one key at once.
//
// A SHA-256 compression is one long chain of dependent instructions;
// independent messages side by side fill the core. A call therefore takes all
// messages that the caller has.
package mac
