package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A secret that chance made.
const randomSecret = "9b1f64c2d07ae85331c4f0be7d92a6580e3fb71ca94d26805fe8c3719b0ad64e"

var doctorsCount = regexp.MustCompile(`^(no|\d+) problems?, (no|\d+) warnings?$`)

// doctor runs the command, and checks what is true of all that it prints: each finding
// begins with its level, what is not ok has advice, the last line and the exit code
// count right, and no secret is in it.
func doctor(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	o := runWith(t, stdin, append([]string{"doctor"}, args...)...)
	if o.code == exitFailed {
		return o
	}
	lines := strings.Split(strings.TrimSuffix(o.out, "\n"), "\n")
	problems, warnings := 0, 0
	for i, line := range lines[:len(lines)-1] {
		bad := strings.HasPrefix(line, "WARN  ") || strings.HasPrefix(line, "FAIL  ")
		advised := strings.HasPrefix(lines[i+1], "      ")
		switch {
		case strings.HasPrefix(line, "FAIL  "):
			problems++
		case strings.HasPrefix(line, "WARN  "):
			warnings++
		case !strings.HasPrefix(line, "ok    ") && !strings.HasPrefix(line, "      "):
			t.Errorf("a line without a level: %s", line)
		}
		if bad != advised {
			t.Errorf("advice below it: %t: %s", advised, line)
		}
	}
	last := lines[len(lines)-1]
	if want := amount(problems, "problem") + ", " + amount(warnings, "warning"); last != want || !doctorsCount.MatchString(last) {
		t.Errorf("the last line is %q, want %q", last, want)
	}
	if (o.code == exitRefused) != (problems > 0) {
		t.Errorf("exit code %d with %s", o.code, last)
	}
	if o.err != "" {
		t.Errorf("standard error %q", o.err)
	}
	for _, secret := range []string{goodSecret, randomSecret, tokenShape.FindString(stdin)} {
		if secret != "" && strings.Contains(o.out, secret) {
			t.Error("a secret or a token is printed")
		}
	}
	return o
}

// says checks that there are findings with these beginnings and parts, written
// "LEVEL subject: part", and no other warnings and problems.
func (o outcome) says(t *testing.T, findings ...string) {
	t.Helper()
	var bad []string
	for _, line := range strings.Split(o.out, "\n") {
		ofTheMachine := strings.Contains(line, "files open")
		if (strings.HasPrefix(line, "WARN") || strings.HasPrefix(line, "FAIL")) && !ofTheMachine {
			bad = append(bad, line)
		}
	}
	wanted := 0
	for _, want := range findings {
		begins, part, _ := strings.Cut(want, ": ")
		level, subject, _ := strings.Cut(begins, " ")
		if level != "ok" {
			wanted++
		}
		if found := regexp.MustCompile(`(?m)^` + fmt.Sprintf("%-4s  %s: ", level, subject) + `.*` + regexp.QuoteMeta(part)).FindString(o.out); found == "" {
			t.Errorf("it does not say %q", want)
		}
	}
	if len(bad) != wanted {
		t.Errorf("%d warnings and problems, want %d", len(bad), wanted)
	}
	if t.Failed() {
		t.Logf("it says:\n%s%s", o.out, o.err)
	}
}

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

// certificateFile writes a certificate that is good between two times from now.
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
	return writePEM(t, "CERTIFICATE", der, err)
}

func TestDoctorOfTheDefaults(t *testing.T) {
	o := doctor(t, "")
	o.says(t, "ok key: random secret", "ok exposure: this machine alone", "ok exposure: asks for no password")
	if openFiles() != 0 && !strings.Contains(o.out, "files") {
		t.Errorf("it says nothing of open files:\n%s", o.out)
	}
}

