package doctor

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

const operatorSecret = "5d0c71ab93e82f4606b9de17c5a83f20419be6d8720fc35a9841e7bd630c2fa5"

func TestOperators(t *testing.T) {
	public := publicKey(t, publicKeyFile(t))
	at := func(text string, addresses ...string) func(*Config) {
		return func(c *Config) {
			c.Operators = &Operators{Addr: "host:9001", Secret: text}
			for _, a := range addresses {
				c.Operators.Addresses = append(c.Operators.Addresses, netip.MustParseAddr(a))
			}
		}
	}
	for name, test := range map[string]struct {
		config Config
		want   []string
	}{
		"loopback":          {with(public, at(operatorSecret, "127.0.0.1", "::1")), nil},
		"every address":     {with(public, at(operatorSecret)), []string{"warn operators: on all addresses, without TLS"}},
		"one of ours":       {with(public, at(operatorSecret, "10.1.2.3", "::1")), []string{"warn operators: other machines can reach it, without TLS"}},
		"no address":        {with(public, at(operatorSecret), func(c *Config) { c.Operators.Err = fmt.Errorf("no such host") }), []string{"fail operators: no such host"}},
		"a sample":          {with(public, at("a-string-secret-at-least-256-bits-long", "::1")), []string{"fail operators: the secret of operators is a sample"}},
		"few characters":    {with(public, at(strings.Repeat("ab", 20), "::1")), []string{"fail operators: the secret of operators has only 2 different characters"}},
		"repeated":          {with(public, at(operatorSecret[:9]+operatorSecret[:9], "::1")), []string{"fail operators: the secret of operators is a shorter text"}},
		"a word":            {with(public, at("changeme"+operatorSecret, "::1")), []string{"warn operators: the secret of operators contains a word"}},
		"that of users":     {with(secret(randomSecret), at(randomSecret, "::1")), []string{"warn operators: is also that of the tokens of users"}},
		"not that of users": {with(secret(randomSecret), at(operatorSecret, "::1")), nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := examine(t, test.config)
			r.want(t, test.want...)
			if strings.Contains(r.String(), operatorSecret) {
				t.Error("the secret is in a finding")
			}
		})
	}
}

func TestOtherSecretsAreKept(t *testing.T) {
	public := publicKey(t, publicKeyFile(t))
	of := func(s OtherSecret) Config {
		s.Flag, s.Can = "--cluster-key", "send messages"
		return with(public, func(c *Config) { c.OtherSecrets = []OtherSecret{s} })
	}
	for name, test := range map[string]struct {
		secret OtherSecret
		want   []string
	}{
		"none":            {OtherSecret{}, nil},
		"a flag":          {OtherSecret{FromFlag: true}, []string{"warn secrets: --cluster-key is on the command line"}},
		"a file":          {OtherSecret{File: fileOf(t, 0o600, "x")}, nil},
		"a readable file": {OtherSecret{File: fileOf(t, 0o644, "x")}, []string{"warn secrets: can read the file of --cluster-key-file"}},
		"a writable file": {OtherSecret{File: fileOf(t, 0o602, "x")}, []string{"fail secrets: can change the file of --cluster-key-file"}},
		"no file":         {OtherSecret{File: "no-such-file"}, nil},
	} {
		t.Run(name, func(t *testing.T) { examine(t, of(test.secret)).want(t, test.want...) })
	}
}
