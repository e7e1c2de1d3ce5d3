package main

import (
	"strings"
	"testing"
	"time"
)

// TestUnknownVariables checks that a misspelled variable is an error.
func TestUnknownVariables(t *testing.T) {
	for name, test := range map[string]struct {
		variables []string
		error     string
	}{
		"misspelt":     {[]string{"SOCKETIO_JWT_AUDIENCES"}, "unknown variable SOCKETIO_JWT_AUDIENCES in the environment: did you mean SOCKETIO_JWT_AUDIENCE?"},
		"two":          {[]string{"SOCKETIO_JWT_ISUER", "SOCKETIO_JWT_AUDIENC"}, "SOCKETIO_JWT_AUDIENC in the environment: did you mean SOCKETIO_JWT_AUDIENCE?; unknown variable SOCKETIO_JWT_ISUER"},
		"far":          {[]string{"SOCKETIO_JWT_UNHEARD_OF_THING"}, "unknown variable SOCKETIO_JWT_UNHEARD_OF_THING in the environment (see --help)"},
		"known":        {[]string{"SOCKETIO_JWT_KEY"}, ""},
		"a service":    {[]string{"SOCKETIO_JWT_SERVICE_HOST", "SOCKETIO_JWT_SERVICE_PORT_HTTP", "SOCKETIO_JWT_PORT_9000_TCP_ADDR", "SOCKETIO_JWT_PORT"}, ""},
		"another name": {[]string{"XSOCKETIO_JWT_AUDIENCES"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range test.variables {
				t.Setenv(variable, "a-value-that-may-be-secret")
			}
			minted := runWith(t, "", "token", "mint", "--secret", goodSecret, "--sub", "ada")
			if test.error == "" {
				if name == "known" {
					return // mint reads it
				}
				minted.want(t, exitGood, "eyJ", "")
				return
			}
			minted.want(t, exitFailed, "", test.error)
			if strings.Contains(minted.err, "secret") {
				t.Errorf("the value is in the error: %s", minted.err)
			}
			runWith(t, "", "version").want(t, exitGood, "Engine.IO", "")
		})
	}
}

// TestEveryVariableIsKnown checks that every variable in the help is accepted.
func TestEveryVariableIsKnown(t *testing.T) {
	for _, command := range [][]string{{"serve"}, {"doctor"}, {"token", "mint"}, {"token", "verify"}, {"probe"}} {
		help := runWith(t, "", append(command, "--help")...)
		for _, word := range strings.FieldsFunc(help.out, func(r rune) bool { return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789", r) }) {
			if !strings.HasPrefix(word, variablePrefix) {
				continue
			}
			t.Setenv(word, "")
			if got := runWith(t, "", "token", "inspect", "x"); strings.Contains(got.err, "unknown variable") {
				t.Errorf("%s: %s", word, got.err)
			}
		}
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "1d": 24 * time.Hour, "1d12h": 36 * time.Hour, "-7d": -168 * time.Hour, "+1d1m": 24*time.Hour + time.Minute, "0": 0, "0d": 0,
	} {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("%q is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "1", "1.5d", "1d-1h", "1h1d", "99999999999d", "99999d2500000h", "soon", "--1d"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q is %v, want an error", text, got)
		}
	}
}
