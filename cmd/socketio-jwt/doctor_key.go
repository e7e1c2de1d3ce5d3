package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"unicode"

	"socketiojwt/token"
)

// keyIsUsable tells which key there is, or why there is none.
func keyIsUsable(e *examination) []finding {
	_, secret, _ := e.secret()
	switch {
	case e.keyErr != nil:
		return fail(keyAdvice(e, secret), "%s", plain(e.keyErr))
	case e.login != nil && !secret:
		return ok("a random secret, made anew at each start: tokens end with the process, and no other server knows them")
	case secret:
		return ok("a shared secret, long enough for %s (RFC 7518, section 3.2)", e.key.Algorithms()[0])
	case e.PublicKey != "":
		return ok("%s, for %s; when the issuer changes its key, the file has to change too", e.describePublicKey(), e.key.Algorithms()[0])
	}
	return ok("the keys are those that the issuer publishes")
}

func keyAdvice(e *examination, secret bool) string {
	_, short := e.shortSecret()
	switch {
	case short:
		return shortSecretAdvice
	case errors.Is(e.keyErr, token.ErrKey) && secret:
		return "Make a random one: openssl rand -hex 64 > secret.txt, and give it by --secret-file to whoever signs and to serve; --alg says the algorithm."
	case errors.Is(e.keyErr, token.ErrKey):
		return "Give the public key of the issuer, RSA of 2048 bits or more, EC or Ed25519, as PEM (openssl pkey -in private.pem -pubout makes it of a private one), and --alg as the issuer signs."
	case errors.Is(e.keyErr, fs.ErrNotExist), errors.Is(e.keyErr, fs.ErrPermission):
		return "Give a file that is there and that the user of the server may read."
	}
	return "serve ends with this: change the flags or variables that it names."
}

// publicKey returns the certificate in the file of --public-key, nil if that holds
// none, and the public key in it.
func (e *examination) publicKey() (*x509.Certificate, any) {
	text, err := os.ReadFile(e.PublicKey)
	if e.PublicKey == "" || err != nil {
		return nil, nil
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, nil
	}
	if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
		return certificate, certificate.PublicKey
	}
	if public, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
		return nil, public
	}
	public, _ := x509.ParsePKCS1PublicKey(block.Bytes)
	return nil, public
}

func (e *examination) describePublicKey() string {
	switch _, public := e.publicKey(); public := public.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("a public RSA key of %d bits", public.N.BitLen())
	case *ecdsa.PublicKey:
		return "a public EC key on " + public.Curve.Params().Name
	case ed25519.PublicKey:
		return "a public Ed25519 key"
	}
	return "a public key"
}

// certificateIsInTime looks at dates that the verifier does not look at.
func certificateIsInTime(e *examination) []finding {
	const advice = "Ask the issuer whether it still signs with this key. Tokens are accepted meanwhile: of a certificate the key alone counts."
	switch certificate, _ := e.publicKey(); {
	case certificate == nil:
	case e.now.After(certificate.NotAfter):
		return warn(advice, "the certificate of --public-key has expired, %s", distance(certificate.NotAfter, e.now))
	case e.now.Before(certificate.NotBefore):
		return warn(advice, "the certificate of --public-key is not good yet, but %s", distance(certificate.NotBefore, e.now))
	}
	return nil
}

// secretIsHardToGuess warns of secrets that nobody needs to try long for: one token
// is enough to try at home.
func secretIsHardToGuess(e *examination) []finding {
	const advice = "Whoever has one token can try secrets at home until one fits, and then sign for anybody. Make a random one: openssl rand -hex 64"
	secret, given, err := e.secret()
	if err != nil || !given || errors.Is(e.keyErr, token.ErrKey) {
		return nil
	}
	switch {
	case isSample(secret):
		return fail(advice, "the secret is a sample that stands in documentation")
	case distinct(secret) < 8:
		return fail(advice, "the secret is made of %d different characters alone", distinct(secret))
	case repeats(secret):
		return fail(advice, "the secret is a shorter text, repeated")
	case counts(secret):
		return fail(advice, "the secret counts: its characters follow each other as in the alphabet")
	case wordy(secret):
		return warn(advice, "the secret looks like words that somebody wrote, not like chance")
	}
	return nil
}

