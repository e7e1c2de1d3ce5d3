package doctor

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
)

// fileOf writes a text to a file of the test with a mode.
func fileOf(t *testing.T, mode os.FileMode, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
	return name
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func pemFile(t *testing.T, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return fileOf(t, 0o600, string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

// publicKeyFile writes an Ed25519 key.
func publicKeyFile(t *testing.T) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	return pemFile(t, "PUBLIC KEY", der, err)
}

// certificateFile writes a certificate that is valid between two times from now.
func certificateFile(t *testing.T, from, to time.Duration) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "issuer.example"},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return pemFile(t, "CERTIFICATE", der, err)
}

func TestSecrets(t *testing.T) {
	for name, test := range map[string]struct {
		config Config
		want   []string
	}{
		"good":                      {with(secret(randomSecret)), []string{"ok key: long enough for HS256"}},
		"short":                     {with(secret("abc")), []string{"fail key: 32 bytes"}},
		"short for its algorithm":   {with(secret(randomSecret[:60], token.HS512)), []string{"fail key: 64 bytes"}},
		"a sample":                  {with(secret("a-string-secret-at-least-256-bits-long")), []string{"fail key: sample"}},
		"the sample of RFC 7515":    {with(secret("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")), []string{"fail key: sample"}},
		"few different characters":  {with(secret("aabbaabababbbaabbbabababbbabbabaabba")), []string{"fail key: 2 different characters"}},
		"repeated":                  {with(secret(strings.Repeat("x7Kq9-Lw2", 4))), []string{"fail key: repeated"}},
		"the alphabet":              {with(secret("abcdefghijklmnopqrstuvwxyz0123456789")), []string{"warn key: a word"}},
		"a word":                    {with(secret("MyCompany_Passw0rd-2024-Rotterdam!x9")), []string{"warn key: a word"}},
		"white space":               {with(secret(randomSecret + " ")), []string{"warn key: white space"}},
		"a line break":              {with(secret(randomSecret + "\n")), []string{"warn key: white space"}},
		"a byte order mark":         {with(secret("\ufeff" + randomSecret)), []string{"warn key: byte order mark"}},
		"from a flag":               {with(secret(randomSecret), func(c *Config) { c.SecretFromFlag = true }), []string{"warn key: command line"}},
		"a PEM key":                 {with(secret(strings.TrimSpace(readFile(t, publicKeyFile(t))))), []string{"fail key: PEM"}},
		"no file":                   {with(func(c *Config) { c.KeyErr = fmt.Errorf("--secret-file: %w", fs.ErrNotExist) }), []string{"fail key: --secret-file: file does not exist"}},
		"a file that all can read":  {with(secret(randomSecret), func(c *Config) { c.SecretFile = fileOf(t, 0o644, randomSecret) }), []string{"warn key: can read the file of --secret-file"}},
		"a file that all can write": {with(secret(randomSecret), func(c *Config) { c.SecretFile = fileOf(t, 0o646, randomSecret) }), []string{"fail key: can change the file of --secret-file"}},
	} {
		t.Run(name, func(t *testing.T) { examine(t, test.config).want(t, test.want...) })
	}
}

func TestPublicKeys(t *testing.T) {
	public := publicKeyFile(t)
	algorithm := func(c *Config) { c.Algorithms = []token.Algorithm{token.HS256} }
	for name, test := range map[string]struct {
		config Config
		want   []string
	}{
		"good":                      {with(publicKey(t, public)), []string{"ok key: a public key for EdDSA"}},
		"a certificate":             {with(publicKey(t, certificateFile(t, -time.Hour, time.Hour))), []string{"ok key: a public key for ES256"}},
		"expired":                   {with(publicKey(t, certificateFile(t, -2*time.Hour, -time.Hour))), []string{"warn key: has expired, 60 minutes ago"}},
		"of tomorrow":               {with(publicKey(t, certificateFile(t, 24*time.Hour, 48*time.Hour))), []string{"warn key: not valid yet"}},
		"for HMAC":                  {with(algorithm, publicKey(t, public)), []string{"fail key: HS256"}},
		"a file that all can read":  {with(publicKey(t, fileOf(t, 0o644, readFile(t, public)))), nil},
		"a file that all can write": {with(publicKey(t, fileOf(t, 0o666, readFile(t, public)))), []string{"fail key: can change the file of --public-key"}},
	} {
		t.Run(name, func(t *testing.T) { examine(t, test.config).want(t, test.want...) })
	}
}

// TestRandomSecretsPass checks that random secrets are not reported as easy to guess. The
// seed is fixed, because one secret in a million does contain a word.
func TestRandomSecretsPass(t *testing.T) {
	source := mathrand.NewChaCha8([32]byte{})
	random := func(n int) []byte {
		b := make([]byte, n)
		_, _ = source.Read(b) // it does not fail
		return b
	}
	for range 2000 {
		for _, secret := range []string{base32.StdEncoding.EncodeToString(random(40)), base64.StdEncoding.EncodeToString(random(32)), fmt.Sprintf("%x", random(16)), string(random(32)), fmt.Sprintf("%X", random(64))} {
			if isSample(secret) || distinct(secret) < 8 || repeats(secret) || hasWord(secret) {
				t.Fatalf("%q is reported as easy to guess", secret)
			}
		}
	}
}
