package token_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/go-jose/go-jose/v4"

	"socketiojwt/token"
)

// sshBlob is a public key in the format of SSH: strings with their lengths.
func sshBlob(parts ...string) []byte {
	var blob []byte
	for _, part := range parts {
		blob = append(binary.BigEndian.AppendUint32(blob, uint32(len(part))), part...)
	}
	return blob
}

func spkiOf(oid asn1.ObjectIdentifier, key []byte) []byte {
	var spki struct {
		Algorithm struct{ OID asn1.ObjectIdentifier }
		Key       asn1.BitString
	}
	spki.Algorithm.OID = oid
	spki.Key = asn1.BitString{Bytes: key, BitLength: 8 * len(key)}
	return must(asn1.Marshal(spki))
}

// keyForms are the usual forms of keys.
func keyForms(t *testing.T) map[string][]byte {
	p256 := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	edPrivate := ed25519.NewKeyFromSeed(make([]byte, 32))
	forms := map[string][]byte{
		"SPKI of RSA":        rsaSPKI,
		"SPKI of RSA, more":  append(slices.Clone(rsaSPKI), '\n'),
		"SPKI of P-256":      must(x509.MarshalPKIXPublicKey(&p256.PublicKey)),
		"SPKI of P-384":      ecSPKI,
		"SPKI of Ed25519":    edPublic,
		"SPKI of Ed448":      spkiOf(asn1.ObjectIdentifier{1, 3, 101, 113}, make([]byte, 57)),
		"SPKI of RSASSA-PSS": spkiOf(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}, x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)),
		"PKCS #1":            x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey),
		"certificate":        certificate(ecKey),
		"PKCS #8":            must(x509.MarshalPKCS8PrivateKey(ecKey)),
		"PKCS #8 of Ed25519": must(x509.MarshalPKCS8PrivateKey(edPrivate)),
		"PKCS #1, private":   x509.MarshalPKCS1PrivateKey(rsaKey),
		"SEC 1":              must(x509.MarshalECPrivateKey(p256)),
		"point of P-256":     must(p256.PublicKey.ECDH()).Bytes(),
		"point of P-384":     must(ecKey.PublicKey.ECDH()).Bytes(),
		"PKCS #12": must(asn1.Marshal(struct {
			Version int
			Info    struct {
				OID  asn1.ObjectIdentifier
				Rest []byte
			}
		}{3, struct {
			OID  asn1.ObjectIdentifier
			Rest []byte
		}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}, make([]byte, 60)}})),
		"Java keystore":         slices.Concat([]byte("\xfe\xed\xfe\xed\x00\x00\x00\x02"), make([]byte, 60)),
		"SSH, Ed25519":          sshBlob("ssh-ed25519", string(edPublic[12:])),
		"SSH, RSA":              sshBlob("ssh-rsa", "\x01\x00\x01", "\x00"+string(rsaKey.N.Bytes())),
		"SSH, P-256":            sshBlob("ecdsa-sha2-nistp256", "nistp256", string(must(p256.PublicKey.ECDH()).Bytes())),
		"SSH, hardware Ed25519": sshBlob("sk-ssh-ed25519@openssh.com", string(edPublic[12:]), "ssh:"),
		"SSH, hardware P-256":   sshBlob("sk-ecdsa-sha2-nistp256@openssh.com", "nistp256", string(must(p256.PublicKey.ECDH()).Bytes()), "ssh:"),
	}
	for name, blob := range maps.Clone(forms) {
		if kind, found := strings.CutPrefix(name, "SSH, "); found {
			algorithm := string(blob[4 : 4+binary.BigEndian.Uint32(blob)])
			line := algorithm + " " + base64.StdEncoding.EncodeToString(blob)
			forms["SSH line, "+kind] = []byte(line + " ada@example\n")
			forms["SSH line with options, "+kind] = []byte(`no-pty,command="x" ` + line)
			forms["known_hosts, "+kind] = []byte("host.example " + line)
		}
	}
	ssh2 := base64.StdEncoding.EncodeToString(forms["SSH, RSA"])
	forms["RFC 4716"] = []byte("---- BEGIN SSH2 PUBLIC KEY ----\nComment: \"ada\"\n" + ssh2 + "\n---- END SSH2 PUBLIC KEY ----\n")
	forms["PuTTY"] = []byte("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n")
	forms["XML of .NET"] = []byte("<RSAKeyValue><Modulus>" + base64.StdEncoding.EncodeToString(rsaKey.N.Bytes()) + "</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>")
	forms["openssl -text"] = []byte("Public-Key: (2048 bit)\nModulus:\n    00:b1\n")
	forms["openssl -modulus"] = []byte(fmt.Sprintf("Modulus=%X\n", rsaKey.N))
	for name, public := range map[string]any{"RSA": &rsaKey.PublicKey, "EC": &p256.PublicKey, "OKP": edPrivate.Public()} {
		text := must((&jose.JSONWebKey{Key: public}).MarshalJSON())
		forms["JWK, "+name] = text
		forms["JWK, indented, "+name] = []byte(" {\n  " + strings.TrimPrefix(string(text), "{"))
		forms["JWK Set, "+name] = []byte(`{"keys":[` + string(text) + `]}`)
		forms["list of JWKs, "+name] = []byte(`[` + string(text) + `]`)
		forms["JWK in a JSON string, "+name] = must(json.Marshal(string(text)))
	}
	for _, kind := range []string{"PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE", "X509 CERTIFICATE", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "PGP PUBLIC KEY BLOCK", "PKCS7"} {
		forms["PEM, "+kind] = pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: rsaSPKI})
	}
	return forms
}

