package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"socketiojwt/token/tokentest"
)

const randomSecret = "9b1f64c2d07ae85331c4f0be7d92a6580e3fb71ca94d26805fe8c3719b0ad64e"

var doctorsCount = regexp.MustCompile(`^(no|\d+) problems?, (no|\d+) warnings?$`)

// runDoctor runs the command and checks the format of its output: each finding begins with
// its level, advice is below each that is not ok, the last line and the exit code agree
// with the findings, and no secret is printed.
func runDoctor(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	o := runWith(t, stdin, append([]string{"doctor"}, args...)...)
	if o.code == exitFailed {
		return o
	}
	lines := strings.Split(strings.TrimSuffix(o.out, "\n"), "\n")
	problems := 0
	for i, line := range lines[:len(lines)-1] {
		bad := strings.HasPrefix(line, "WARN  ") || strings.HasPrefix(line, "FAIL  ")
		advised := strings.HasPrefix(lines[i+1], "      ")
		if strings.HasPrefix(line, "FAIL  ") {
			problems++
		}
		if !bad && !strings.HasPrefix(line, "ok    ") && !strings.HasPrefix(line, "      ") {
			t.Errorf("a line without a level: %s", line)
		}
		if bad != advised {
			t.Errorf("advice below it: %t: %s", advised, line)
		}
	}
	if last := lines[len(lines)-1]; !doctorsCount.MatchString(last) || strings.HasPrefix(last, "no ") != (problems == 0) {
		t.Errorf("the last line is %q after %d problems", last, problems)
	}
	if (o.code == exitRefused) != (problems > 0) || o.err != "" {
		t.Errorf("exit code %d, standard error %q after %d problems", o.code, o.err, problems)
	}
	for _, secret := range []string{goodSecret, randomSecret, strings.TrimSpace(stdin)} {
		if secret != "" && strings.Contains(o.out, secret) {
			t.Error("a secret or a token is printed")
		}
	}
	return o
}

