// Package doctor reports what does not work or is unsafe in a configuration of the serve
// command, and in the issuer that it trusts.
package doctor

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"socketiojwt/engineio"
	"socketiojwt/internal/display"
	"socketiojwt/socketio"
	"socketiojwt/token"
)

// A Config describes a server before it starts: the flags, and the keys, the verifier and
// the addresses that the command made of them.
type Config struct {
	Secret         *string // the shared secret; nil if there is none
	SecretFromFlag bool    // it is on the command line
	SecretFile     string  // empty if there is none
	PublicKeyFile  string  // empty if there is none
	OtherSecrets   []OtherSecret

	Key         token.Key         // the zero Key if the issuers publish the keys
	Algorithms  []token.Algorithm // nil for the default of the key
	KeyErr      error             // why there is no key
	ShortSecret *token.Verifier   // accepts the secret although it is too short; otherwise nil

	Rules       token.Options
	Leeway      time.Duration // in force; Rules.Leeway may stand for it
	Profile     string
	Verifier    *token.Verifier // nil if there is none
	VerifierErr error           // why there is a key, and no verifier

	Discover          []string // issuers whose keys are fetched
	InsecurePlainHTTP bool
	Transport         http.RoundTripper // for requests to issuers
	Timeout           time.Duration     // of the requests to one issuer, and of Verify

	Login *Login // the development issuer; nil if there is none

	Engine    engineio.Options
	Addr      string
	Addresses []netip.Addr // of Addr; empty means all of this machine
	AddrErr   error        // why Addr does not resolve

	TLS              *TLS         // of Addr; nil for plain HTTP
	Metrics          string       // of --metrics; empty means none
	MetricsAddresses []netip.Addr // of Metrics; empty means all of this machine
	MetricsErr       error        // why Metrics does not resolve

	Operators *Operators // the API of operators; nil if there is none
	Redis     *Redis     // by which nodes talk; nil if there is one node

	Token string // a token that should be accepted; empty if there is none
}

// Login describes the development issuer.
type Login struct {
	Life   time.Duration // of its tokens
	Remote bool          // it serves other machines
}

// OtherSecret is a secret that verifies no tokens of users.
type OtherSecret struct {
	Flag     string // without -file, such as --cluster-key
	FromFlag bool   // it is on the command line
	File     string // empty if there is none
	Can      string // what someone can do who knows the secret
}

// Operators describes the API of operators.
type Operators struct {
	Addr      string
	Addresses []netip.Addr // of Addr; empty means all of this machine
	Err       error        // why Addr does not resolve
	Secret    string       // that signs their tokens
}

// A Level says how bad a finding is.
type Level string

// The levels.
const (
	OK   Level = "ok"
	Warn Level = "warn" // it works, and is less safe than it could be
	Fail Level = "fail" // it does not work, or admits unauthenticated peers
)

