package doctor

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"socketiojwt/internal/display"
	"socketiojwt/token"
)

// ShortSecretAdvice says what to do about a secret that is too short for its algorithm.
// A server that is migrated from Node often has one. The command does not accept it.
const ShortSecretAdvice = "Make a longer secret (openssl rand -hex 64) and let the issuer sign with it. " +
	"Until it does, a program can accept the short one with token.Options.InsecureShortSecret; " +
	"meanwhile anyone who has one token can find the secret by trying, and then sign as any user."

// keyIsUsable reports which key there is, or why there is none.
func keyIsUsable(e *examination) []Finding {
	switch {
	case e.KeyErr != nil:
		return fail(keyAdvice(e), "%s", Plain(e.KeyErr))
	case e.Login != nil && e.Secret == nil:
		return ok("a random secret, generated at each start: tokens are valid until the process ends, and only on this server")
	case e.Secret != nil:
		return ok("a shared secret, long enough for %s (RFC 7518, section 3.2)", e.Key.Algorithms()[0])
	case e.PublicKeyFile != "":
		return ok("a public key for %s; when the issuer changes its key, the file must change too", e.Key.Algorithms()[0])
	}
	return ok("the issuer publishes the keys")
}

func keyAdvice(e *examination) string {
	switch {
	case e.ShortSecret != nil:
		return ShortSecretAdvice
	case errors.Is(e.KeyErr, token.ErrKey) && e.Secret != nil:
		return "Make a random secret (openssl rand -hex 64 > secret.txt), and give the file to the issuer and, with --secret-file, to serve. --alg names the algorithm."
	case errors.Is(e.KeyErr, token.ErrKey):
		return "Give the issuer's public key as PEM: RSA of 2048 bits or more, EC or Ed25519. openssl pkey -in private.pem -pubout makes it from a private key. --alg names the algorithm that the issuer signs with."
	}
	return "serve does not start with this: change the flags, variables or files that it names."
}

// secretIsHardToGuess finds secrets that an attacker who has one token can find by trying.
func secretIsHardToGuess(e *examination) []Finding {
	const advice = "Anyone who has one token can try secrets until one fits, and then sign as any user. Make a random one: openssl rand -hex 64"
	if e.Secret == nil || errors.Is(e.KeyErr, token.ErrKey) {
		return nil
	}
	return guessable("the secret", *e.Secret, advice)
}

// guessable finds secrets that do not look random.
func guessable(name, secret, advice string) []Finding {
	switch {
	case isSample(secret):
		return fail(advice, "%s is a sample from public documentation", name)
	case distinct(secret) < 8:
		return fail(advice, "%s has only %d different characters", name, distinct(secret))
	case repeats(secret):
		return fail(advice, "%s is a shorter text, repeated", name)
	case hasWord(secret):
		return warn(advice, "%s contains a word that people write into secrets, so it does not look random", name)
	}
	return nil
}

// isSample reports whether the secret is in documentation that many people copy.
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

// repeats reports whether secret is a text that is repeated, the last time perhaps in part.
func repeats(secret string) bool {
	for period := 1; period <= len(secret)/2; period++ {
		if secret[period:] == secret[:len(secret)-period] {
			return true
		}
	}
	return false
}

// hasWord reports whether secret contains a word that is common in placeholders.
func hasWord(secret string) bool {
	lower := strings.ToLower(secret)
	for _, word := range []string{"secret", "passw", "change", "example", "develop", "product", "socket", "abcdefgh"} {
		if strings.Contains(lower, word) {
			return true
		}
	}
	return false
}

// secretHasNoSpace finds white space that another program may not count as a part of the
// secret.
func secretHasNoSpace(e *examination) []Finding {
	if e.Secret == nil || strings.TrimSpace(strings.TrimPrefix(*e.Secret, "\ufeff")) == *e.Secret {
		return nil
	}
	return warn("Remove it, unless the issuer has it too: if one byte differs, every signature is invalid.",
		"the secret begins or ends with white space, or begins with a byte order mark")
}

// secretIsOffTheCommandLine finds a secret that was given by a flag.
func secretIsOffTheCommandLine(e *examination) []Finding {
	if !e.SecretFromFlag {
		return nil
	}
	return warn("Give it by --secret-file or SOCKETIO_JWT_SECRET.",
		"the secret is on the command line, where other users of this machine can see it, and in the history of the shell")
}

// filesAreProtected finds key files that other users may read or change. Windows has no
// such modes.
func filesAreProtected(e *examination) []Finding {
	tlsKey := ""
	if e.TLS != nil {
		tlsKey = e.TLS.KeyFile
	}
	return slices.Concat(
		fileIsProtected("--secret-file", e.SecretFile, true, "sign as any user"),
		fileIsProtected("--public-key", e.PublicKeyFile, false, "sign as any user"),
		fileIsProtected("--tls-key", tlsKey, true, "stop the server from starting"),
	)
}

// fileIsProtected checks one file. can is what a user can do who can write it.
func fileIsProtected(flag, name string, secret bool, can string) []Finding {
	const read, write = 0o004, 0o002
	info, err := os.Stat(name)
	if name == "" || err != nil || !info.Mode().IsRegular() || runtime.GOOS == "windows" {
		return nil
	}
	switch mode := info.Mode().Perm(); {
	case mode&write != 0:
		return fail(fmt.Sprintf("chmod o-w %s", quoted(name)), "every user of this machine can change the file of %s, and then %s", flag, can)
	case mode&read != 0 && secret:
		return warn(fmt.Sprintf("chmod o-rwx %s", quoted(name)), "every user of this machine can read the file of %s", flag)
	}
	return nil
}

// certificateIsCurrent checks the dates of a certificate. A verifier uses only its key.
func certificateIsCurrent(e *examination) []Finding {
	const advice = "Ask the issuer whether it still signs with this key. Until then its tokens are accepted, because only the key of a certificate is used."
	text, err := os.ReadFile(e.PublicKeyFile)
	block, _ := pem.Decode(text)
	if err != nil || block == nil {
		return nil
	}
	switch certificate, err := x509.ParseCertificate(block.Bytes); {
	case err != nil: // a public key
	case e.now.After(certificate.NotAfter):
		return warn(advice, "the certificate of --public-key has expired, %s", display.Distance(certificate.NotAfter, e.now))
	case e.now.Before(certificate.NotBefore):
		return warn(advice, "the certificate of --public-key is not valid yet, but %s", display.Distance(certificate.NotBefore, e.now))
	}
	return nil
}

// otherSecretsAreKept finds secrets of operators, nodes and backends that other users can see.
func otherSecretsAreKept(e *examination) (found []Finding) {
	for _, s := range e.OtherSecrets {
		if s.FromFlag {
			found = append(found, warn(fmt.Sprintf("Give it by %s-file or its variable.", s.Flag),
				"%s is on the command line, where other users of this machine can see it and then %s", s.Flag, s.Can)...)
		}
		found = append(found, fileIsProtected(s.Flag+"-file", s.File, true, s.Can)...)
	}
	return found
}
