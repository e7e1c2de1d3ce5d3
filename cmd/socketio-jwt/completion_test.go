package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestCompletions(t *testing.T) {
	for line, want := range map[string]string{
		"":                                 "block completion config disconnect doctor emit health leases operator-token probe revoke serve token version",
		"to":                               "token",
		"token ":                           "inspect mint verify",
		"token m":                          "mint",
		"token mint --al":                  "--alg",
		"token mint --alg ES":              "ES256 ES384 ES512",
		"token mint --alg=ES":              "--alg=ES256 --alg=ES384 --alg=ES512",
		"token mint --key=":                "",
		"token mint --nonsense=":           "",
		"token mint --alg = HS2":           "HS256",
		"token mint --sub ":                "",
		"token mint --sub token --no":      "--no-exp",
		"serve --profile cognito":          "cognito-access cognito-id",
		"serve --no-login --log-format ":   "json text",
		"serve --log-level ":               "debug error info warn",
		"probe http://localhost --mode ":   "auto event handshake",
		"probe http://localhost --stay":    "--stay",
		"emit --redis-wire s":              "sharded streams",
		"completion ":                      "bash fish zsh",
		"nonsense --vers":                  "--version",
		"token verify - --insecure-no-iss": "--insecure-no-issuer",
	} {
		words := strings.Split(line, " ")
		got := runWith(t, "", append([]string{"complete", "--"}, words...)...)
		if list := strings.Join(strings.Fields(got.out), " "); list != want || got.code != exitGood {
			t.Errorf("%q completes to %q, want %q (exit code %d: %s)", line, list, want, got.code, got.err)
		}
	}
}

// TestBashCompletion checks that the script for bash completes with the output of the program.
func TestBashCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	fake := "#!/bin/sh\nshift 2\necho \"$*\" >> " + filepath.Join(directory, "asked") + "\nprintf 'HS256\\nHS384\\n'\n"
	if err := os.WriteFile(filepath.Join(directory, "socketio-jwt"), []byte(fake), 0o700); err != nil {
		t.Fatal(err)
	}
	script := runWith(t, "", "completion", "bash").out + `
COMP_WORDS=(socketio-jwt token mint --alg HS3); COMP_CWORD=4; _socketio_jwt; echo "${COMPREPLY[*]}"`
	command := exec.CommandContext(t.Context(), bash, "--norc", "-c", script)
	command.Env = []string{"PATH=" + directory + ":" + os.Getenv("PATH")}
	out, err := command.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "HS384" {
		t.Errorf("completed to %q, %v", out, err)
	}
	if asked, _ := os.ReadFile(filepath.Join(directory, "asked")); string(asked) != "token mint --alg HS3\n" {
		t.Errorf("the program was run with %q", asked)
	}
	for _, shell := range []string{"zsh", "fish"} {
		runWith(t, "", "completion", shell).want(t, exitGood, "socketio-jwt complete --", "")
	}
}
