package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"socketiojwt/internal/leaktest"
)

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	leaktest.Main(m)
}

const goodSecret = "a secret that has more than thirty-two bytes"

// outcome is the result of one run of the command.
type outcome struct {
	code     int
	out, err string
}

func runWith(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	var out, err bytes.Buffer
	code := run(t.Context(), args, strings.NewReader(stdin), &out, &err)
	return outcome{code, out.String(), err.String()}
}

func (o outcome) want(t *testing.T, code int, inOut, inErr string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d", o.code, code)
	}
	if !strings.Contains(o.out, inOut) || inOut == "" && o.out != "" {
		t.Errorf("standard output %q, want %q in it", o.out, inOut)
	}
	if !strings.Contains(o.err, inErr) || inErr == "" && o.err != "" {
		t.Errorf("standard error %q, want %q in it", o.err, inErr)
	}
}

func TestCommandLine(t *testing.T) {
	for _, test := range []struct {
		args  string
		code  int
		out   string
		error string
	}{
		{"--help", exitGood, "token verify", ""},
		{"serve --help", exitGood, "SOCKETIO_JWT_SECRET", ""},
		{"serve --help", exitGood, "Examples:", ""},
		{"token mint --help", exitGood, "Examples:", ""},
		{"token inspect --help", exitGood, "Examples:", ""},
		{"token verify --help", exitGood, "exit code is 0", ""},
		{"probe --help", exitGood, "exit code is 0", ""},
		{"doctor --help", exitGood, "Examples:", ""},
		{"version", exitGood, "Socket.IO protocol 5", ""},
		{"version", exitGood, "Engine.IO protocol 3", ""},
		{"--version", exitGood, "Engine.IO protocol 4", ""},
		{"token --version", exitGood, "Engine.IO protocol 4", ""},
		{"", exitGood, "Commands:", ""},
		{"token", exitGood, "token mint", ""},
		{"serve --log-format xml", exitFailed, "", "--log-format"},
		{"serve --shutdown-timeout=-1s --addr localhost:0", exitFailed, "", "--shutdown-timeout must not be negative"},
		{"probe http://localhost --timeout 0s", exitFailed, "", "--timeout must be positive"},
		{"probe http://localhost --timeout=-1s --stay=-1s", exitFailed, "", "--timeout must be positive; --stay must not be negative"},
		{"probe", exitFailed, "", `missing argument "<url>" (see --help)`},
		{"serve --addr", exitFailed, "", "--addr: it needs a value"},
		{"serve --token-life", exitFailed, "", "--token-life: it needs a value"},
		{"completion tcsh", exitFailed, "", "bash"},
		{"dance", exitFailed, "", "dance"},
		{"serve --dance", exitFailed, "", "--dance"},
		{"serve --token-life soon", exitFailed, "", "--token-life"},
		{"serve --log-level loud", exitFailed, "", `--log-level: "loud": it must be debug, info, warn or error`},
		{"probe http://localhost eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", exitFailed, "", "unexpected argument <token>"},
	} {
		t.Run(test.args, func(t *testing.T) {
			runWith(t, "", strings.Fields(test.args)...).want(t, test.code, test.out, test.error)
		})
	}
}