// spellings are the changes that a text undergoes in files and variables.
var spellings = map[string]func(text string) string{
	"as it is":         func(s string) string { return s },
	"CRLF":             func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
	"byte order mark":  func(s string) string { return "\uFEFF" + s },
	"spaces around":    func(s string) string { return "  \n" + s + " \n" },
	"quotes":           func(s string) string { return `"` + s + `"` },
	"escaped":          func(s string) string { return strings.ReplaceAll(s, "\n", `\n`) },
	"escaped, quoted":  func(s string) string { return `"` + strings.ReplaceAll(s, "\n", `\r\n`) + `"` },
	"one line":         func(s string) string { return strings.ReplaceAll(s, "\n", " ") },
	"no line breaks":   func(s string) string { return strings.ReplaceAll(s, "\n", "") },
	"UTF-16":           func(s string) string { return utf16Text(s, true) },
	"UTF-16, unmarked": func(s string) string { return utf16Text(s, false) },
	"base64":           func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
	"base64url":        func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
	"base64, lines":    func(s string) string { return inLines(base64.StdEncoding.EncodeToString([]byte(s))) },
	"base64 twice": func(s string) string {
		return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s))))
	},
	"hexadecimal": func(s string) string { return hex.EncodeToString([]byte(s)) },
	"HEXADECIMAL": func(s string) string { return "0x" + strings.ToUpper(hex.EncodeToString([]byte(s))) },
	"colons": func(s string) string {
		return strings.TrimSuffix(strings.Join(pairs(hex.EncodeToString([]byte(s))), ":"), ":")
	},
}

func utf16Text(s string, marked bool) string {
	var text []byte
	if marked {
		text = append(text, 0xff, 0xfe)
	}
	for _, unit := range utf16.Encode([]rune(s)) {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	return string(text)
}

func inLines(s string) string {
	var lines []string
	for len(s) > 64 {
		lines, s = append(lines, s[:64]), s[64:]
	}
	return strings.Join(append(lines, s), "\n") + "\n"
}

func pairs(digits string) (all []string) {
	for i := 0; i+1 < len(digits); i += 2 {
		all = append(all, digits[i:i+2])
	}
	return all
}

// A key in any form and spelling is not accepted as a shared secret.
func TestKeysAreNotSecrets(t *testing.T) {
	forms := keyForms(t)
	if len(forms) < 50 {
		t.Errorf("%d forms", len(forms))
	}
	for name, form := range forms {
		text := strings.HasPrefix(name, "PEM") || strings.HasPrefix(name, "JWK") || strings.HasPrefix(name, "list") ||
			strings.HasPrefix(name, "SSH line") || strings.HasPrefix(name, "known") || name == "RFC 4716" || strings.HasPrefix(name, "XML")
		for how, spell := range spellings {
			encodes := strings.HasPrefix(how, "base64") || strings.HasPrefix(strings.ToLower(how), "hex") || how == "colons" || how == "as it is"
			if !text && !encodes {
				continue // binary forms do not go through these
			}
			if strings.HasPrefix(name, "JWK in a JSON string") && how == "quotes" {
				continue
			}
			spelled := spell(string(form))
			err := token.Secret(spelled).Err()
			wantError(t, err, token.ErrKey)
			if err != nil && !strings.Contains(err.Error(), "the secret is ") {
				t.Errorf("%s, %s: %v", name, how, err)
			}
			if err == nil {
				t.Errorf("%s, %s is taken for a secret", name, how)
			}
		}
	}
}

// A random secret is not taken for a key, whatever its length and spelling. A recognized
// form has at least 48 prescribed bits. 100,000 secrets in six spellings would find a form
// with fewer than 19.
func TestSecretsAreNotKeys(t *testing.T) {
	dice := mathrand.NewChaCha8([32]byte{7})
	lengths := []int{32, 33, 48, 64, 65, 97, 133, 256}
	for i := range 100_000 {
		secret := make([]byte, lengths[i%len(lengths)])
		_, _ = dice.Read(secret)
		for _, text := range []string{
			string(secret), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret), base64.RawURLEncoding.EncodeToString(secret),
			base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(secret))), fmt.Sprintf(`{"secret":"%x"}`, secret),
		} {
			if err := token.Secret(text).Err(); err != nil {
				t.Fatalf("secret %x: %v", secret, err)
			}
		}
	}
	for _, secret := range []string{
		strings.Repeat("x", 32), "correct horse battery staple, and twice as long", "ssh-is-not-in-this-secret, is it? no", "-----------------------------------",
		"{not a key, though it begins like JSON does}", "00000000000000000000000000000000000000000000", strings.Repeat("A", 64), strings.Repeat("0", 400),
		strings.Repeat("\x00", 40), strings.Repeat("0\x2a", 22),
	} {
		if err := token.Secret(secret).Err(); err != nil {
			t.Errorf("%q: %v", secret, err)
		}
	}
}

