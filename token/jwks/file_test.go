package jwks_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"socketiojwt/token"
	"socketiojwt/token/jwks"
	"socketiojwt/token/mint"
)

// inFile writes a file and returns its path.
func inFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	secretText = "thirty-two bytes that nobody may see"
	octKey     = `{"kty":"oct","kid":"shared","alg":"HS256","k":"%s"}`
	edKey      = `{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	rsaKey     = `{"kty":"RSA","kid":"rsa","e":"AQAB","n":"`
)

// modulus is the modulus of an RSA key whose private key does not exist.
var modulus = encode(strings.Repeat("\xff", 256))

func TestReadFile(t *testing.T) {
	secret, err := mint.Secret(secretText, token.HS256)
	if err != nil {
		t.Fatal(err)
	}
	set, err := jwks.ReadFile(inFile(t, `{"keys":[`+fmt.Sprintf(octKey, encode(secretText))+",\n"+edKey+`,`+rsaKey+modulus+`"}],"more":1}`))
	if err != nil {
		t.Fatal(err)
	}
	v, err := token.NewVerifier(set, rules)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "by the secret", verify(v, sign(t, secret.WithID("shared"))), nil)
	want(t, "by the secret, without saying so", verify(v, sign(t, secret)), nil)
	want(t, "by another", verify(v, hs256(t)), token.ErrSignature)
	want(t, "of another name", verify(v, sign(t, secret.WithID("other"))), token.ErrKeyNotFound)
	for id, algs := range map[string]string{"shared": "[HS256]", "ed": "[EdDSA]", "rsa": "[RS256 RS384 RS512 PS256 PS384 PS512]"} {
		k, err := set.Key(t.Context(), token.Unverified{Header: token.Header{KeyID: id}})
		if err != nil || fmt.Sprint(k.Algorithms()) != algs {
			t.Errorf("%s: %v, %v", id, k.Algorithms(), err)
		}
	}
	// The rules for public keys apply to public keys in a file.
	if _, err := token.NewVerifier(set, token.Options{}); !errors.Is(err, token.ErrOptions) {
		t.Errorf("without an issuer: %v", err)
	}
}

