package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/doctor"
	"socketiojwt/token/jwks"
)

// doctorCommand reports what is unsafe or broken in a configuration of serve.
type doctorCommand struct {
	serveCommand `embed:""`

	Token   *string       `env:"SOCKETIO_JWT_TOKEN" group:"Examination" placeholder:"TOKEN" help:"A token that should be accepted, or - to read it from standard input: it is examined too."`
	Timeout time.Duration `group:"Examination" default:"10s" help:"How long each issuer, and Redis, may take to answer. Default: ${default}."`
	JSON    bool          `name:"json" group:"Examination" help:"Print the findings as JSON."`
}

// Help is shown by --help.
func (doctorCommand) Help() string {
	return `Takes the flags, the variables and the configuration file of serve, and checks them without serving. It does ask an issuer for its keys, and the Redis of --redis for its version, its configuration, the rights of its user and the nodes that use it. Each finding begins with "ok", "WARN" (it works, and is less safe than it could be) or "FAIL" (it does not work, or admits unauthenticated peers). What to do is below it.

The exit code is 0 if nothing is worse than a warning, 1 if there are problems, 2 if the checks could not run.

--json prints {"findings": [{"level", "subject", "text", "advice"}], "problems", "warnings"}. A level is "ok", "warn" or "fail"; advice is left out if it is ok. Texts may change; the rest does not.

Examples:

    socketio-jwt doctor
    socketio-jwt doctor --config /etc/socketio-jwt/socketio-jwt.toml
    SOCKETIO_JWT_SECRET=... socketio-jwt doctor --no-login
    socketio-jwt doctor --issuer https://issuer.example --audience chat --addr :9000
    socketio-jwt doctor --issuer https://issuer.example --audience chat \
        --token - < token.txt
    socketio-jwt doctor --issuer https://issuer.example --audience chat \
        --redis rediss://redis.example:6379 --cluster-key-file cluster.key`
}

// errProblems is returned by doctor after it has reported problems.
var errProblems = errors.New("there are problems")

// Run prints the findings.
func (c *doctorCommand) Run(ctx context.Context, t terminal) error {
	if err := positive("--timeout", c.Timeout); err != nil {
		return err
	}
	compact := ""
	if c.Token != nil {
		var err error
		if compact, err = readToken(ctx, *c.Token, t.in); err != nil {
			return err
		}
	}
	findings := c.examine(ctx, compact)
	if err := ctx.Err(); err != nil {
		return err
	}
	result := examinedResult{Findings: findings}
	for _, f := range findings {
		switch f.Level {
		case doctor.Fail:
			result.Problems++
		case doctor.Warn:
			result.Warnings++
		}
	}
	var err error
	if c.JSON {
		err = printJSON(t.out, result)
	} else {
		printFindings(t, result)
	}
	if err == nil && result.Problems > 0 {
		err = errProblems
	}
	return err
}

