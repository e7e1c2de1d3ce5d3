package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A dependency says that flags of serve have an effect only together with something else. A flag
// without an effect is an error, because its operator expects one: see checkEffects.
type dependency struct {
	flags []string
	on    string // what is missing, for the error
	met   func(c *serveCommand) bool
}

// dependencies lists the flags that depend on others, except those whose own part says more: see
// configuration.keys, trust.key and trust.checkWaived. The remaining flags always have an effect.
// --no-login is never an error: it protects against a secret that is added later.
var dependencies = []dependency{
	{
		[]string{"redis-password-file", "redis-wire", "redis-prefix", "cluster-key", "cluster-key-file", "longest-token", "max-stale", "fail-open"},
		"--redis URL", func(c *serveCommand) bool { return c.Redis != "" },
	}, {
		[]string{"upstream-secret-file", "upstream-claim", "upstream-disconnects", "upstream-timeout", "upstream-max-requests"},
		"--upstream-webhook URL", func(c *serveCommand) bool { return c.UpstreamWebhook != "" },
	}, {
		[]string{"insecure-upstream-plain-http"},
		"--upstream-webhook with an http:// URL of another machine", (*serveCommand).asksInPlainText,
	}, {
		[]string{"admin-secret", "admin-secret-file"},
		"--admin HOST:PORT", func(c *serveCommand) bool { return c.Admin != "" },
	}, {
		[]string{"secret", "secret-file", "public-key", "alg", "issuer", "audience", "profile", "leeway", "numeric-subject", "insecure-plain-http", "insecure-no-issuer", "insecure-no-audience", "token-life", "insecure-remote-login"},
		"a namespace that has no rules for tokens of its own", func(c *serveCommand) bool { return slices.ContainsFunc(c.tables(), inherits) },
	}, {
		[]string{"rate-burst", "close-above-rate"},
		"--max-packets-per-second or --max-bytes-per-second", func(c *serveCommand) bool { return c.MaxPacketsPerSecond != 0 || c.MaxBytesPerSecond != 0 },
	}, {
		[]string{"recovery"},
		"a namespace of mode handshake", func(c *serveCommand) bool {
			return slices.ContainsFunc(c.tables(), func(n *namespaceTable) bool { return n.Mode == "handshake" })
		},
	},
}

// asksInPlainText reports whether the backend is another machine, and is asked without TLS.
func (c *serveCommand) asksInPlainText() bool {
	u, err := url.Parse(c.UpstreamWebhook)
	return err == nil && u.Scheme == "http" && !isLoopback(u.Hostname())
}

// checkEffects returns an error for each flag that was given and has no effect.
func (c *serveCommand) checkEffects() error {
	var wrong []error
	for _, d := range dependencies {
		if d.met(c) {
			continue
		}
		for _, flag := range d.flags {
			if c.given(flag) {
				wrong = append(wrong, fmt.Errorf("--%s%s has no effect without %s", flag, c.byVariable(flag), d.on))
			}
		}
	}
	return joined(wrong...)
}

// given reports whether a flag, a variable or the file sets a value other than the default.
func (c *configFile) given(flag string) bool {
	s := c.settings[flag]
	return s.value != s.initial
}

// byVariable returns the variable that sets a flag, in parentheses, or nothing.
func (c *configFile) byVariable(flag string) string {
	if source := c.sources[flag]; strings.HasPrefix(source, variablePrefix) {
		return " (" + source + ")"
	}
	return ""
}
