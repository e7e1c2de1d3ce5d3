package keytext

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"testing"
)

// No text makes the package panic, and what PEM returns is not mended a second time.
func FuzzText(f *testing.F) {
	for _, text := range []string{
		"-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----", "-----BEGIN A----------END A-----", "\xff\xfe-\x00-\x00",
		"AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "0x30:2a", `{"kty":"RSA"}`,
		"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		_ = Kind(text)
		mended := PEM(text)
		_ = BareDER(text)
		if !bytes.Equal(text, before) {
			t.Error("the text was changed")
		}
		if block, _ := pem.Decode(mended); block != nil && Kind(mended) == "" {
			t.Errorf("%q has a PEM block and is not taken for a key", text)
		}
		if len(text) >= leastKey && kind(text, 0) != "" && Kind([]byte(base64.StdEncoding.EncodeToString(text))) == "" {
			t.Errorf("%q is a key, and its base64 is not", text)
		}
	})
}