// PEM accepts the text of variables, files and web pages.
func TestPEMSpellings(t *testing.T) {
	signing := block("PUBLIC KEY", rsaSPKI)
	for name, text := range map[string][]byte{
		"SPKI": signing, "PKCS #1": block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey)), "certificate": block("CERTIFICATE", certificate(rsaKey)),
	} {
		for how, spell := range spellings {
			key := token.PEM([]byte(spell(string(text))))
			if strings.HasPrefix(strings.ToLower(how), "hex") || how == "colons" || how == "base64 twice" {
				wantError(t, key.Err(), token.ErrKey)
				continue
			}
			if err := key.Err(); err != nil {
				t.Errorf("%s, %s: %v", name, how, err)
			}
		}
		bare := strings.Join(strings.Split(strings.TrimSpace(string(text)), "\n")[1:], "\n")
		bare = bare[:strings.LastIndex(bare, "\n")]
		for how, spelled := range map[string]string{"body": bare, "body on one line": strings.ReplaceAll(bare, "\n", ""), "body in quotes": `"` + bare + `"`, "body, escaped": strings.ReplaceAll(bare, "\n", `\n`)} {
			if err := token.PEM([]byte(spelled)).Err(); err != nil {
				t.Errorf("%s, %s: %v", name, how, err)
			}
		}
	}
	// A private key is an error in every spelling, and so are two keys.
	private := string(block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(ecKey))))
	body := strings.Join(strings.Split(strings.TrimSpace(private), "\n")[1:], "")
	body = body[:strings.Index(body, "-")]
	for _, text := range []string{
		private, strings.ReplaceAll(private, "\n", `\n`), strings.ReplaceAll(private, "\n", ""), body,
		string(signing) + strings.ReplaceAll(private, "\n", " "), base64.StdEncoding.EncodeToString([]byte(private)),
	} {
		if err := token.PEM([]byte(text)).Err(); err == nil || !strings.Contains(err.Error(), "private") {
			t.Errorf("a private key: %v", err)
		}
	}
	two := strings.ReplaceAll(string(signing), "\n", " ") + string(block("PUBLIC KEY", ecSPKI))
	if err := token.PEM([]byte(two)).Err(); err == nil || !strings.Contains(err.Error(), "more than one") {
		t.Errorf("two keys: %v", err)
	}
	for _, text := range []string{"", "-----BEGIN PUBLIC KEY-----", "-----BEGIN PUBLIC KEY-----AAAA-----END PUBLIC KEY-----", strings.Repeat("A", 64), "not base64!"} {
		wantError(t, token.PEM([]byte(text)).Err(), token.ErrKey)
	}
}

// BenchmarkSecret measures the cost of a KeyFunc that makes a key for each token.
func BenchmarkSecret(b *testing.B) {
	for _, secret := range []string{secret, strings.Repeat("0123456789abcdef", 4), rand.Text() + rand.Text() + rand.Text()} {
		b.Run(fmt.Sprint(len(secret)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if token.Secret(secret).Err() != nil {
					b.Fatal("not usable")
				}
			}
		})
	}
}