// examine runs the checks on what serve would start with.
func (c *doctorCommand) examine(ctx context.Context, compact string) []doctor.Finding {
	d := doctor.Config{
		SecretFile: c.SecretFile, PublicKeyFile: c.PublicKey, Algorithms: c.algorithms(), Profile: c.Profile,
		InsecurePlainHTTP: c.InsecurePlainHTTP, Transport: http.DefaultTransport, Timeout: c.Timeout,
		Engine: c.engine(engineio.Options{}), Addr: c.Addr, Token: compact,
	}
	if secret, given, err := c.trust.secret(); err == nil && given {
		d.Secret = &secret
		d.SecretFromFlag = c.sources["secret"] == sourceFlag
	}
	if _, given, err := c.key(); err == nil && c.publishes(given) {
		d.Discover = c.Issuer
	}
	var login *issuer
	if d.Key, login, d.KeyErr = c.keys(silent); d.KeyErr == nil {
		var keys published
		d.Verifier, keys, d.VerifierErr = c.verifierOf(d.Key, jwks.Options{Logger: silent})
		defer keys.close()
	}
	if login != nil {
		d.Login = &doctor.Login{Life: login.life, Remote: c.InsecureRemoteLogin}
	}
	if c.tlsFiles.enabled() {
		d.TLS = &doctor.TLS{KeyFile: c.TLSKey}
		d.TLS.Pair, d.TLS.Err = c.tlsFiles.pair()
	}
	if c.Redis != "" {
		d.Redis = c.examinedRedis(login)
	}
	d.Leeway = c.leeway()
	if c.checkProfile() == nil {
		d.Rules = c.options()
		d.ShortSecret, _ = c.underShort() // a fault of the rules shows when the secret is long enough
	}
	resolving, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	d.Addresses, _, d.AddrErr = addresses(resolving, "--addr", c.Addr)
	if c.Metrics != "" && c.metricsListener.check(&c.serveCommand) == nil { // otherwise otherProblems says why
		d.Metrics = c.Metrics
		d.MetricsAddresses, _, d.MetricsErr = addresses(resolving, "--metrics", c.Metrics)
	}
	d.Operators = c.examinedOperators(resolving)
	d.OtherSecrets = []doctor.OtherSecret{
		{Flag: "--admin-secret", FromFlag: c.sources["admin-secret"] == sourceFlag, File: c.AdminSecretFile, Can: "sign as an operator"},
		{Flag: "--cluster-key", FromFlag: c.sources["cluster-key"] == sourceFlag, File: c.ClusterKeyFile, Can: "send messages as a node, if Redis can be reached"},
		{Flag: "--upstream-secret", File: c.UpstreamSecretFile, Can: "send requests to the backend as this server"},
		{Flag: "--redis-password", File: c.RedisPasswordFile, Can: "use Redis as this server"},
	}
	return append(c.otherProblems(), doctor.Examine(ctx, d)...)
}

// otherProblems returns what else prevents serve from starting: problems of the configuration file,
// and of flags that no other check reads.
func (c *doctorCommand) otherProblems() (findings []doctor.Finding) {
	errs := append(slices.Clone(c.problems), c.checkTables(&c.serveCommand), c.checkEffects(), c.checkLives())
	for _, p := range c.parts() {
		if p != part(&c.configuration) && p != part(&c.tlsFiles) { // which have findings of their own
			errs = append(errs, p.check(&c.serveCommand))
		}
	}
	for _, err := range problemsOf(c.located(joined(errs...))) {
		findings = append(findings, doctor.Finding{Level: doctor.Fail, Subject: "configuration", Text: doctor.Plain(err), Advice: "\"serve\" with the same flags and file does not start; \"config check\" says the same without asking other machines."})
	}
	return findings
}

// examinedOperators returns what doctor must know about --admin, or nil. If the flags are wrong,
// otherProblems says why.
func (c *doctorCommand) examinedOperators(ctx context.Context) *doctor.Operators {
	if c.Admin == "" {
		return nil
	}
	examined := &doctor.Operators{Addr: c.Admin}
	examined.Secret, _, _ = c.adminListener.secret()
	examined.Addresses, _, examined.Err = addresses(ctx, "--admin", c.Admin)
	return examined
}

// examinedRedis returns what doctor must know about --redis.
func (c *doctorCommand) examinedRedis(login *issuer) *doctor.Redis {
	examined := &doctor.Redis{Keys: c.checkKeys(c.accepted(login))}
	nodes, err := c.cluster()
	if err != nil {
		examined.Err = err
		return examined
	}
	examined.Client, examined.Wire, examined.Prefix, examined.PasswordFromFlag = nodes.client, nodes.wire, nodes.prefix, nodes.passwordFromFlag
	examined.Revocations = nodes.revocations()
	return examined
}

// printFindings prints each finding, and the number of problems and warnings.
func printFindings(t terminal, result examinedResult) {
	for _, f := range result.Findings {
		level := string(f.Level)
		if f.Level != doctor.OK {
			level = strings.ToUpper(level)
		}
		fmt.Fprintf(t.out, "%-4s  %s: %s\n", level, f.Subject, f.Text)
		if f.Advice != "" {
			fmt.Fprintf(t.out, "      %s\n", f.Advice)
		}
	}
	fmt.Fprintf(t.out, "%s, %s\n", doctor.Count(result.Problems, "problem"), doctor.Count(result.Warnings, "warning"))
}
