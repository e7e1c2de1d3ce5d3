package doctor

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/leaktest"
	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

const randomSecret = "9b1f64c2d07ae85331c4f0be7d92a6580e3fb71ca94d26805fe8c3719b0ad64e"

var loopback = []netip.Addr{netip.MustParseAddr("127.0.0.1")}

// with returns a configuration that listens on this machine, changed by changes.
func with(changes ...func(*Config)) Config {
	c := Config{Addr: "localhost:9000", Addresses: loopback, Leeway: 10 * time.Second, Timeout: 10 * time.Second, Transport: http.DefaultTransport}
	for _, change := range changes {
		change(&c)
	}
	return c
}

// secret gives a shared secret.
func secret(secret string, algorithms ...token.Algorithm) func(*Config) {
	return func(c *Config) {
		c.Secret, c.Algorithms, c.Key = &secret, algorithms, token.Secret(secret, algorithms...)
		if c.KeyErr = c.Key.Err(); c.KeyErr == nil {
			c.Verifier, c.VerifierErr = token.NewVerifier(c.Key, c.Rules)
		} else {
			rules := c.Rules
			rules.InsecureShortSecret = true
			c.ShortSecret, _ = token.NewVerifier(c.Key, rules)
		}
	}
}

// publicKey gives a public key in a file.
func publicKey(t *testing.T, file string) func(*Config) {
	return func(c *Config) {
		c.PublicKeyFile, c.Key = file, token.PEM([]byte(readFile(t, file)), c.Algorithms...)
		c.Rules = token.Options{Issuers: []string{"i"}, Audiences: []string{"a"}}
		if c.KeyErr = c.Key.Err(); c.KeyErr == nil {
			c.Verifier, c.VerifierErr = token.NewVerifier(c.Key, c.Rules)
		}
	}
}

// issuers gives issuers that publish their keys, for the audience chat. It must be the
// last change.
func issuers(t *testing.T, names ...string) func(*Config) {
	return func(c *Config) {
		c.Discover = names
		var verifiers []*token.Verifier
		for _, name := range names {
			set, err := jwks.Discover(name, jwks.Options{Algorithms: c.Algorithms, Timeout: c.Timeout, InsecurePlainHTTP: c.InsecurePlainHTTP, Logger: slog.New(slog.DiscardHandler)})
			if err != nil {
				c.VerifierErr = err
				return
			}
			t.Cleanup(func() { _ = set.Close() })
			rules := c.Rules
			rules.Issuers, rules.Audiences = []string{name}, []string{"chat"}
			verifier, err := token.NewVerifier(set, rules)
			if err != nil {
				t.Fatal(err)
			}
			verifiers = append(verifiers, verifier)
		}
		c.Rules.Issuers, c.Rules.Audiences = names, []string{"chat"}
		if c.Verifier, c.VerifierErr = token.ByIssuer(verifiers...); c.VerifierErr != nil {
			t.Fatal(c.VerifierErr)
		}
	}
}

// A report is a list of findings.
type report []Finding

func (r report) String() string {
	var b strings.Builder
	for _, f := range r {
		fmt.Fprintf(&b, "%s %s: %s\n\t%s\n", f.Level, f.Subject, f.Text, f.Advice)
	}
	return b.String()
}

// examine runs the checks, and tests what holds for each finding: it is one line, has
// advice unless it is ok, and has no secret and no token in it.
func examine(t *testing.T, c Config) report {
	t.Helper()
	found := Examine(t.Context(), c)
	for _, f := range found {
		if (f.Level == OK) != (f.Advice == "") || f.Text == "" || strings.ContainsAny(f.Text+f.Advice, "\n\x1b") || len(f.Text) > 5000 {
			t.Errorf("finding %+v", f)
		}
		for _, secret := range []string{randomSecret, c.Token} {
			if secret != "" && strings.Contains(f.Text+f.Advice, secret) {
				t.Errorf("the secret or the token is in %+v", f)
			}
		}
	}
	return found
}

// want checks that there are these findings, written "level subject: part of the text",
// and no other warnings and failures. How many files may be open, and how fast an issuer answers,
// depends on the machine that runs the test.
func (r report) want(t *testing.T, findings ...string) {
	t.Helper()
	wanted, bad := 0, 0
	for _, f := range r {
		if f.Level != OK && !strings.Contains(f.Text, "files open") && !strings.Contains(f.Text, "fetching the keys took") {
			bad++
		}
	}
	for _, want := range findings {
		start, part, _ := strings.Cut(want, ": ")
		if !strings.HasPrefix(want, "ok ") {
			wanted++
		}
		found := false
		for _, f := range r {
			found = found || string(f.Level)+" "+f.Subject == start && strings.Contains(f.Text, part)
		}
		if !found {
			t.Errorf("there is no finding %q", want)
		}
	}
	if bad != wanted {
		t.Errorf("%d warnings and failures, want %d", bad, wanted)
	}
	if t.Failed() {
		t.Logf("findings:\n%s", r)
	}
}