// Every key in a configured file must be valid. The error says what is wrong, without the
// secret.
func TestReadFileIsStrict(t *testing.T) {
	k := encode(secretText)
	good := fmt.Sprintf(octKey, k)
	for name, c := range map[string]struct{ text, say string }{
		"empty":                 {``, "JWK Set"},
		"not JSON":              {"{\"keys\":[\n" + good + "\n" + k + "]}", "line 3"},
		"a member twice":        {`{"keys":[` + good + `],"keys":[]}`, "line 1"},
		"a byte order mark":     {"\ufeff" + `{"keys":[` + good + `]}`, "line 1"},
		"a JWK":                 {good, "this one has 0"},
		"another spelling":      {`{"Keys":[` + good + `]}`, "this one has 0"},
		"a list":                {`[` + good + `]`, "not a JWK Set"},
		"no list":               {`{"keys":` + good + `}`, "not a JWK Set"},
		"no keys":               {`{"keys":[]}`, "this one has 0"},
		"many keys":             {`{"keys":[` + strings.Repeat(good+",", 100) + good + `]}`, "this one has 101"},
		"large":                 {`{"keys":[` + good + `]}` + strings.Repeat(" ", 1<<20), "more than 1048576 bytes"},
		"no object":             {`{"keys":[` + good + `,"` + k + `"]}`, "key 2"},
		"kid a number":          {`{"keys":[{"kty":"oct","alg":"HS256","kid":1,"k":"` + k + `"}]}`, "wrong type"},
		"no kid":                {`{"keys":[` + good + `,{"kty":"oct","alg":"HS256","k":"` + k + `"}]}`, "key 2"},
		"one kid for two":       {`{"keys":[` + good + `,` + edKey + `,` + good + `]}`, `key 3, "shared": token: key not usable: key 1 has the same kid`},
		"a secret without alg":  {`{"keys":[{"kty":"oct","kid":"a","k":"` + k + `"}]}`, `key 1, "a": token: key not usable: a secret must have an alg, such as HS256`},
		"alg of public keys":    {`{"keys":[{"kty":"oct","kid":"a","alg":"RS256","k":"` + k + `"}]}`, "RS256 is not for a shared secret"},
		"alg of secrets":        {`{"keys":[` + rsaKey + modulus + `","alg":"HS256"}]}`, "HS256"},
		"alg unknown":           {`{"keys":[{"kty":"oct","kid":"a","alg":"none","k":"` + k + `"}]}`, "not supported"},
		"a short secret":        {`{"keys":[{"kty":"oct","kid":"a","alg":"HS512","k":"` + k + `"}]}`, "needs at least 64 bytes"},
		"no secret":             {`{"keys":[{"kty":"oct","kid":"a","alg":"HS256"}]}`, "key 1"},
		"a secret not base64":   {`{"keys":[{"kty":"oct","kid":"a","alg":"HS256","k":"` + secretText + `"}]}`, "parameters"},
		"for encryption":        {`{"keys":[{"kty":"oct","kid":"a","alg":"HS256","use":"enc","k":"` + k + `"}]}`, "use"},
		"for signing":           {`{"keys":[{"kty":"oct","kid":"a","alg":"HS256","key_ops":["sign"],"k":"` + k + `"}]}`, "key_ops"},
		"a private Ed25519 key": {`{"keys":[` + strings.TrimSuffix(edKey, "}") + `,"d":"` + k + `"}]}`, `key 1, "ed": token: key not usable: a private key`},
		"a private RSA key":     {`{"keys":[` + rsaKey + modulus + `","d":"` + k + `"}]}`, "a private key"},
		"factors of an RSA key": {`{"keys":[` + rsaKey + modulus + `","p":"` + k + `","q":"` + k + `"}]}`, "a private key"},
		"a weak RSA key":        {`{"keys":[` + rsaKey + k + `"}]}`, "2048"},
		"another type":          {`{"keys":[{"kty":"AKP","kid":"a"}]}`, "key 1"},
		"two that are wrong":    {`{"keys":[{"kty":"oct","kid":"a","k":"` + k + `"},` + good + `,{"kty":"oct","kid":"b","k":"` + k + `"}]}`, `key 3, "b"`},
	} {
		t.Run(name, func(t *testing.T) {
			path := inFile(t, c.text)
			set, err := jwks.ReadFile(path)
			if err == nil || set.Err() == nil {
				t.Fatal("no error")
			}
			want(t, name, err, token.ErrKey)
			if !strings.Contains(err.Error(), c.say) || !strings.Contains(err.Error(), path) {
				t.Errorf("%v, want %q", err, c.say)
			}
			if text := err.Error(); strings.Contains(text, k) || strings.Contains(text, secretText) || strings.Contains(text, modulus) {
				t.Errorf("it holds the key: %v", err)
			}
		})
	}
	if _, err := jwks.ReadFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if _, err := jwks.ReadFile(t.TempDir()); err == nil {
		t.Error("a directory: no error")
	}
}

// Two secrets in a file: one that signs now, and one whose tokens are still in use.
func ExampleReadFile() {
	dir, err := os.MkdirTemp("", "jwks")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "keys.json")
	err = os.WriteFile(path, []byte(`{"keys": [
		{"kty": "oct", "kid": "2026", "alg": "HS256", "k": "Y-5hMRzCVzPH7m_Q1-3cUCr0Ai2NQn8Hw2mPZ0XnxPk"},
		{"kty": "oct", "kid": "2025", "alg": "HS256", "k": "b2xkIHNlY3JldCBvZiB0aGlydHktdHdvIGJ5dGVzLi4"}
	]}`), 0o600) // readable only by the owner
	if err != nil {
		fmt.Println(err)
		return
	}

	keys, err := jwks.ReadFile(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := token.NewVerifier(keys, token.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	old, _ := mint.Secret("old secret of thirty-two bytes..", token.HS256)
	compact, _ := mint.Sign(old.WithID("2025"), map[string]any{"sub": "ada", "exp": time.Now().Add(time.Hour).Unix()}, mint.Header{})
	good, err := verifier.Verify(context.Background(), compact)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(good.Subject, good.Header().KeyID)
	// Output: ada 2025
}