// TestServeRefusesContradictions checks that serve does not listen if its flags contradict each
// other.
func TestServeRefusesContradictions(t *testing.T) {
	public := publicKeyFile(t)
	for _, test := range []struct {
		args  []string
		error string
	}{
		{[]string{"--secret", "short"}, "socketio-jwt: --secret or SOCKETIO_JWT_SECRET: a secret for HS256 needs at least 32 bytes, this one has 5"},
		{[]string{"--secret", ""}, "socketio-jwt: --secret or SOCKETIO_JWT_SECRET: the secret is empty"},
		{[]string{"--secret-file", public}, "socketio-jwt: --secret-file " + public + ": the secret is a key in PEM; give the public key by --public-key instead"},
		{[]string{"--public-key", os.DevNull}, "socketio-jwt: --public-key " + os.DevNull + ": no PEM block found"},
		{[]string{"--secret-file", ""}, "--secret-file"},
		{[]string{"--public-key", ""}, "--public-key"},
		{[]string{"--secret", goodSecret, "--issuer", ""}, "--issuer"},
		{[]string{"--secret", goodSecret, "--audience", ""}, "--audience"},
		{[]string{"--secret", goodSecret, "--secret-file", public}, "exclude each other"},
		{[]string{"--secret", goodSecret, "--public-key", public}, "exclude each other"},
		{[]string{"--secret-file", "no-such-file"}, "no-such-file"},
		{[]string{"--public-key", "no-such-file"}, "no-such-file"},
		{[]string{"--public-key", public}, "--public-key needs --issuer"},
		{[]string{"--public-key", public}, "--public-key needs --audience"},
		{[]string{"--secret-file", "", "--issuer", ""}, "--issuer is set"},
		{[]string{"--secret-file", "", "--issuer", ""}, "--secret-file is set"},
		{[]string{"--secret", goodSecret, "--alg", "HS257"}, `--alg "HS257" is not a supported algorithm: use one of HS256, HS384`},
		{[]string{"--secret", goodSecret, "--alg", "HS257", "--profile", "okta"}, `--profile "okta" is not a profile`},
		{[]string{"--public-key", public, "--issuer", "i"}, "--audience"},
		{[]string{"--issuer", "i"}, "--public-key"},
		{[]string{"--audience", "a"}, "--public-key"},
		{[]string{"--profile", ""}, "--profile"},
		{[]string{"--profile", "auth0"}, "--profile needs"},
		{[]string{"--profile", "auth0", "--secret", goodSecret}, "--profile needs"},
		{[]string{"--profile", "auth0", "--issuer", "https://a.example/"}, "--profile needs"},
		{[]string{"--profile", "auth0", "--issuer", "https://a.example/", "--audience", "a", "--audience", "b"}, "--profile needs"},
		{[]string{"--profile", "auth0", "--issuer", "https://a.example/", "--issuer", "https://b.example/", "--audience", "a"}, "--profile needs"},
		{[]string{"--profile", "auth0", "--issuer", "https://a.example/", "--audience", "a", "--insecure-no-issuer"}, "no effect"},
		{[]string{"--profile", "auth0", "--public-key", public, "--issuer", "i", "--audience", "a", "--insecure-no-audience"}, "--insecure-no-audience has no effect with --audience"},
		{[]string{"--profile", "okta", "--issuer", "https://a.example/", "--audience", "a"}, "cognito-access, cognito-id, firebase"},
		{[]string{"--profile", "firebase", "--issuer", "https://a.example/", "--audience", "chat-1234"}, "https://securetoken.google.com/chat-1234"},
		{[]string{"--no-login"}, "--no-login"},
		{[]string{"--no-login", "--secret", goodSecret, "--insecure-remote-login"}, "no effect"},
		{[]string{"--insecure-no-issuer"}, "no effect"},
		{[]string{"--insecure-plain-http"}, "--insecure-plain-http has no effect"},
		{[]string{"--insecure-plain-http", "--secret", goodSecret}, "--insecure-plain-http has no effect"},
		{[]string{"--insecure-plain-http", "--issuer", "https://a.example", "--audience", "a"}, "--insecure-plain-http has no effect"},
		{[]string{"--issuer", "http://a.example", "--audience", "a"}, "--insecure-plain-http accepts http"},
		{[]string{"--alg", "RS256"}, "--alg"},
		{[]string{"--alg", "none", "--secret", goodSecret}, "none"},
		{[]string{"--leeway", "1h"}, "eeway"},
		{[]string{"--no-login", "--secret", goodSecret, "--token-life", "5m"}, "--token-life has no effect"},
		{[]string{"--token-life", "48h"}, "--token-life"},
		{[]string{"--token-life=-1s"}, "--token-life"},
		{[]string{"--origin", "not an origin"}, "not an origin"},
		{[]string{"--addr", "localhost"}, "HOST:PORT"},
		{[]string{"--addr", "localhost:nowhere"}, "nowhere"},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			ended, cancel := context.WithCancel(t.Context())
			cancel() // if the flags are accepted, serve returns at once
			var out, err bytes.Buffer
			args := append([]string{"serve", "--addr", "localhost:0"}, test.args...)
			code := run(ended, args, strings.NewReader(""), &out, &err)
			outcome{code, out.String(), err.String()}.want(t, exitFailed, "", test.error)
			if strings.Contains(err.String(), goodSecret) {
				t.Error("the secret is in the error")
			}
		})
	}
}

// TestSecretFromTheEnvironment checks that a secret in a variable is used unchanged, without
// interpolation.
func TestSecretFromTheEnvironment(t *testing.T) {
	secret := "$HOME ${default} a,b;c %s 0123456789012345678901234567890"
	t.Setenv("SOCKETIO_JWT_SECRET", secret)
	minted := runWith(t, "", "token", "mint", "--sub", "ada")
	minted.want(t, exitGood, "eyJ", "")
	runWith(t, minted.out, "token", "verify", "-").want(t, exitGood, "ada", "")

	t.Setenv("SOCKETIO_JWT_SECRET", "") // set and empty is an error
	runWith(t, minted.out, "token", "verify", "-").want(t, exitFailed, "", "secret")
}

// TestEmptyVariables checks that an empty variable does not start the development issuer.
func TestEmptyVariables(t *testing.T) {
	for _, name := range []string{"SECRET_FILE", "PUBLIC_KEY", "ISSUER", "AUDIENCE"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("SOCKETIO_JWT_"+name, "")
			ended, cancel := context.WithCancel(t.Context())
			cancel() // if the flags are accepted, serve returns at once
			var out, err bytes.Buffer
			code := run(ended, []string{"serve", "--addr", "localhost:0"}, strings.NewReader(""), &out, &err)
			outcome{code, out.String(), err.String()}.want(t, exitFailed, "", "empty")
		})
	}
}

// TestPanicIsNotSuccess checks that run does not turn a panic into exit code 0.
func TestPanicIsNotSuccess(t *testing.T) {
	defer func() {
		if value := recover(); value != "written" {
			t.Errorf("run panicked with %v", value)
		}
	}()
	code := run(t.Context(), []string{"version"}, strings.NewReader(""), panicking{}, panicking{})
	t.Errorf("exit code %d", code)
}

// panicking is a writer that panics.
type panicking struct{}

func (panicking) Write([]byte) (int, error) { panic("written") }