// A Finding is the result of one check. Text and Advice are one printable line of bounded
// length each, without the token.
type Finding struct {
	Level   Level  `json:"level"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
	Advice  string `json:"advice,omitempty"` // for the operator; empty if Level is OK
}

// checks lists all checks in the order of their findings. A check that does not apply
// finds nothing.
var checks = []struct {
	subject string
	find    func(*examination) []Finding
}{
	{"key", keyIsUsable},
	{"key", secretIsHardToGuess},
	{"key", secretHasNoSpace},
	{"key", secretIsOffTheCommandLine},
	{"key", filesAreProtected},
	{"key", certificateIsCurrent},
	{"secrets", otherSecretsAreKept},
	{"issuer", issuersPublishKeys},
	{"tokens", verifierExists},
	{"tokens", rulesAreComplete},
	{"tokens", leewayIsShort},
	{"tokens", tokenIsAccepted},
	{"tokens", tokenIsSensible},
	{"connections", engineStarts},
	{"connections", originsAreSafe},
	{"connections", proxiesAreFew},
	{"connections", oldClientsAreBound},
	{"redis", redisAnswers},
	{"redis", redisIsRecent},
	{"redis", redisIsPrivate},
	{"redis", redisRights},
	{"redis", redisKeeps},
	{"redis", redisSaves},
	{"redis", redisReplicates},
	{"redis", redisBuffers},
	{"redis", redisIsNear},
	{"redis", redisClusterFits},
	{"redis", redisWires},
	{"tls", tlsWorks},
	{"tls", tlsNamesTheHost},
	{"tls", tlsIsTrusted},
	{"exposure", addressIsCovered},
	{"metrics", metricsAreCovered},
	{"operators", operatorsAreCovered},
	{"operators", operatorSecretIsGood},
	{"exposure", loginIsLocal},
	{"exposure", filesSuffice},
}

// An examination is a Config and the results of trying it.
type examination struct {
	Config
	now       time.Time
	issuers   []*asked
	redis     *redisAsked  // nil without Config.Redis
	accepted  *token.Token // for Config.Token
	refused   error
	engineErr error
	openFiles uint64 // how many this process may have; 0 if unknown
}

// Examine runs all checks. It asks each issuer for its keys, and listens nowhere. If ctx
// ends early, the findings about issuers and the token are wrong.
func Examine(ctx context.Context, c Config) []Finding {
	e := &examination{Config: c, now: time.Now(), openFiles: openFiles()}
	for _, issuer := range c.Discover {
		e.issuers = append(e.issuers, ask(ctx, issuer, &c))
	}
	e.redis = askRedis(ctx, &c)
	if v := e.verifier(); v != nil && c.Token != "" {
		verifying, cancel := context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		e.accepted, e.refused = v.Verify(verifying, c.Token)
	}
	if srv, err := socketio.NewServer(socketio.Options{Engine: c.Engine}); err != nil {
		e.engineErr = err
	} else {
		_ = srv.Close()
	}
	return e.findings()
}

func (e *examination) findings() (all []Finding) {
	for _, check := range checks {
		for _, f := range check.find(e) {
			f.Subject, f.Text, f.Advice = check.subject, oneLine(f.Text, e.Token), oneLine(f.Advice, e.Token)
			all = append(all, f)
		}
	}
	return all
}

// verifier returns the verifier for Config.Token, nil if there is none.
func (e *examination) verifier() *token.Verifier {
	if e.ShortSecret != nil {
		return e.ShortSecret
	}
	return e.Verifier
}

// exposed reports whether other machines can reach the server.
func (e *examination) exposed() bool {
	for _, ip := range e.Addresses {
		if !ip.IsLoopback() {
			return true
		}
	}
	return e.AddrErr == nil && len(e.Addresses) == 0
}

func ok(format string, args ...any) []Finding {
	return []Finding{{Level: OK, Text: fmt.Sprintf(format, args...)}}
}

func warn(advice, format string, args ...any) []Finding {
	return []Finding{{Level: Warn, Text: fmt.Sprintf(format, args...), Advice: advice}}
}

func fail(advice, format string, args ...any) []Finding {
	return []Finding{{Level: Fail, Text: fmt.Sprintf(format, args...), Advice: advice}}
}

// oneLine makes text one printable line of at most 1000 characters, without the token.
func oneLine(text, compact string) string {
	return fmt.Sprintf("%.1000s", display.Printable(display.Redact(strings.ReplaceAll(text, "\n", "; "), compact)))
}

// quoted quotes at most 100 characters of a text that the operator or a peer chose.
// Tokens in it are redacted before it is cut.
func quoted(text string) string { return fmt.Sprintf("%.100q", display.Redact(text, "")) }

// Count returns n and the noun, such as "no keys", "1 key" and "2 keys".
func Count(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun + "s"
	case 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// flagsForOptions replaces what errors of this module say to programs by what the
// operator can type.
var flagsForOptions = strings.NewReplacer(
	token.ErrKeysUnavailable.Error()+": ", "", token.ErrKey.Error()+": ", "", token.ErrOptions.Error()+": ", "", "give the public key to PEM, DER or JWK instead", "give the public key by --public-key instead",
	"engineio: Options.Origins: ", "--origin ", ", or set InsecureAnyOrigin to allow all of them", "", "; use OriginFunc for other rules", "",
	"Options.InsecurePlainHTTP", "--insecure-plain-http", "Options.NumericSubject", "--numeric-subject",
	context.DeadlineExceeded.Error(), "timed out",
)

// packagePrefix matches the names of packages with which their errors begin.
var packagePrefix = regexp.MustCompile(`(^|: |; |\n)(?:jwks|token|mint|engineio): `)

// Plain returns the text of an error of this module, with flags of the command in place
// of the options of packages.
func Plain(err error) string {
	return packagePrefix.ReplaceAllString(flagsForOptions.Replace(err.Error()), "$1")
}