// wantAdvice checks that a finding has this advice.
func (r report) wantAdvice(t *testing.T, advice string) {
	t.Helper()
	for _, f := range r {
		if strings.Contains(f.Advice, advice) {
			return
		}
	}
	t.Errorf("no advice %q in:\n%s", advice, r)
}

func TestDefaults(t *testing.T) {
	r := examine(t, with(func(c *Config) { c.Login = &Login{Life: time.Minute} }))
	r.want(t, "ok key: a random secret", "ok connections: own origin", "ok exposure: only this machine can reach", "ok exposure: no password")
	if openFiles() != 0 && !strings.Contains(r.String(), "files") {
		t.Errorf("there is no finding about open files:\n%s", r)
	}
}

func TestRules(t *testing.T) {
	public := publicKey(t, publicKeyFile(t))
	leeway := func(d time.Duration) func(*Config) { return func(c *Config) { c.Leeway = d } }
	waived := func(c *Config) {
		c.Rules = token.Options{InsecureNoIssuer: true, InsecureNoAudience: true}
		c.InsecurePlainHTTP = true
	}
	for name, test := range map[string]struct {
		config Config
		want   []string
	}{
		"complete":       {with(public), []string{`ok tokens: for "a"`}},
		"a secret":       {with(secret(randomSecret)), []string{"ok tokens: --audience"}},
		"waived":         {with(public, waived), []string{"warn tokens: --insecure-no-issuer", "warn tokens: --insecure-no-audience", "warn tokens: --insecure-plain-http"}},
		"no verifier":    {with(public, func(c *Config) { c.VerifierErr = fmt.Errorf("%w: Leeway", token.ErrOptions) }), []string{"fail tokens: Leeway"}},
		"a long leeway":  {with(public, leeway(61*time.Second)), []string{"warn tokens: 61 seconds"}},
		"a short leeway": {with(public, leeway(60*time.Second)), nil},
	} {
		t.Run(name, func(t *testing.T) { examine(t, test.config).want(t, test.want...) })
	}
}

func TestConnections(t *testing.T) {
	public := publicKey(t, publicKeyFile(t))
	origins := func(origins ...string) func(*Config) { return func(c *Config) { c.Engine.Origins = origins } }
	proxies := func(prefixes ...string) func(*Config) {
		return func(c *Config) {
			for _, p := range prefixes {
				c.Engine.TrustedProxies = append(c.Engine.TrustedProxies, netip.MustParsePrefix(p))
			}
		}
	}
	old := func(c *Config) {
		c.Engine.AllowEIO3, c.Engine.Bind = true, engineio.BindToAddress(c.Engine.TrustedProxies...)
	}
	everywhere := func(c *Config) { c.Addr, c.Addresses = ":9000", nil }
	for name, test := range map[string]struct {
		config Config
		want   []string
	}{
		"origins":              {with(public, origins("https://app.example.com", "http://localhost:3000", "http://127.0.0.1")), []string{"ok connections: 3 other origins"}},
		"all origins":          {with(public, origins("*")), []string{`fail connections: --origin "*" matches no request; list each origin`}},
		"some origins":         {with(public, origins("https://*.example.com")), []string{"warn connections: every name that it matches"}},
		"plain http, a star":   {with(public, origins("http://*.example.com")), []string{"warn connections: every name that it matches", "warn connections: not encrypted"}},
		"a whole domain":       {with(public, origins("https://*.com")), []string{`fail connections: --origin "https://*.com" matches no request`}},
		"local files":          {with(public, origins("file://")), []string{"warn connections: every local file"}},
		"plain http":           {with(public, origins("HTTP://app.example.com")), []string{"warn connections: not encrypted"}},
		"null":                 {with(public, origins("null")), []string{"warn connections: null"}},
		"not a URL":            {with(public, origins("https://a b")), []string{"fail connections: --origin"}},
		"proxies":              {with(public, proxies("10.0.0.0/8", "fd00::/16")), nil},
		"all proxies":          {with(public, proxies("0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96")), []string{"fail connections: 0.0.0.0/0 covers every", "fail connections: ::/0 covers every", "fail connections: 0.0.0.0/96 covers every"}},
		"many proxies":         {with(public, proxies("128.0.0.0/1", "2000::/3")), []string{"warn connections: 128.0.0.0/1", "warn connections: 2000::/3"}},
		"old clients":          {with(public, old), []string{"warn connections: query"}},
		"old clients, exposed": {with(public, everywhere, old), []string{"warn connections: query", "warn connections: each other's sessions", "warn exposure: does not use TLS"}},
		"old clients, proxied": {with(public, everywhere, proxies("10.1.2.3/32"), old), []string{"warn connections: query", "warn exposure: does not use TLS"}},
	} {
		t.Run(name, func(t *testing.T) { examine(t, test.config).want(t, test.want...) })
	}
}