// TestDoctorReadsFlags checks that each flag of serve reaches the checks.
func TestDoctorReadsFlags(t *testing.T) {
	private, public := keyPairFiles(t)
	secret := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(secret, []byte(randomSecret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	readable := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(readable, []byte(randomSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(readable, 0o644); err != nil {
		t.Fatal(err)
	}
	outside := func(args ...string) []string {
		return append([]string{"--public-key", public, "--issuer", "i", "--audience", "a"}, args...)
	}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"none":                    {nil, "ok    exposure: the development issuer"},
		"--secret-file":           {[]string{"--no-login", "--secret-file", secret}, "ok    key: a shared secret, long enough for HS256"},
		"a readable file":         {[]string{"--no-login", "--secret-file", readable}, "WARN  key: every user of this machine can read"},
		"--secret":                {[]string{"--no-login", "--secret", randomSecret}, "WARN  key: the secret is on the command line"},
		"--public-key":            {outside(), "ok    key: a public key for EdDSA"},
		"--alg":                   {outside("--alg", "HS256"), "FAIL  key: "},
		"--audience":              {outside(), `ok    tokens: a token must be for "a"`},
		"a private key":           {outside("--public-key", private), "FAIL  key: --public-key " + private + ": a private key; use the public key (openssl pkey -pubout extracts it)"},
		"no file":                 {[]string{"--secret-file", "no-such-file"}, "FAIL  key: --secret-file: open no-such-file"},
		"two keys":                {[]string{"--secret-file", secret, "--public-key", public}, "FAIL  key: a secret and --public-key exclude each other"},
		"--no-login":              {[]string{"--no-login"}, "FAIL  key: --no-login needs the key"},
		"no key":                  {[]string{"--issuer", "i", "--audience", "a"}, "FAIL  key: --issuer"},
		"no issuer":               {[]string{"--public-key", public, "--audience", "a"}, "FAIL  tokens: --public-key needs --issuer"},
		"--insecure-no-issuer":    {[]string{"--public-key", public, "--audience", "a", "--insecure-no-issuer"}, "WARN  tokens: --insecure-no-issuer"},
		"--insecure-no-audience":  {[]string{"--public-key", public, "--issuer", "i", "--insecure-no-audience"}, "WARN  tokens: --insecure-no-audience"},
		"--insecure-plain-http":   {[]string{"--issuer", "http://127.0.0.1:1", "--audience", "a", "--insecure-plain-http"}, "WARN  tokens: --insecure-plain-http"},
		"--leeway":                {outside("--leeway", "61s"), "WARN  tokens: with this leeway"},
		"--leeway 6m":             {outside("--leeway", "6m"), "FAIL  tokens: Leeway must be at most 5 minutes"},
		"--origin":                {outside("--origin", "http://app.example.com"), "WARN  connections: the pages of origin"},
		"--trusted-proxy":         {outside("--trusted-proxy", "0.0.0.0/0"), "FAIL  connections: --trusted-proxy 0.0.0.0/0"},
		"--eio3":                  {outside("--eio3"), "WARN  connections: with --eio3"},
		"--addr":                  {outside("--addr", ":9000"), `WARN  exposure: serve listens on ":9000"`},
		"no port":                 {outside("--addr", "localhost"), "FAIL  exposure: --addr localhost: "},
		"a hostile address":       {outside("--addr", "a\nFAIL  b\x1b[2J"), `FAIL  exposure: --addr a; FAIL  b\u001b[2J: `},
		"--insecure-remote-login": {[]string{"--insecure-remote-login"}, "FAIL  exposure: the development issuer serves other machines"},
		"no effect":               {outside("--insecure-remote-login"), "FAIL  key: --insecure-remote-login has no effect"},
		"--token-life":            {[]string{"--token-life", "2h"}, "WARN  exposure: tokens of the development issuer"},
		"--token-life 48h":        {[]string{"--token-life", "48h"}, "FAIL  key: --token-life"},
		"--redis":                 {[]string{"--redis", "redis://127.0.0.1:1", "--cluster-key-file", secret}, `FAIL  redis: Redis at "127.0.0.1:1" does not answer: `},
		"--redis alone":           {outside("--redis", "redis://127.0.0.1:1"), "FAIL  redis: --redis needs the secret that all nodes share"},
		"--redis, random keys":    {[]string{"--redis", "redis://127.0.0.1:1"}, "FAIL  redis: --redis needs tokens that all nodes accept"},
		"--redis, password":       {outside("--redis", "redis://:sesame@127.0.0.1:1", "--cluster-key-file", secret), "WARN  redis: the password of Redis is on the command line"},
		"--admin":                 {outside("--admin", "127.0.0.1:9001", "--admin-secret-file", secret), "ok    operators: serve answers operators on \"127.0.0.1:9001\""},
		"--admin for all":         {outside("--admin", ":9001", "--admin-secret-file", secret), "WARN  operators: serve answers operators at --admin \":9001\" on all addresses"},
		"--admin, no port":        {outside("--admin", "localhost", "--admin-secret-file", secret), "FAIL  operators: --admin localhost: "},
		"--admin-secret":          {outside("--admin", "127.0.0.1:9001", "--admin-secret", randomSecret), "WARN  secrets: --admin-secret is on the command line"},
		"--admin-secret, weak":    {outside("--admin", "127.0.0.1:9001", "--admin-secret", strings.Repeat("a", 40)), "FAIL  operators: the secret of operators has only 1 different character"},
		"--admin-secret-file":     {outside("--admin", "127.0.0.1:9001", "--admin-secret-file", readable), "WARN  secrets: every user of this machine can read the file of --admin-secret-file"},
		"--cluster-key":           {outside("--redis", "redis://127.0.0.1:1", "--cluster-key", randomSecret), "WARN  secrets: --cluster-key is on the command line"},
		"--upstream-secret-file":  {outside("--upstream-webhook", "https://127.0.0.1:1", "--upstream-secret-file", readable), "WARN  secrets: every user of this machine can read the file of --upstream-secret-file"},
		"--profile":               {[]string{"--profile", "auth0", "--secret", "short"}, "FAIL  key: --profile needs one --issuer"},
	} {
		t.Run(name, func(t *testing.T) {
			if o := runDoctor(t, "", test.args...); !strings.Contains("\n"+o.out, "\n"+test.want) {
				t.Errorf("there is no line %q in:\n%s%s", test.want, o.out, o.err)
			}
		})
	}
}

// TestDoctorTellsFlagsFromVariables checks that a secret in the environment is not
// reported as on the command line.
func TestDoctorTellsFlagsFromVariables(t *testing.T) {
	const found = "WARN  key: the secret is on the command line"
	t.Setenv("SOCKETIO_JWT_SECRET", randomSecret)
	if o := runDoctor(t, "", "--no-login"); strings.Contains(o.out, found) {
		t.Errorf("the variable is reported as a flag:\n%s", o.out)
	}
	runDoctor(t, "", "--no-login", "--secret", randomSecret[1:]).want(t, exitGood, found, "")
}

// TestDoctorAsksTheIssuer checks the flags about issuers against one.
func TestDoctorAsksTheIssuer(t *testing.T) {
	issuer := tokentest.NewIssuer(t, tokentest.Options{Listen: true})
	compact := issuer.Sign(map[string]any{"aud": "chat", "sub": "ada"})
	args := []string{"--issuer", issuer.URL(), "--audience", "chat", "--token", "-"}
	runDoctor(t, compact, args...).want(t, exitGood, "ok    tokens: the token is accepted", "")
	runDoctor(t, issuer.Sign(map[string]any{"aud": "shop"}), args...).want(t, exitRefused, "FAIL  tokens: the token is refused: audience", "")
	runDoctor(t, compact, append(args, "--profile", "access-token")...).want(t, exitRefused, "--profile access-token requires this", "")
	runDoctor(t, compact, append(args, "--alg", "RS256")...).want(t, exitRefused, "FAIL  issuer: no keys", "")
	runDoctor(t, compact, "--issuer", issuer.URL(), "--token", "-").want(t, exitRefused, "FAIL  tokens: --issuer needs --audience", "") // it is asked nevertheless
	issuer.Misbehave(tokentest.Fault{Hang: true})
	runDoctor(t, compact, append(args, "--timeout", "100ms")...).want(t, exitRefused, "timed out", "")
}

// TestDoctorAgreesWithServe checks that doctor reports a problem if serve does not start.
func TestDoctorAgreesWithServe(t *testing.T) {
	for _, args := range [][]string{
		{"--secret", "short"}, {"--public-key", "main.go", "--issuer", "i", "--audience", "a"}, {"--alg", "RS256"},
		{"--insecure-no-issuer"}, {"--origin", "https://a.example/path"}, {"--leeway", "1h"}, {"--token-life=-1s"},
		{"--issuer", "http://issuer.example", "--audience", "a"}, {"--issuer", "http://localhost:1"}, {"--addr", "no-such-host.invalid:9000"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			if o := runDoctor(t, "", args...); o.code != exitRefused {
				t.Errorf("exit code %d:\n%s%s", o.code, o.out, o.err)
			}
			if o := runWith(t, "", append([]string{"serve"}, args...)...); o.code != exitFailed {
				t.Errorf("serve ends with %d", o.code)
			}
		})
	}
}

// TestDoctorRefusesBadFlags checks flags that prevent the checks.
func TestDoctorRefusesBadFlags(t *testing.T) {
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
		runDoctor(t, test.stdin, test.args...).want(t, exitFailed, "", test.error)
	}
}

// TestDoctorPrintsNoToken checks that a token from its variable is not printed.
func TestDoctorPrintsNoToken(t *testing.T) {
	compact := strings.TrimSpace(runWith(t, "", "token", "mint", "--secret", goodSecret, "--sub", strings.Repeat("ada", 60)).out)
	t.Setenv("SOCKETIO_JWT_TOKEN", compact)
	for _, flag := range []string{"--origin", "--addr", "--issuer"} {
		if o := runDoctor(t, "", flag, compact); strings.Contains(o.out, compact[:30]) || !strings.Contains(o.out, "tokens: ") {
			t.Errorf("%s:\n%s", flag, o.out)
		}
	}
}
