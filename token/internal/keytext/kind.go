package keytext

import (
	"bytes"
	"crypto/ecdh"
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"strings"
)

// leastKey is less than the length of any key in any form that is decoded: an Ed25519 key
// has 44 bytes in DER, and 51 in the format of SSH.
const leastKey = 40

// layers is how many encodings (base64, hexadecimal) are undone.
const layers = 2

// Kind tells what key material a text is, such as "a key in PEM", whether of a public or
// a private key; it is empty for what may be a shared secret. Not recognized are forms
// that any random bytes have: the 32 bytes of an Ed25519 key, a modulus without
// anything around it, and a compressed point of a curve.
//
// Whatever it recognizes has at least 48 bits that are prescribed, so that a random
// secret is refused with a probability of less than 2^-40, raw, in base64 and in
// hexadecimal.
func Kind(text []byte) string { return kind(text, layers) }

func kind(text []byte, layers int) string {
	if found := binaryKind(text); found != "" {
		return found
	}
	cleaned := clean(text)
	if found := textKind(cleaned); found != "" {
		return found
	}
	if len(cleaned) < leastKey || layers == 0 { // and so decodeHex has a text
		return ""
	}
	for _, encoding := range []struct {
		name    string
		decoded []byte
	}{{"base64", decodeBase64(cleaned)}, {"hexadecimal digits", decodeHex(cleaned)}} {
		if len(encoding.decoded) < leastKey {
			continue
		}
		if found := kind(encoding.decoded, layers-1); found != "" {
			return found + ", in " + encoding.name
		}
	}
	return ""
}

// marks are what only a text with a key in it has, and where: anywhere, or at the start.
var marks = []struct {
	mark    string
	atStart bool
	kind    string
}{
	{"-----BEGIN", false, "a key in PEM"}, // private keys, certificates, PGP and OpenSSH too
	{"-----END", false, "a key in PEM"},
	{"BEGIN SSH2 ", false, "an SSH key"}, // RFC 4716
	{"BEGIN PUBLIC KEY", false, "a key in PEM"},
	{"BEGIN RSA PUBLIC KEY", false, "a key in PEM"},
	{"BEGIN CERTIFICATE", false, "a key in PEM"},
	{"PuTTY-User-Key-File-", true, "an SSH key"},
	{"<RSAKeyValue", false, "a key in XML"},
	{"<Modulus>", false, "a key in XML"},
	{"Public-Key: (", false, "a key as text"}, // of openssl -text
	{"Modulus=", true, "a key as text"},       // of openssl -modulus
}

// sshLine is a key as in authorized_keys and known_hosts, wherever in the line.
var sshLine = regexp.MustCompile(`(?:ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-|x509v3-)[a-z0-9@.-]+[ \t]+AAAA`)

// textKind tells what key a clean text has in it.
func textKind(text []byte) string {
	for _, m := range marks {
		if at := bytes.Index(text, []byte(m.mark)); at == 0 || at > 0 && !m.atStart {
			return m.kind
		}
	}
	if bytes.Contains(text, []byte("AAAA")) && sshLine.Match(text) {
		return "an SSH key"
	}
	if len(text) > 0 && (text[0] == '{' || text[0] == '[') &&
		(bytes.Contains(text, []byte(`"kty"`)) || bytes.Contains(text, []byte(`"x5c"`))) {
		return "a JWK"
	}
	return ""
}

// binaryKind tells what key the bytes are.
func binaryKind(b []byte) string {
	switch {
	case len(b) < leastKey:
		return ""
	case isSSH(b):
		return "an SSH key"
	case isPoint(b):
		return "a point of an elliptic curve"
	case bytes.HasPrefix(b, []byte("\xfe\xed\xfe\xed\x00\x00\x00")), bytes.HasPrefix(b, []byte("\xce\xce\xce\xce\x00\x00\x00")):
		return "a Java keystore"
	}
	return derKind(b)
}

// isSSH reports whether b is a public key in the format of SSH (RFC 4253, section 6.6).
func isSSH(b []byte) bool {
	length := binary.BigEndian.Uint32(b)
	if length < 7 || length > 64 || int(length) > len(b)-4 {
		return false
	}
	name := string(b[4 : 4+length])
	for _, family := range []string{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "x509v3-"} {
		if strings.HasPrefix(name, family) {
			return true
		}
	}
	return false
}

// isPoint reports whether b is an uncompressed point (SEC 1, section 2.3.3) of a curve
// that keys for signatures have.
func isPoint(b []byte) bool {
	if b[0] != 4 {
		return false
	}
	for _, curve := range []ecdh.Curve{ecdh.P256(), ecdh.P384(), ecdh.P521()} {
		if _, err := curve.NewPublicKey(b); err == nil {
			return true
		}
	}
	return false
}

// decodeHex returns what text is in hexadecimal digits, with colons or white space
// between them or not; nil if it is not.
func decodeHex(text []byte) []byte {
	text = bytes.TrimPrefix(bytes.TrimPrefix(text, []byte("0x")), []byte("0X"))
	if !inHex(text[0]) || !inHex(text[1]) { // most texts
		return nil
	}
	digits := bytes.ReplaceAll(withoutSpace(text), []byte(":"), nil)
	decoded := make([]byte, hex.DecodedLen(len(digits)))
	if _, err := hex.Decode(decoded, digits); err != nil {
		return nil
	}
	return decoded
}

func inHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
