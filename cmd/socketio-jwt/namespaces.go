package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"socketiojwt/auth"
	"socketiojwt/socketio"
	"socketiojwt/token"
	"socketiojwt/token/jwks"
)

// namespaceTable is a table [[namespace]] of the configuration file. Its tags are those of flags,
// because its keys are read as those are.
type namespaceTable struct {
	Name   string   `placeholder:"NAME" help:"Name of the namespace, such as /chat. Required."`
	Mode   string   `enum:"handshake,event" default:"handshake" help:"Where peers show their token: in the handshake (one round trip), or by the event \"authenticate\" (two), as clients of socketio-jwt do."`
	Gate   string   `placeholder:"NAME" help:"What operators and other nodes call the gate of the namespace: 1 to 64 letters, digits, hyphens and underscores. Default: the name without slashes, or main for /."`
	Guests bool     `help:"Admit peers without a token. They can log in later by \"authenticate\"."`
	Source []string `placeholder:"SOURCE" help:"Where a token may be shown: auth:MEMBER of the auth payload, header (Authorization), cookie:NAME or query:NAME. Proxies may log queries. Default: auth:token and header."`
	Scope  []string `placeholder:"SCOPE" help:"Scopes that a token must have, all of them (scope, scp or permissions)."`
	Room   []string `placeholder:"CLAIM=PREFIX" help:"Rooms that follow from a token: for sub=user: and the subject ada, the room user:ada. A claim with a list of strings gives a room for each. If the namespace has several issuers, the issuer is part of the name."`

	Timeout           time.Duration `default:"5s" help:"How long the admission of a socket may take. With mode event, the time in which a peer must show a token."`
	Attempts          int           `default:"1" help:"How many tokens a peer may show by \"authenticate\" before its socket ends, with mode event or guests."`
	WarnBefore        time.Duration `default:"30s" help:"How long before the end of its token a peer that asked for it is warned. 0s means no warnings."`
	AtExpiry          string        `enum:"close,leave,guest" default:"close" help:"What happens when the token of a socket ends: close its transport (clients come back with a fresh token), leave the namespace, or become a guest."`
	ExpiryGrace       time.Duration `default:"0s" help:"How long a socket may stay after its token has ended."`
	MaxLifetime       time.Duration `default:"0s" help:"How long a socket may stay, whatever its tokens say. 0s means no limit."`
	MaxHeld           int           `default:"10000" help:"Sockets that wait for their token at the same time, with mode event."`
	MaxHeldPerAddress int           `default:"1000" help:"Such sockets of one address."`

	trust `embed:""`

	where string // FILE:LINE
	gate  string // Gate, or its default
}

// defaultNamespaces are served if the file has no table. If clients of Engine.IO 3 are allowed, /
// also reads the token from the query, because they cannot send it otherwise from a browser.
func (c *configuration) defaultNamespaces() []*namespaceTable {
	handshake, event := newNamespaceTable(), newNamespaceTable()
	handshake.Name, handshake.gate = "/", "handshake"
	if c.EIO3 {
		handshake.Source = []string{"auth:token", "header", "query:token"}
	}
	event.Name, event.gate, event.Mode = "/admin", "event", "event"
	return []*namespaceTable{handshake, event}
}

// newNamespaceTable returns a table with the defaults.
func newNamespaceTable() *namespaceTable {
	table := new(namespaceTable)
	for _, flag := range table.flags() {
		if flag.HasDefault {
			if err := flag.Parse(kong.ScanFromTokens(kong.Token{Type: kong.FlagValueToken, Value: flag.Default}), flag.Target); err != nil {
				panic(err) // an error in the struct tags
			}
		}
	}
	return table
}

// flags returns the keys of the table, as if they were flags.
func (n *namespaceTable) flags() []*kong.Flag {
	parser, err := kong.New(n, kong.NoDefaultHelp(), durations)
	if err != nil {
		panic(err) // an error in the struct tags
	}
	for _, flag := range parser.Model.Flags {
		flag.Envs = nil // the variables are those of the flags
	}
	return parser.Model.Flags
}