func TestDoctorOnConfigurations(t *testing.T) {
	private, public := keyPairFiles(t)
	outside := func(args ...string) []string {
		return append([]string{"--public-key", public, "--issuer", "i", "--audience", "a"}, args...)
	}
	secret := fileOf(t, 0o600, randomSecret)
	ofSecret := func(text string, args ...string) []string {
		return append([]string{"--no-login", "--secret-file", fileOf(t, 0o600, text)}, args...)
	}
	for _, test := range []struct {
		name string
		args []string
		says []string
	}{
		{"a good secret", ofSecret(randomSecret + "\n"), []string{"ok key: long enough for HS256", "ok tokens: --audience"}},
		{"a good public key", outside(), []string{"ok key: a public Ed25519 key, for EdDSA", `ok tokens: for "a"`}},
		{"a certificate", outside("--public-key", certificateFile(t, -time.Hour, time.Hour)), []string{"ok key: a public EC key on P-256, for ES256"}},

		{"a short secret", ofSecret("abc"), []string{"FAIL key: 32 bytes"}},
		{"a secret too short for its algorithm", ofSecret(randomSecret[:60], "--alg", "HS512"), []string{"FAIL key: 64 bytes"}},
		{"a sample", ofSecret("a-string-secret-at-least-256-bits-long"), []string{"FAIL key: sample"}},
		{"the sample of the standard", ofSecret("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"), []string{"FAIL key: sample"}},
		{"few characters", ofSecret("aabbaabababbbaabbbabababbbabbabaabba"), []string{"FAIL key: 2 different characters"}},
		{"a repeated secret", ofSecret(strings.Repeat("x7Kq9-Lw2", 4)), []string{"FAIL key: repeated"}},
		{"a counting secret", ofSecret("abcdefghijklmnopqrstuvwxyz0123456789"), []string{"FAIL key: counts"}},
		{"a word of secrets", ofSecret("MyCompany_Passw0rd-2024-Rotterdam!x9"), []string{"WARN key: words"}},
		{"a sentence", ofSecret("correct horse battery staple and more"), []string{"WARN key: words"}},
		{"white space", ofSecret(randomSecret + " \n"), []string{"WARN key: white space"}},
		{"two line breaks", ofSecret(randomSecret + "\n\n"), []string{"WARN key: white space"}},
		{"a byte order mark", ofSecret("\ufeff" + randomSecret), []string{"WARN key: byte order mark"}},
		{"on the command line", []string{"--no-login", "--secret", randomSecret}, []string{"WARN key: command line"}},
		{"a file for all to read", []string{"--no-login", "--secret-file", fileOf(t, 0o644, randomSecret)}, []string{"WARN key: can be read by every user"}},
		{"a file for all to write", []string{"--no-login", "--secret-file", fileOf(t, 0o646, randomSecret)}, []string{"FAIL key: can be changed by every user"}},
		{"a public file for all to read", outside("--public-key", fileOf(t, 0o644, readFile(t, public))), nil},
		{"a public file for all to write", outside("--public-key", fileOf(t, 0o666, readFile(t, public))), []string{"FAIL key: can be changed by every user"}},
		{"no file", []string{"--secret-file", "no-such-file"}, []string{"FAIL key: no-such-file"}},
		{"two keys", []string{"--secret-file", secret, "--public-key", public}, []string{"FAIL key: exclude each other"}},
		{"a private key", outside("--public-key", private), []string{"FAIL key: private key"}},
		{"a public key by HMAC", outside("--alg", "HS256"), []string{"FAIL key: HS256"}},
		{"a public key as secret", ofSecret(readFile(t, public)), []string{"FAIL key: PEM"}},
		{"an expired certificate", outside("--public-key", certificateFile(t, -2*time.Hour, -time.Hour)), []string{"WARN key: has expired"}},
		{"a certificate of tomorrow", outside("--public-key", certificateFile(t, 24*time.Hour, 48*time.Hour)), []string{"WARN key: not good yet"}},
		{"nothing to verify with", []string{"--no-login"}, []string{"FAIL key: --no-login needs a key"}},
		{"an issuer without a key", []string{"--issuer", "i", "--audience", "a"}, []string{"FAIL key: whose key is missing"}},

		{"no issuer", []string{"--public-key", public, "--audience", "a"}, []string{"FAIL tokens: needs --issuer"}},
		{"no audience", []string{"--public-key", public, "--issuer", "i"}, []string{"FAIL tokens: needs --audience"}},
		{"neither, and so be it", []string{"--public-key", public, "--insecure-no-issuer", "--insecure-no-audience"}, []string{"WARN tokens: --insecure-no-issuer", "WARN tokens: --insecure-no-audience"}},
		{"keys by plain http", []string{"--issuer", "http://127.0.0.1:1", "--audience", "a", "--insecure-plain-http"}, []string{"FAIL issuer: ", "WARN tokens: --insecure-plain-http"}},
		{"a leeway", outside("--leeway", "61s"), []string{"WARN tokens: leeway"}},
		{"not much of a leeway", outside("--leeway", "60s"), nil},
		{"too much of a leeway", outside("--leeway", "6m"), []string{"FAIL tokens: Leeway is more than 5 minutes"}},

		{"an origin", outside("--origin", "https://app.example.com", "--origin", "http://localhost:3000", "--origin", "http://127.0.0.1"), []string{"ok connections: 3 other origins"}},
		{"all origins", outside("--origin", "*"), []string{`FAIL connections: --origin "*" matches no request; list each origin`}},
		{"some origins", outside("--origin", "https://*.example.com"), []string{"WARN connections: every name that it matches"}},
		{"some unencrypted origins", outside("--origin", "http://*.example.com"), []string{"WARN connections: every name that it matches", "WARN connections: unencrypted"}},
		{"a pattern of no origin", outside("--origin", "https://*.com"), []string{`FAIL connections: --origin "https://*.com" matches no request`}},
		{"local files", outside("--origin", "file://"), []string{"WARN connections: every local file"}},
		{"an unencrypted origin", outside("--origin", "HTTP://app.example.com"), []string{"WARN connections: unencrypted"}},
		{"the null origin", outside("--origin", "null"), []string{"WARN connections: null"}},
		{"a proxy", outside("--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "fd00::/16"), nil},
		{"everybody a proxy", outside("--trusted-proxy", "0.0.0.0/0", "--trusted-proxy", "::/0", "--trusted-proxy", "::ffff:0.0.0.0/96"),
			[]string{"FAIL connections: 0.0.0.0/0 is everybody", "FAIL connections: ::/0 is everybody", "FAIL connections: 0.0.0.0/96 is everybody"}},
		{"half of the world a proxy", outside("--trusted-proxy", "128.0.0.0/1", "--trusted-proxy", "2000::/3"),
			[]string{"WARN connections: 128.0.0.0/1", "WARN connections: 2000::/3"}},
		{"old clients", outside("--eio3"), []string{"WARN connections: query"}},
		{"old clients from elsewhere", outside("--eio3", "--addr", ":9000"), []string{"WARN connections: query", "WARN connections: take part in each other's sessions", "WARN exposure: no TLS"}},
		{"old clients behind a proxy", outside("--eio3", "--addr", "0.0.0.0:9000", "--trusted-proxy", "10.1.2.3/32"), []string{"WARN connections: query", "WARN exposure: no TLS"}},

		{"every address", outside("--addr", ":9000"), []string{"WARN exposure: no TLS"}},
		{"an address of others", outside("--addr", "192.0.2.1:9000"), []string{"WARN exposure: no TLS"}},
		{"no address", outside("--addr", "localhost"), []string{"FAIL exposure: HOST:PORT"}},
		{"no port", outside("--addr", "localhost:nowhere"), []string{"FAIL exposure: nowhere"}},
		{"login for all", []string{"--insecure-remote-login", "--addr", "127.0.0.1:9000"}, []string{"FAIL exposure: --insecure-remote-login"}},
		{"login without login", outside("--insecure-remote-login"), []string{"FAIL key: no effect"}},
		{"login by a secret that counts", []string{"--secret-file", secret}, []string{"WARN exposure: signs with the secret that was given"}},
		{"login beside others", []string{"--addr", "0.0.0.0:9000"}, []string{"WARN exposure: no TLS", "WARN exposure: although other machines reach"}},
		{"login for long", []string{"--token-life", "2h"}, []string{"WARN exposure: good for 2 hours"}},
		{"login for too long", []string{"--token-life", "48h"}, []string{"FAIL key: --token-life"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			doctor(t, "", test.args...).says(t, test.says...)
		})
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A secret of the environment is on no command line.
func TestDoctorTellsFlagsFromVariables(t *testing.T) {
	t.Setenv("SOCKETIO_JWT_SECRET", randomSecret)
	doctor(t, "", "--no-login").says(t, "ok key: long enough")
	doctor(t, "", "--no-login", "--secret", randomSecret[1:]).says(t, "WARN key: command line")
}

// What the doctor fails for, serve does not start with, or it lets strangers in; what
// serve does not start with, the doctor fails for.
func TestDoctorAgreesWithServe(t *testing.T) {
	for _, args := range [][]string{
		{"--secret", "short"}, {"--public-key", "main.go", "--issuer", "i", "--audience", "a"}, {"--alg", "RS256"},
		{"--insecure-no-issuer"}, {"--origin", "https://a.example/path"}, {"--leeway", "1h"}, {"--token-life=-1s"},
		{"--issuer", "http://issuer.example", "--audience", "a"}, {"--issuer", "http://localhost:1"}, {"--addr", "no-such-host.invalid:9000"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			if o := doctor(t, "", args...); o.code != exitRefused {
				t.Errorf("exit code %d:\n%s%s", o.code, o.out, o.err)
			}
			if o := runWith(t, "", append([]string{"serve"}, args...)...); o.code != exitFailed {
				t.Errorf("serve ends with %d", o.code)
			}
		})
	}
}

// Bad flags are no finding.
func TestDoctorCannotTell(t *testing.T) {
	for _, test := range []struct {
		stdin string
		args  []string
		error string
	}{
		{"", []string{"--dance"}, "--dance"},
		{"", []string{"--issuer", ""}, "empty"},
		{"", []string{"--timeout", "0s"}, "--timeout"},
		{"", []string{"--token", "-"}, "no token"},
		{"", []string{"--trusted-proxy", "somewhere"}, "trusted-proxy"},
	} {
		doctor(t, test.stdin, test.args...).want(t, exitFailed, "", test.error)
	}
}

func TestFilesSuffice(t *testing.T) {
	for files, want := range map[uint64]finding{
		9_999:   {levelWarn, "9999 files open, enough for some 9949 connections", ""},
		20:      {levelWarn, "some 0 connections", ""},
		10_000:  {levelOK, "more than 9950", ""},
		1 << 63: {levelOK, "999950", ""},
	} {
		got := filesSuffice(&examination{openFiles: files})
		if len(got) != 1 || got[0].level != want.level || !strings.Contains(got[0].text, want.text) {
			t.Errorf("%d files: %v, want %v", files, got, want)
		}
	}
	if got := filesSuffice(&examination{}); got != nil {
		t.Errorf("unknown: %v", got)
	}
}

// What chance makes looks like no words and no counting.
func TestRandomSecretsPass(t *testing.T) {
	for range 2000 {
		for _, secret := range []string{rand.Text() + rand.Text() + rand.Text(), fmt.Sprintf("%x", randomBytes(t, 16)), string(randomBytes(t, 32)), fmt.Sprintf("%X", randomBytes(t, 64))} {
			if isSample(secret) || distinct(secret) < 8 || repeats(secret) || counts(secret) || wordy(secret) {
				t.Fatalf("%q does not look like chance", secret)
			}
		}
	}
}

func randomBytes(t *testing.T, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}