func TestExposure(t *testing.T) {
	public := publicKey(t, publicKeyFile(t))
	login := func(l Login) func(*Config) { return func(c *Config) { c.Login = &l } }
	addresses := func(c *Config) { c.Addresses = append(c.Addresses, netip.MustParseAddr("192.0.2.1")) }
	for name, test := range map[string]struct {
		config Config
		want   []string
	}{
		"every address":       {with(public, func(c *Config) { c.Addresses = nil }), []string{"warn exposure: does not use TLS"}},
		"one of two":          {with(public, addresses), []string{"warn exposure: does not use TLS"}},
		"no address":          {with(public, func(c *Config) { c.AddrErr, c.Addresses = fmt.Errorf("--addr a\nFAIL b\x1b[2J"), nil }), []string{`fail exposure: --addr a; FAIL b\u001b[2J`}},
		"login for all":       {with(login(Login{Life: time.Minute, Remote: true})), []string{"fail exposure: --insecure-remote-login"}},
		"login by a secret":   {with(secret(randomSecret), login(Login{Life: time.Minute})), []string{"warn exposure: signs with the secret that was given"}},
		"login, exposed":      {with(addresses, login(Login{Life: time.Minute})), []string{"warn exposure: does not use TLS", "warn exposure: other machines can reach this server"}},
		"login for two hours": {with(login(Login{Life: 2 * time.Hour})), []string{"warn exposure: valid for 2 hours"}},
	} {
		t.Run(name, func(t *testing.T) { examine(t, test.config).want(t, test.want...) })
	}
}

func TestMetricsAreCovered(t *testing.T) {
	public := publicKey(t, publicKeyFile(t))
	at := func(addresses ...string) func(*Config) {
		return func(c *Config) {
			c.Metrics = "host:9002"
			for _, a := range addresses {
				c.MetricsAddresses = append(c.MetricsAddresses, netip.MustParseAddr(a))
			}
		}
	}
	for name, test := range map[string]struct {
		config Config
		want   []string
	}{
		"every address": {with(public, at()), []string{"warn metrics: on all addresses"}},
		"no address":    {with(public, at(), func(c *Config) { c.MetricsErr = fmt.Errorf("no such host") }), []string{"fail metrics: no such host"}},
		"one of ours":   {with(public, at("10.1.2.3", "::1")), nil},
		"loopback":      {with(public, at("127.0.0.1", "::1")), nil},
	} {
		t.Run(name, func(t *testing.T) { examine(t, test.config).want(t, test.want...) })
	}
}

func TestFilesSuffice(t *testing.T) {
	for files, want := range map[uint64]Finding{
		9_999:   {Level: Warn, Text: "9999 files open, enough for some 9949 connections"},
		20:      {Level: Warn, Text: "some 0 connections"},
		10_000:  {Level: OK, Text: "more than 9950"},
		1 << 63: {Level: OK, Text: "999950"},
	} {
		got := filesSuffice(&examination{openFiles: files})
		if len(got) != 1 || got[0].Level != want.Level || !strings.Contains(got[0].Text, want.Text) {
			t.Errorf("%d files: %v, want %v", files, got, want)
		}
	}
	if got := filesSuffice(&examination{}); got != nil {
		t.Errorf("unknown: %v", got)
	}
}

// A token is redacted wherever it was put.
func TestTokenIsRedacted(t *testing.T) {
	compact := signed(t, randomSecret, map[string]any{"sub": strings.Repeat("ada", 60)})
	r := examine(t, with(secret(randomSecret), func(c *Config) {
		c.Token, c.Addr, c.Engine.Origins = compact, compact, []string{compact}
		c.AddrErr = fmt.Errorf("--addr %s", compact)
	}))
	if regexp.MustCompile(`eyJ`).MatchString(r.String()) || !strings.Contains(r.String(), "<token>") {
		t.Errorf("a part of the token is in:\n%s", r)
	}
}

func TestCount(t *testing.T) {
	for n, want := range []string{"no keys", "1 key", "2 keys"} {
		if got := Count(n, "key"); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
