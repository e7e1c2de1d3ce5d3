package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"socketiojwt/socketio"
	"socketiojwt/token"
)

// doctorCommand says what is unsafe or broken in a configuration of serve.
type doctorCommand struct {
	configuration `embed:""`

	Token   *string       `env:"SOCKETIO_JWT_TOKEN" group:"Examination" placeholder:"TOKEN" help:"A token that should be accepted, or - to read it from standard input: it is examined too."`
	Timeout time.Duration `group:"Examination" default:"10s" help:"How long each issuer may take to answer. Default: ${default}."`
	JSON    bool          `name:"json" group:"Examination" help:"Print the findings as JSON."`
}

// Help is shown by --help.
func (doctorCommand) Help() string {
	return `Takes the flags and the variables of serve, and examines them without serving. It does ask an issuer for its keys. Each finding begins with "ok", "WARN" (it works, and is less safe than it could be) or "FAIL" (it does not work, or admits strangers). What to do is below it.

The exit code is 0 if nothing is worse than a warning, 1 if there are problems, 2 if the examination failed.

--json prints {"findings": [{"level", "subject", "text", "advice"}], "problems", "warnings"}. A level is "ok", "warn" or "fail"; advice is left out if it is ok. Texts may change; the rest does not.

Examples:

    socketio-jwt doctor
    SOCKETIO_JWT_SECRET=... socketio-jwt doctor --no-login
    socketio-jwt doctor --issuer https://issuer.example --audience chat --addr :9000
    socketio-jwt doctor --issuer https://issuer.example --audience chat \
        --token - < token.txt`
}

// level says how bad a finding is.
type level string

const (
	levelOK   level = "ok"
	levelWarn level = "WARN"
	levelFail level = "FAIL"
)

// finding is what one check found.
type finding struct {
	level  level
	text   string
	advice string // what to do; empty when it is ok
}

func ok(format string, args ...any) []finding {
	return []finding{{levelOK, fmt.Sprintf(format, args...), ""}}
}

func warn(advice, format string, args ...any) []finding {
	return []finding{{levelWarn, fmt.Sprintf(format, args...), advice}}
}

func fail(advice, format string, args ...any) []finding {
	return []finding{{levelFail, fmt.Sprintf(format, args...), advice}}
}

// checks are all there are, in the order in which they are told. Each says nothing of
// what is not there.
var checks = []struct {
	subject string
	find    func(*examination) []finding
}{
	{"key", keyIsUsable},
	{"key", secretIsHardToGuess},
	{"key", secretIsSpelledWell},
	{"key", secretIsOffTheCommandLine},
	{"key", filesAreOurs},
	{"key", certificateIsInTime},
	{"issuer", issuersAreWell},
	{"tokens", rulesFit},
	{"tokens", rulesAreWhole},
	{"tokens", leewayIsShort},
	{"tokens", shownTokenIsReadable},
	{"tokens", shownTokenIsAccepted},
	{"tokens", shownTokenFitsShortSecret},
	{"tokens", shownTokenIsShort},
	{"tokens", shownTokenNamesSomebody},
	{"tokens", shownTokenIsForAccess},
	{"connections", engineStarts},
	{"connections", originsAreSafe},
	{"connections", proxiesAreFew},
	{"connections", oldClientsAreBound},
	{"exposure", addressIsCovered},
	{"exposure", loginIsLocal},
	{"exposure", filesSuffice},
}

// examination is a configuration, and what was seen when it was tried.
type examination struct {
	*configuration
	now time.Time

	key    token.Key
	login  *issuer // the development issuer; nil when there is none
	keyErr error   // why serve has no key

	issuers  []*asked // those that publish their keys
	rulesErr error    // why there is no verifier, although there is a key
	shown    *shown   // nil when no token was given

	engineErr error
	ips       []netip.Addr // that serve would listen on; none: all there are
	addrErr   error
	openFiles uint64 // how many serve may have; 0 when that is unknown
}