// readNamespaces reads the tables [[namespace]].
func (c *configFile) readNamespaces(d *document) {
	tables, ok := d.values["namespace"].([]any)
	if !ok {
		c.problems = append(c.problems, &problem{d.where("namespace"), errors.New("namespace must be a list of tables: begin each with [[namespace]]")})
		return
	}
	for i, value := range tables {
		path := fmt.Sprintf("namespace.%d", i)
		values, ok := value.(map[string]any)
		if !ok {
			c.problems = append(c.problems, &problem{d.where(path), errors.New("namespace must be a list of tables: begin each with [[namespace]]")})
			continue
		}
		table := newNamespaceTable()
		table.where = d.where(path)
		names := flagsByName(table.flags())
		for _, key := range d.inOrder(path+".", values) {
			flag, err := fileFlag(names, key)
			if err == nil {
				err = set(flag, values[key])
			}
			if err != nil {
				c.problems = append(c.problems, &problem{d.where(path + "." + key), err})
			}
		}
		table.gate = table.gateName()
		c.namespaces = append(c.namespaces, table)
	}
}

// gateName returns what operators call the gate of the namespace.
func (n *namespaceTable) gateName() string {
	switch name := strings.ReplaceAll(strings.Trim(n.Name, "/"), "/", "-"); {
	case n.Gate != "":
		return n.Gate
	case name == "":
		return "main"
	default:
		return name
	}
}

var gateNames = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// check returns an error if the table contradicts itself, or an earlier one.
func (n *namespaceTable) check(earlier []*namespaceTable) error {
	var wrong []error
	add := func(bad bool, text string, values ...any) {
		if bad {
			wrong = append(wrong, fmt.Errorf(text, values...))
		}
	}
	add(!strings.HasPrefix(n.Name, "/"), "name must be set, and begin with a slash: %.64q", n.Name)
	add(strings.ContainsAny(n.Name, ",?"), "name must not contain a comma or a question mark")
	add(slices.ContainsFunc(earlier, func(e *namespaceTable) bool { return e.Name == n.Name }), "name %q is that of an earlier namespace", n.Name)
	add(!gateNames.MatchString(n.gate), "gate %.64q must have 1 to 64 letters, digits, hyphens and underscores: set gate", n.gate)
	add(slices.ContainsFunc(earlier, func(e *namespaceTable) bool { return e.gate == n.gate }), "gate %q is that of an earlier namespace: set gate", n.gate)
	add(n.AtExpiry == "guest" && !n.Guests, "at-expiry guest needs guests = true")
	initial := newNamespaceTable()
	add(n.Mode != "event" && (n.MaxHeld != initial.MaxHeld || n.MaxHeldPerAddress != initial.MaxHeldPerAddress), "max-held and max-held-per-address have no effect without mode = \"event\"")
	add(n.Mode != "event" && !n.Guests && n.Attempts != initial.Attempts, "attempts has no effect without mode = \"event\" or guests = true")
	add(n.Attempts < 1, "attempts must be positive")
	add(n.MaxHeld < 1 || n.MaxHeldPerAddress < 1, "max-held and max-held-per-address must be positive")
	for key, d := range map[string]time.Duration{"warn-before": n.WarnBefore, "expiry-grace": n.ExpiryGrace, "max-lifetime": n.MaxLifetime} {
		add(d < 0, "%s must not be negative", key)
	}
	add(n.Timeout <= 0, "timeout must be positive")
	if _, err := n.sources(); err != nil {
		wrong = append(wrong, err)
	}
	if _, err := n.roomsFrom(false); err != nil {
		wrong = append(wrong, err)
	}
	return joined(wrong...)
}

// sources returns the sources of tokens, nil for the defaults.
func (n *namespaceTable) sources() (sources []auth.Source, err error) {
	for _, text := range n.Source {
		kind, name, _ := strings.Cut(text, ":")
		switch {
		case text == "header":
			sources = append(sources, auth.FromHeader())
		case kind == "auth" && name != "":
			sources = append(sources, auth.FromAuth(name))
		case kind == "cookie" && name != "":
			sources = append(sources, auth.FromCookie(name))
		case kind == "query" && name != "":
			sources = append(sources, auth.FromQuery(name))
		default:
			return nil, fmt.Errorf("source %.64q must be auth:MEMBER, header, cookie:NAME or query:NAME", text)
		}
	}
	return sources, nil
}

