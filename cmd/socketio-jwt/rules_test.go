package main

import (
	"strings"
	"testing"
)

// A namespace without rules for tokens of its own does not fall back to the development issuer
// if the file names issuers for others: it would admit anyone who can log in there.
func TestNamespaceWithoutRulesBesideOthers(t *testing.T) {
	own := "[[namespace]]\nname = \"/\"\nissuer = \"https://issuer.example\"\naudience = \"chat\"\n"
	forgotten := "[[namespace]]\nname = \"/admin\"\nscope = \"admin\"\n"
	for name, test := range map[string]struct {
		file  string
		args  []string
		wrong string
	}{
		"none of its own":           {own + forgotten, nil, ":5: namespace /admin has no rules for tokens"},
		"none at all":               {forgotten, nil, ""},
		"only its own":              {own, nil, ""},
		"those of the flags":        {own + forgotten, []string{"--issuer", "https://issuer.example", "--audience", "chat"}, ""},
		"the secret of the flags":   {own + forgotten, []string{"--secret", goodSecret}, ""},
		"only its own, and --redis": {own, []string{"--redis", "redis://localhost:1", "--cluster-key", goodSecret}, ""},
	} {
		err := settings(t, append(test.args, "--config", configured(t, test.file))...).check()
		if (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
			t.Errorf("%s: %v, want %q", name, err, test.wrong)
		}
	}
}