// errProblems is returned by doctor when it has told of problems.
var errProblems = errors.New("there are problems")

// Run examines, and prints what was found.
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
	e := c.examine(ctx, compact, http.DefaultTransport)
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.JSON {
		return e.reportJSON(t, compact)
	}
	return e.report(t, compact)
}

// examine tries what serve would do, but for serving. The token may be empty.
func (c *doctorCommand) examine(ctx context.Context, compact string, transport http.RoundTripper) *examination {
	e := &examination{configuration: &c.configuration, now: time.Now(), openFiles: openFiles()}
	silent := slog.New(slog.DiscardHandler)
	if _, given, err := c.configuration.key(); err == nil && c.publishes(given) {
		for _, name := range c.Issuer {
			e.issuers = append(e.issuers, ask(ctx, name, &c.configuration, c.Timeout, transport))
		}
	}
	var verifier *token.Verifier
	if e.key, e.login, e.keyErr = c.keys(silent); e.keyErr == nil {
		var keys published
		verifier, keys, e.rulesErr = c.verifierOf(e.key, silent)
		defer keys.close()
	}
	if compact != "" {
		verifying, cancel := context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		e.shown = show(verifying, compact, verifier)
	}
	if io, err := socketio.NewServer(socketio.Options{Engine: c.engine()}); err != nil {
		e.engineErr = err
	} else {
		_ = io.Close()
	}
	resolving, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	e.ips, _, e.addrErr = addresses(resolving, c.Addr)
	return e
}

// exposed reports whether other machines reach what serve listens on.
func (e *examination) exposed() bool {
	if e.addrErr != nil {
		return false
	}
	for _, ip := range e.ips {
		if !ip.IsLoopback() {
			return true
		}
	}
	return len(e.ips) == 0
}

// report prints what the checks find, and fails with errProblems if it is too bad.
func (e *examination) report(t terminal, compact string) error {
	count := map[level]int{}
	for _, check := range checks {
		for _, f := range check.find(e) {
			count[f.level]++
			fmt.Fprintf(t.out, "%-4s  %s: %s\n", f.level, check.subject, oneLine(f.text, compact))
			if f.advice != "" {
				fmt.Fprintf(t.out, "      %s\n", oneLine(f.advice, compact))
			}
		}
	}
	fmt.Fprintf(t.out, "%s, %s\n", amount(count[levelFail], "problem"), amount(count[levelWarn], "warning"))
	if count[levelFail] > 0 {
		return errProblems
	}
	return nil
}

// oneLine makes a finding one printable line of bounded length, without the token.
func oneLine(text, compact string) string {
	return fmt.Sprintf("%.1000s", printable(redact(strings.ReplaceAll(text, "\n", "; "), compact)))
}

// amount counts things.
func amount(n int, thing string) string {
	switch n {
	case 0:
		return "no " + thing + "s"
	case 1:
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// quoted is a text from elsewhere, short and harmless. Of a token no part is left, as
// would be if it were cut first.
func quoted(text string) string { return fmt.Sprintf("%.100q", redact(text, "")) }

// ofPackages is what packages write into their errors for whoever calls them, in place
// of words for whoever types.
var ofPackages = strings.NewReplacer(
	token.ErrKeysUnavailable.Error()+": ", "", token.ErrKey.Error()+": ", "", "the key that was given: ", "",
	"engineio: Options.Origins: ", "--origin ", ", or set InsecureAnyOrigin to allow all of them", "", "; use OriginFunc for other rules", "",
	"Options.InsecurePlainHTTP", "--insecure-plain-http", token.ErrOptions.Error()+": ", "", context.DeadlineExceeded.Error(), "not in time",
	"jwks: ", "", "token: ", "", "engineio: ", "",
)

// plain is the text of an error in plain words.
func plain(err error) string { return ofPackages.Replace(err.Error()) }