// roomsFrom returns the rooms that follow from tokens.
func (n *namespaceTable) roomsFrom(perIssuer bool) (rooms []auth.RoomsFrom, err error) {
	for _, text := range n.Room {
		claim, prefix, ok := strings.Cut(text, "=")
		if !ok || claim == "" || prefix == "" {
			return nil, fmt.Errorf("room %.64q must be CLAIM=PREFIX, such as sub=user:", text)
		}
		if strings.HasPrefix(userRooms, prefix) || strings.HasPrefix(prefix, userRooms) {
			return nil, fmt.Errorf("room %.64q: %s is the beginning of the rooms of users for those who publish", text, userRooms)
		}
		room := auth.RoomsOf(claim, prefix)
		if claim == "sub" {
			room = auth.RoomOfSubject(prefix)
		}
		if perIssuer {
			room = room.PerIssuer()
		}
		rooms = append(rooms, room)
	}
	return rooms, nil
}

// options returns the options of the gate, added to base.
func (n *namespaceTable) options(base auth.Options, manyIssuers bool) (auth.Options, error) {
	var err error
	if base.Sources, err = n.sources(); err != nil {
		return base, err
	}
	rooms, err := n.roomsFrom(manyIssuers)
	if err != nil {
		return base, err
	}
	base.Rooms = slices.Concat(base.Rooms, rooms)
	base.Timeout, base.WarnBefore, base.ExpiryGrace, base.MaxLifetime = n.Timeout, n.WarnBefore, n.ExpiryGrace, n.MaxLifetime
	base.AtExpiry = map[string]auth.Expiry{"leave": auth.LeaveNamespace, "guest": auth.BecomeGuest}[n.AtExpiry]
	if n.Guests {
		base.Guests = &auth.GuestOptions{Attempts: n.Attempts}
	}
	if len(n.Scope) > 0 {
		base.Authorize = auth.Check(func(_ context.Context, t *token.Token, _ *socketio.Handshake) error {
			has := auth.ScopesOf(t)
			for _, scope := range n.Scope {
				if !slices.Contains(has, scope) {
					return &auth.Error{Message: "insufficient scope", Code: "forbidden", Reason: auth.ReasonInsufficientScope, Err: fmt.Errorf("the token does not have the scope %q", scope)}
				}
			}
			return nil
		})
	}
	return base, nil
}

// eventOptions returns the options of event mode.
func (n *namespaceTable) eventOptions() auth.EventOptions {
	return auth.EventOptions{Attempts: n.Attempts, MaxHeld: n.MaxHeld, MaxHeldPerAddress: n.MaxHeldPerAddress}
}

// checkTrust returns what is wrong with the rules for tokens of the table.
func (n *namespaceTable) checkTrust() error {
	if !n.own() {
		if n.Alg != "" || n.Leeway != nil || n.NumericSubject || n.InsecurePlainHTTP || n.InsecureNoIssuer || n.InsecureNoAudience {
			return errors.New("alg, leeway and the other rules for tokens have no effect in a namespace without issuer, public-key or secret-file: those of the flags apply")
		}
		return nil
	}
	rules, err := n.rulesOf(jwks.Options{Logger: silent})
	if err != nil {
		return err
	}
	defer rules.published.close()
	opts, err := n.options(auth.Options{Logger: silent}, rules.verifier.ManyIssuers())
	if err == nil {
		_, err = auth.NewGate(rules.verifier, opts)
	}
	return err
}

// tables returns the namespaces that are served.
func (c *serveCommand) tables() []*namespaceTable {
	if len(c.namespaces) > 0 {
		return c.namespaces
	}
	return c.defaultNamespaces()
}

// named returns the table of a namespace, or nil.
func named(tables []*namespaceTable, name string) *namespaceTable {
	for _, table := range tables {
		if table.Name == name {
			return table
		}
	}
	return nil
}

// own reports whether the table says itself which tokens are accepted. Otherwise the flags do.
func (n *namespaceTable) own() bool { return n.SecretFile != "" || n.outside() }

// inherits reports whether the rules of the flags apply to a table.
func inherits(n *namespaceTable) bool { return !n.own() }