// isSample reports whether documentation that everybody reads has this secret.
func isSample(secret string) bool {
	switch strings.ToLower(strings.TrimSpace(secret)) {
	case "your-256-bit-secret", "your-384-bit-secret", "your-512-bit-secret",
		"a-string-secret-at-least-256-bits-long",
		"a-valid-string-secret-that-is-at-least-384-bits-long",
		"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
		// RFC 7515, appendix A.1, in lower case.
		"aym1sysppbydfgzld3umj1qzkobwvmkoqq-estjqlr_t-1qs0gzh75aktmn3yj0ips4hcguutwjazzr1z9caow":
		return true
	}
	return false
}

// distinct counts the different bytes.
func distinct(secret string) int {
	seen := map[byte]bool{}
	for i := range len(secret) {
		seen[secret[i]] = true
	}
	return len(seen)
}

// repeats reports whether secret is at least twice the same, the end perhaps cut off.
func repeats(secret string) bool {
	for period := 1; period <= len(secret)/2; period++ {
		if secret[period:] == secret[:len(secret)-period] {
			return true
		}
	}
	return false
}

// counts reports whether most bytes are the ones after, before or like the one before.
// Of random hexadecimal digits that are three of sixteen.
func counts(secret string) bool {
	steps := 0
	for i := 1; i < len(secret); i++ {
		if step := int(secret[i]) - int(secret[i-1]); -1 <= step && step <= 1 {
			steps++
		}
	}
	return steps > len(secret)/2
}

// wordy reports whether secret holds a word that such secrets often hold, or nothing
// but letters of one case with something between. Chance makes neither.
func wordy(secret string) bool {
	lower := strings.ToLower(secret)
	for _, word := range []string{"secret", "passw", "changeme", "change-me", "change_me", "change me", "example", "development", "production", "socketio", "socket.io"} {
		if strings.Contains(lower, word) {
			return true
		}
	}
	other := func(r rune) bool { return !unicode.IsLetter(r) && !strings.ContainsRune(" -_.,", r) }
	return !strings.ContainsFunc(secret, other) && (secret == lower || secret == strings.ToUpper(secret) || strings.ContainsAny(secret, " "))
}

// secretIsSpelledWell warns of what others would not take for a part of the secret.
func secretIsSpelledWell(e *examination) []finding {
	secret, given, err := e.secret()
	if err != nil || !given || strings.TrimSpace(strings.TrimPrefix(secret, "\ufeff")) == secret {
		return nil
	}
	return warn("Take it away, unless whoever signs has it too: one byte more or less and no signature fits.",
		"the secret begins or ends with white space, or with a byte order mark")
}

// secretIsOffTheCommandLine warns of a secret that comes by flag. Where the variable
// has the same one it cannot be told.
func secretIsOffTheCommandLine(e *examination) []finding {
	if e.Secret == nil || os.Getenv("SOCKETIO_JWT_SECRET") == *e.Secret {
		return nil
	}
	return warn("Give it by --secret-file or SOCKETIO_JWT_SECRET.",
		"the secret is on the command line, where other users of this machine can see it, and in the history of a shell")
}

// filesAreOurs warns of key files that others may read or change. Windows has no such
// modes.
func filesAreOurs(e *examination) (found []finding) {
	const read, write = 0o004, 0o002
	for _, file := range []struct {
		flag, name string
		secret     bool
	}{{"--secret-file", e.SecretFile, true}, {"--public-key", e.PublicKey, false}} {
		info, err := os.Stat(file.name)
		if file.name == "" || err != nil || !info.Mode().IsRegular() || runtime.GOOS == "windows" {
			continue
		}
		switch mode := info.Mode().Perm(); {
		case mode&write != 0:
			found = append(found, fail(fmt.Sprintf("chmod o-w %s", quoted(file.name)),
				"the file of %s can be changed by every user of this machine, who is then whoever they like", file.flag)...)
		case mode&read != 0 && file.secret:
			found = append(found, warn(fmt.Sprintf("chmod o-rwx %s", quoted(file.name)),
				"the file of %s can be read by every user of this machine", file.flag)...)
		}
	}
	return found
}
